//! Argon2id on the blocking pool, behind a small semaphore and a bounded queue.

use std::sync::Arc;

use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use crate::clock::Chance;
use crate::secret::KeySecret;

/// How many may wait for each that is under way. Beyond, the caller is told at once: a queue that grows without
/// end only makes everybody late.
const WAITING: usize = 16;

/// What one hash costs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    memory_kib: u32,
    passes: u32,
}

impl Cost {
    /// 19 MiB, two passes, one lane: 30 to 55 ms (OWASP's first recommendation for Argon2id).
    pub(super) const STANDARD: Self = Self {
        memory_kib: 19 * 1024,
        passes: 2,
    };

    /// As little as the algorithm allows, for tests of everything else.
    #[cfg(test)]
    pub(super) const LEAST: Self = Self {
        memory_kib: Params::MIN_M_COST,
        passes: 1,
    };
}

/// Why there is no hash.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum HashError {
    /// Too many wait already.
    #[error("too many password hashes are waiting")]
    Busy,
    /// The library failed or its thread did.
    #[error("a password hash failed")]
    Failed,
}

/// Makes and checks Argon2id hashes and runs what costs as much.
#[derive(Clone, Debug)]
pub(super) struct Hasher {
    cost: Cost,
    chance: Chance,
    working: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
}

impl Hasher {
    /// A hasher that has at most `concurrent` computations under way.
    pub(super) fn new(cost: Cost, concurrent: usize, chance: &Chance) -> Self {
        let concurrent = concurrent.clamp(1, 1024);
        Self {
            cost,
            chance: chance.clone(),
            working: Arc::new(Semaphore::new(concurrent)),
            admitted: Arc::new(Semaphore::new(concurrent * (1 + WAITING))),
        }
    }

    /// Takes all room there is.
    #[cfg(test)]
    pub(super) fn fill(&self) -> tokio::sync::OwnedSemaphorePermit {
        let all = u32::try_from(self.admitted.available_permits()).unwrap();
        Arc::clone(&self.admitted)
            .try_acquire_many_owned(all)
            .unwrap()
    }

    /// Hashes a secret; the answer is a PHC string.
    pub(super) async fn hash(&self, secret: &KeySecret) -> Result<String, HashError> {
        let (secret, salt, cost) = (secret.clone(), self.chance.bytes::<16>(), self.cost);
        self.run(move || {
            let params = Params::new(cost.memory_kib, cost.passes, 1, None).ok()?;
            Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
                .hash_password_with_salt(secret.expose().as_bytes(), &salt)
                .ok()
                .map(|hash| hash.to_string())
        })
        .await?
        .ok_or(HashError::Failed)
    }

    /// Whether `phc` is a hash of `secret`. Memory and passes are those the hash names: it is our own, and sealed.
    pub(super) async fn check(&self, phc: &str, secret: &KeySecret) -> Result<bool, HashError> {
        let (phc, secret) = (phc.to_owned(), secret.clone());
        self.run(move || {
            Argon2::default()
                .verify_password(secret.expose().as_bytes(), phc.as_str())
                .is_ok()
        })
        .await
    }

    /// Runs something expensive on the blocking pool, under the same bounds.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, HashError> {
        let _admitted = self.admitted.try_acquire().map_err(|_| HashError::Busy)?;
        let working = Arc::clone(&self.working);
        let slot = working.acquire_owned().await.map_err(|_| HashError::Busy)?;
        tokio::task::spawn_blocking(move || {
            // Held by the work, not by who waits for it: a caller that goes away frees no CPU.
            let _slot = slot;
            work()
        })
        .await
        .map_err(|_| HashError::Failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_hash_fits_its_secret_and_no_other() {
        let hasher = Hasher::new(Cost::LEAST, 1, &Chance::seeded(1));
        let phc = hasher.hash(&KeySecret::new("right")).await.unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{phc}");
        assert_eq!(hasher.check(&phc, &KeySecret::new("right")).await, Ok(true));
        assert_eq!(
            hasher.check(&phc, &KeySecret::new("wrong")).await,
            Ok(false)
        );
        assert_eq!(
            hasher.check("no hash", &KeySecret::new("right")).await,
            Ok(false)
        );
    }

    #[tokio::test]
    async fn the_standard_cost_is_the_one_promised() {
        let hasher = Hasher::new(Cost::STANDARD, 1, &Chance::seeded(1));
        let phc = hasher.hash(&KeySecret::new("s")).await.unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{phc}");
    }

    #[tokio::test]
    async fn beyond_the_queue_the_answer_is_busy_at_once() {
        let hasher = Hasher::new(Cost::LEAST, 1, &Chance::seeded(1));
        let held = hasher.fill();
        assert_eq!(held.num_permits(), 1 + WAITING);
        assert_eq!(hasher.run(|| ()).await, Err(HashError::Busy));
        drop(held);
        assert_eq!(hasher.run(|| ()).await, Ok(()));
    }
}
