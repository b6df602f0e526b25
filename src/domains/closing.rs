//! The end of an account, with all that is named under it.
//!
//! In three steps: its subdomains are deleted, which can be done again if it fails on the way; the account is closed;
//! and what was made between the two is deleted. Nothing is made after, because that asks for the account.

use super::{DomainError, Domains};
use crate::accounts::{AuthError, CloseAccount, Permit};
use crate::ids::Name;
use crate::store::finish;

impl Domains {
    /// Closes an account: its subdomains are deleted, its keys revoked, its addresses forgotten, and none of these names
    /// is ever given again. Once begun it goes on to its end, also if this future is dropped.
    pub async fn close_account(&self, permit: &Permit<CloseAccount>) -> Result<(), DomainError> {
        self.0.accounts.check_close(permit)?;
        let (domains, permit) = (self.clone(), permit.clone());
        finish(async move {
            let (account, by) = (permit.account(), permit.by());
            domains.bury_all(account, by).await?;
            domains.0.accounts.close(&permit).await?;
            domains.bury_all(account, by).await
        })
        .await
    }

    /// Deletes what accounts left that were closed when the daemon ended before it had deleted it all. For the start.
    pub async fn sweep(&self) -> Result<(), DomainError> {
        for account in self.0.index.accounts() {
            if self.0.accounts.is_closed(&account)? {
                self.bury_all(&account, "gateway").await?;
            }
        }
        Ok(())
    }

    /// Deletes every named subdomain of an account, those too that are being made.
    async fn bury_all(&self, account: &Name, by: &'static str) -> Result<(), DomainError> {
        let index = &self.0.index;
        // Whoever makes one just now has it in the index before this is there.
        let names = {
            let _making = index.make().await;
            index.of(account)
        };
        for name in names {
            let making = index.make().await;
            match self.bury(&making, (account, &name), by).await {
                // Somebody else was faster.
                Ok(()) | Err(DomainError::Refused(AuthError::NotFound)) => {}
                Err(cause) => return Err(cause),
            }
        }
        Ok(())
    }
}
