//! Telling other processes that the log has grown.
//!
//! *Hazard.* A NOTIFY inside an append takes a lock of the whole server until the commit is
//! on disk. *Mechanism.* A task says once per interval how far the log has come, on a
//! connection from the pool, in a transaction that waits for no disk. *Why it is sound.* A
//! notification is a hint: whoever misses it looks a little later. *Cost.* One small
//! statement per interval while appends go on.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use es_core::{Position, Result};
use tokio::sync::watch;

use crate::{connect::Connections, error::from_driver, names::Names};

/// How much time passes between two notifications at least.
const INTERVAL: Duration = Duration::from_millis(10);

/// How far all who listen were told that the log has come, as far as this store has heard itself.
#[derive(Debug, Default)]
pub(crate) struct Heard(AtomicU64);

impl Heard {
    pub(super) fn note(&self, position: Position) {
        self.0.fetch_max(position.get(), Ordering::AcqRel);
    }

    /// The log may be shorter than it was.
    pub(crate) fn forget(&self) {
        self.0.store(0, Ordering::Release);
    }

    fn covers(&self, position: Position) -> bool {
        position.get() <= self.0.load(Ordering::Acquire)
    }
}

/// Notifies until the store has gone.
pub(crate) async fn notify(
    connections: Connections,
    names: Names,
    mut published: watch::Receiver<Position>,
    heard: Arc<Heard>,
) {
    while published.changed().await.is_ok() {
        let position = *published.borrow_and_update();
        // What others have told of was told to everybody.
        if heard.covers(position) {
            continue;
        }
        if let Err(error) = tell(&connections, &names, position).await {
            tracing::debug!(error = %error, "followers in other processes could not be notified");
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

async fn tell(connections: &Connections, names: &Names, position: Position) -> Result<()> {
    // Dropped in the middle, or on a standby, which notifies nobody, it leaves a transaction.
    let client = connections.get().await?.closing();
    let sql = format!(
        "BEGIN; SET LOCAL synchronous_commit = off; NOTIFY {}, '{position}'; COMMIT",
        names.channel()
    );
    client.batch_execute(&sql).await.map_err(|error| from_driver(None, error))?;
    drop(client.answered());
    Ok(())
}
