//! Waiting for news on a topic, on a connection of its own.
//!
//! The bell is a hint: whoever waits looks again now and then, and looks after every ring.

use std::time::Duration;

use es_redis::{Command, Redis};
use tokio::{sync::watch, task::JoinHandle, time::timeout};
use tracing::warn;

/// How long the server is asked to wait, and how much later its answer may come: it may be
/// busy with somebody else just then.
const BLOCK: Duration = Duration::from_secs(1);
const MARGIN: Duration = Duration::from_secs(5);

/// Before every entry.
const FIRST: &str = "0-0";

/// News of a topic. Dropping it ends its task and closes its connection.
pub(super) struct Bell {
    rung: watch::Receiver<u64>,
    task: JoinHandle<()>,
}

impl Bell {
    pub(super) async fn hang(redis: &Redis, key: String) -> es_redis::Result<Self> {
        let own = redis.another().await?;
        let (ring, rung) = watch::channel(0);
        let task = tokio::spawn(listen(own, key, ring));
        Ok(Self { rung, task })
    }

    pub(super) fn listen(&self) -> Listener {
        Listener(self.rung.clone())
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Hears of everything that is rung after it looked last.
#[derive(Clone)]
pub(super) struct Listener(watch::Receiver<u64>);

impl Listener {
    /// What has been rung so far is known: call it before looking.
    pub(super) fn looks(&mut self) {
        self.0.mark_unchanged();
    }

    /// Waits for news, or for `most`.
    pub(super) async fn rung(&mut self, most: Duration) {
        // Without a bell there is only the time.
        match timeout(most, self.0.changed()).await {
            Ok(Ok(())) | Err(_) => {}
            Ok(Err(_)) => tokio::time::sleep(most).await,
        }
    }
}

async fn listen(redis: Redis, key: String, ring: watch::Sender<u64>) {
    let block = u64::try_from(BLOCK.as_millis()).unwrap_or(u64::MAX);
    // With `$`, what is rung between two waits that heard nothing would go unheard. The one entry
    // that is there already rings once too often.
    let mut last = FIRST.to_owned();
    loop {
        let command = Command::new("XREAD").arg("COUNT").arg(1).arg("BLOCK").arg(block);
        let command = command.arg("STREAMS").key(&key).arg(&last);
        let heard = redis.command_within(command, BLOCK + MARGIN).await.and_then(last_id);
        match heard {
            Ok(None) => {}
            Ok(Some(id)) => {
                last = id;
                ring.send_modify(|count| *count += 1);
            }
            Err(error) => {
                warn!(%error, "waiting for news failed; trying again");
                // An error comes at once where a wait was asked for: no hot loop.
                tokio::time::sleep(crate::retry::pause(BLOCK / 4, BLOCK, 3)).await;
                // Another server may count from an earlier time.
                FIRST.clone_into(&mut last);
                ring.send_modify(|count| *count += 1);
            }
        }
    }
}

/// The id of the last entry in the reply to a read of one stream.
fn last_id(reply: es_redis::Reply) -> es_redis::Result<Option<String>> {
    let what = "a read of the bell";
    let Some(stream) = reply.array(what)?.pop() else { return Ok(None) };
    let Some(entries) = stream.array(what)?.pop() else { return Ok(None) };
    let Some(entry) = entries.array(what)?.pop() else { return Ok(None) };
    match entry.array(what)?.into_iter().next() {
        Some(id) => id.text(what).map(Some),
        None => Ok(None),
    }
}
