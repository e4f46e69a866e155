//! Waiting with a bug, and a head that is behind.

use es_core::{EventStore, Head, Position, Result};
use tokio::task::yield_now;

use super::bugs::{Broken, Bug};

pub(super) async fn head(store: &Broken) -> Result<Head> {
    let mut head = store.inner.head().await?;
    if store.bug == Bug::HasAStaleHead {
        let appends = store.appends.lock().unwrap();
        head.position = appends[appends.len().saturating_sub(2)];
    }
    Ok(head)
}

pub(super) async fn wait(store: &Broken, after: Position) -> Result<Head> {
    match store.bug {
        Bug::LosesWakeUps | Bug::WakesOnlyOne => {}
        _ => return store.inner.wait(after).await,
    }
    loop {
        let listening = store.grown.notified();
        let head = store.inner.head().await?;
        if head.position > after {
            return Ok(head);
        }
        if store.bug == Bug::LosesWakeUps {
            drop(listening);
            yield_now().await; // the way to the server and back
            store.grown.notified().await;
        } else {
            listening.await;
        }
    }
}

pub(super) fn wake(store: &Broken) {
    match store.bug {
        Bug::WakesOnlyOne => store.grown.notify_one(),
        _ => store.grown.notify_waiters(),
    }
}
