//! A named subdomain taken in hand while the gateway is stopped.

use std::sync::Arc;

use m_ld_engine::store as engine;
use m_ld_engine::store::View;

use super::AppError;
use super::base::Base;
use crate::accounts::Principal;
use crate::clock::{Chance, Clock};
use crate::config::Config;
use crate::domains::Request;
use crate::ids::{DomainId, Name};
use crate::store::{Store, Tables};

/// A subdomain of which the gateway's clone is not open, because the gateway is not.
pub struct Claimed {
    base: Base,
    /// The m-ld domain.
    pub domain: String,
    tables: Option<Tables>,
}

impl Claimed {
    /// Opens the gateway's rooms without serving, and makes sure of the account's subdomain. Fails while the gateway
    /// runs.
    pub async fn open(
        config: &Config,
        (account, name): (&Name, &Name),
        (clock, chance): (&Clock, &Chance),
    ) -> Result<Self, AppError> {
        let base = Base::open(config, "https://localhost", clock, chance).await?;
        let permit = base.accounts.permit(&Principal::Root, account);
        let permit = permit.map_err(|refused| AppError::Claim(refused.into()))?;
        let request = Request::default();
        let made = base.domains.create(&permit, name, &request);
        made.await.map_err(AppError::Claim)?;
        let id = DomainId::Subdomain {
            account: account.clone(),
            name: name.clone(),
        };
        let domain = id.to_mld(&config.gateway.domain);
        let tables = base.store.tables(&domain, chance).await?;
        Ok(Self {
            base,
            domain,
            tables: Some(tables),
        })
    }

    /// The tables of the gateway's clone, once. What they say is safe is safe.
    pub fn tables(&mut self) -> Option<Box<dyn engine::Store>> {
        let tables = self.tables.take()?;
        let store = self.base.store.clone();
        Some(Box::new(Lone { tables, store }))
    }

    /// Lets go of everything, once the tables are.
    pub async fn close(self) -> Result<(), AppError> {
        self.base.close().await
    }
}

impl std::fmt::Debug for Claimed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Claimed")
            .field("domain", &self.domain)
            .finish_non_exhaustive()
    }
}

/// Tables whose user has a thread of its own, and waits on it until what it wrote is durable.
struct Lone {
    tables: Tables,
    store: Store,
}

impl engine::Store for Lone {
    fn view(&self) -> Arc<dyn View> {
        self.tables.view()
    }

    fn commit(&mut self, batch: engine::Batch) -> Result<(), engine::StoreError> {
        self.tables.commit(batch)
    }

    fn sync(&mut self) -> Result<(), engine::StoreError> {
        self.tables.sync()?;
        let settled = self.store.settle_blocking();
        settled.map_err(|cause| engine::StoreError::Failed(cause.to_string().into()))
    }
}
