//! Names in paths. What is no name names nothing: 404.

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;

use super::problem::Problem;
use super::state::App;
use crate::ids::{KeyId, Name};

/// `{account}`.
#[derive(Debug)]
pub(crate) struct AccountPath(pub(crate) Name);

/// `{account}/{keyid}`.
#[derive(Debug)]
pub(crate) struct KeyPath(pub(crate) Name, pub(crate) KeyId);

/// `{account}/{name}`.
#[derive(Debug)]
pub(crate) struct DomainPath(pub(crate) Name, pub(crate) Name);

impl FromRequestParts<App> for AccountPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let account: String = members(parts, app).await?;
        Ok(Self(name(&account)?))
    }
}

impl FromRequestParts<App> for KeyPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let (account, key): (String, String) = members(parts, app).await?;
        let key = KeyId::parse(&key).map_err(|_| Problem::not_found())?;
        Ok(Self(name(&account)?, key))
    }
}

impl FromRequestParts<App> for DomainPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let (account, subdomain): (String, String) = members(parts, app).await?;
        Ok(Self(name(&account)?, name(&subdomain)?))
    }
}

async fn members<T>(parts: &mut Parts, app: &App) -> Result<T, Problem>
where
    T: serde::de::DeserializeOwned + Send,
{
    Path::<T>::from_request_parts(parts, app)
        .await
        .map(|Path(members)| members)
        .map_err(|_| Problem::not_found())
}

fn name(raw: &str) -> Result<Name, Problem> {
    Name::parse(raw).map_err(|_| Problem::not_found())
}
