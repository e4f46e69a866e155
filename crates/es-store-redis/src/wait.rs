//! Hearing of what is appended, by whomever: a read that waits at the server, on a
//! connection of its own. It is a hint; truth is always read again.

use std::{sync::Weak, time::Duration};

use es_redis::{Command, Redis};

use crate::read::Source;

/// How long one read waits at the server.
const BLOCK: Duration = Duration::from_secs(5);

/// Waits for entries of the log and publishes where it ends, as long as the store is there.
pub(crate) async fn listen(source: Weak<Source>, poll: Duration) {
    let mut redis: Option<Redis> = None;
    loop {
        let Some(strong) = source.upgrade() else { return };
        let own = match redis.take() {
            Some(own) => Ok(own),
            None => strong.redis.another().await,
        };
        let own = match own {
            Ok(own) => own,
            Err(error) => {
                tracing::debug!(error = %error, "no connection to wait on");
                drop(strong);
                tokio::time::sleep(poll.max(Duration::from_millis(10))).await;
                continue;
            }
        };
        let from = format!("{}-0", strong.seen().get());
        let read = Command::new("XREAD").arg("COUNT").arg(1).arg("BLOCK");
        let read = read.arg(u64::try_from(BLOCK.as_millis()).unwrap_or(5_000));
        let read = read.arg("STREAMS").key(&strong.keys.log).arg(from);
        drop(strong); // the store may go while this waits
        let read = own.command_within(read, BLOCK.saturating_add(own.command_timeout())).await;
        let Some(strong) = source.upgrade() else { return };
        match read {
            Ok(reply) if reply.is_nil() => {}
            Ok(_) => {
                // Whoever waits looks for themselves, and says what is wrong. What another log
                // has stays new, since it never counts as seen.
                let is_ours = strong.head().await.is_ok_and(|head| head.log == strong.log);
                if !is_ours {
                    drop(strong);
                    tokio::time::sleep(poll.max(Duration::from_millis(10))).await;
                }
            }
            Err(error) => {
                tracing::debug!(error = %error, "a read that waited was lost");
                drop(strong);
                tokio::time::sleep(poll.max(Duration::from_millis(10))).await;
                continue; // with another connection
            }
        }
        redis = Some(own);
    }
}
