//! The service manager: systemd, if it is there.

use std::time::Duration;

use tokio::task::JoinHandle;

use crate::store::Store;

/// Tells systemd, if it is there.
pub(super) fn tell_manager(state: &[sd_notify::NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        log::warn!(target: "meldgate", error:err = error; "the service manager could not be told");
    }
}

/// Shows systemd that the gateway is alive, as often as it asks for.
pub(super) fn watchdog(store: Store) -> Option<JoinHandle<()>> {
    let interval = sd_notify::watchdog_enabled()?;
    let tell = || tell_manager(&[sd_notify::NotifyState::Watchdog]);
    Some(tokio::spawn(show_alive(store, interval / 3, tell)))
}

/// Ends once the store takes no changes: it will not until it is opened again, so systemd is to start the gateway anew.
async fn show_alive(store: Store, interval: Duration, tell: impl Fn()) {
    let mut ticks = tokio::time::interval(interval);
    loop {
        ticks.tick().await;
        if !store.is_writable() {
            log::error!(target: "meldgate", "the store takes no changes any more: the watchdog is left to restart the gateway");
            return;
        }
        tell();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Chance;

    #[tokio::test]
    async fn the_watchdog_hears_no_more_once_the_store_takes_no_changes() {
        let store = Store::memory(&Chance::seeded(1));
        let told = std::cell::Cell::new(0);
        let tell = || {
            told.set(told.get() + 1);
            if told.get() == 2 {
                store.close();
            }
        };
        show_alive(store.clone(), Duration::from_millis(1), tell).await;
        assert_eq!(told.get(), 2);
    }
}
