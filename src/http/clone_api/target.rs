//! What a request of the Clone API is about, and on what condition.

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, header};
use percent_encoding::percent_decode_str;

use crate::accounts::{Permit, Principal, UseDomains};
use crate::domains::{Condition, Host, Owner};
use crate::http::credentials::Caller;
use crate::http::path::DomainPath;
use crate::http::problem::Problem;
use crate::http::state::App;
use crate::ids::Name;

/// The gateway's clone that a request is for, open, and who asks.
#[derive(Debug)]
pub(in crate::http) struct Target {
    pub(super) host: Host,
    pub(super) owner: Owner,
    permit: Permit<UseDomains>,
    account: Name,
    name: Name,
}

impl Target {
    /// Sees that the caller still may, after what can take as long as a client likes: a body, or a stream.
    pub(super) fn still_may(&self, app: &App) -> Result<(), Problem> {
        Ok(app.accounts.check_permit(&self.permit)?)
    }

    /// Where the lock is released.
    pub(super) fn lock_location(&self) -> String {
        format!("/api/v1/domain/{}/{}/state?lock", self.account, self.name)
    }

    /// Where the subscription is seen and ended.
    pub(super) fn subscription_location(&self) -> String {
        format!("/api/v1/domain/{}/{}/subs", self.account, self.name)
    }
}

impl FromRequestParts<App> for Target {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let DomainPath(account, name) = DomainPath::from_request_parts(parts, app).await?;
        let caller = <Caller as FromRequestParts<App>>::from_request_parts(parts, app).await?;
        let permit = app.accounts.permit(&caller.principal, &account)?;
        let owner = match caller.principal {
            Principal::Root => Owner::Root,
            Principal::Account { name, .. } => Owner::Account(name),
            Principal::Anonymous => return Err(Problem::unauthorized()),
        };
        Ok(Self {
            host: app.domains.host(&permit, &name).await?,
            owner,
            permit,
            account,
            name,
        })
    }
}

/// The state that `If-Match` names (RFC 9110, section 13.1.1): any, or that of one tick.
pub(super) fn condition(headers: &HeaderMap) -> Result<Condition, Problem> {
    let mut values = headers.get_all(header::IF_MATCH).iter();
    let Some(value) = values.next() else {
        return Ok(Condition::Any);
    };
    let bad = || Problem::bad_request("If-Match has to be one entity tag, as ETag gave it, or *");
    let value = value.to_str().map_err(|_| bad())?.trim();
    if values.next().is_some() {
        return Err(bad());
    }
    if value == "*" {
        return Ok(Condition::Any);
    }
    let tag = value
        .strip_prefix('"')
        .and_then(|tag| tag.strip_suffix('"'))
        .filter(|tag| !tag.contains('"'))
        .ok_or_else(bad)?;
    // A tag that is none of ours matches no state.
    let digits = !tag.is_empty() && tag.bytes().all(|byte| byte.is_ascii_digit());
    let tick = digits.then(|| tag.parse().ok()).flatten();
    Ok(tick.map_or(Condition::None, Condition::Tick))
}

/// The members of a query string, decoded. A plus sign stands for a space, as forms write it.
pub(super) fn members(query: Option<&str>) -> Result<Vec<(String, String)>, Problem> {
    let decode = |text: &str| {
        let text = text.replace('+', " ");
        let decoded = percent_decode_str(&text).decode_utf8();
        decoded
            .map(std::borrow::Cow::into_owned)
            .map_err(|_| Problem::bad_request("the query string is not UTF-8"))
    };
    let members = query.unwrap_or_default().split('&');
    members
        .filter(|member| !member.is_empty())
        .map(|member| {
            let (name, value) = member.split_once('=').unwrap_or((member, ""));
            Ok((decode(name)?, decode(value)?))
        })
        .collect()
}

/// Whether the query string has `lock`, whatever its value, and nothing else.
pub(super) fn has_lock(query: Option<&str>) -> Result<bool, Problem> {
    let members = members(query)?;
    match members.as_slice() {
        [] => Ok(false),
        [(name, _)] if name == "lock" => Ok(true),
        _ => Err(Problem::bad_request(
            "the query string can be lock, or left out",
        )),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn if_match(value: &'static str) -> Option<Condition> {
        let value = HeaderValue::from_static(value);
        condition(&HeaderMap::from_iter([(header::IF_MATCH, value)])).ok()
    }

    #[test]
    fn a_condition_is_a_tick_as_the_entity_tag_says_it() {
        assert_eq!(condition(&HeaderMap::new()).ok(), Some(Condition::Any));
        assert_eq!(if_match("*"), Some(Condition::Any));
        assert_eq!(if_match("\"42\""), Some(Condition::Tick(42)));
        for other in ["\"\"", "\"x\"", "\"-1\"", "\"99999999999999999999\""] {
            assert_eq!(if_match(other), Some(Condition::None), "{other}");
        }
        for bad in ["", "42", "\"1\", \"2\"", "W/\"1\"", "\""] {
            assert_eq!(if_match(bad), None, "{bad}");
        }
    }

    #[test]
    fn query_strings_are_decoded_as_forms_write_them() {
        let decoded = members(Some("q=%7B%22a%22%3A+1%7D&lock")).unwrap();
        let expected = [("q", "{\"a\": 1}"), ("lock", "")];
        let decoded: Vec<_> = decoded
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect();
        assert_eq!(decoded, expected);
        assert!(members(Some("q=%ff")).is_err());
        assert!(has_lock(Some("lock")).unwrap());
        assert!(has_lock(Some("lock=true")).unwrap());
        assert!(!has_lock(None).unwrap());
        assert!(has_lock(Some("lock&lock")).is_err());
    }
}
