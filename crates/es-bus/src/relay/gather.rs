//! What is read at once.

use es_core::{Error, ErrorKind, Follow, FollowStream, Head, Position, Recorded};
use futures_util::FutureExt;

/// What was read at once.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) events: Vec<Recorded>,
    /// Everything up to here has been read.
    pub(super) through: Option<Position>,
    pub(super) head: Option<Head>,
    /// What ended the reading.
    pub(super) failed: Option<Error>,
}

/// Waits for something to read, and takes what else is there already, up to `most` events.
///
/// Dropping the future loses nothing: it waits only before it has taken anything.
pub(super) async fn gather(follow: &mut FollowStream, most: usize) -> Batch {
    let mut batch = Batch::default();
    let mut next = follow.next().await;
    loop {
        match next {
            Some(Ok(Follow::Event(event))) => {
                if event.is_last_part() {
                    batch.through = Some(event.position);
                }
                batch.events.push(event);
            }
            Some(Ok(Follow::CaughtUp(head))) => {
                batch.through = Some(head.position);
                batch.head = Some(head);
                return batch;
            }
            Some(Err(error)) => {
                batch.failed = Some(error);
                return batch;
            }
            None => {
                let message = "following the log has ended";
                batch.failed = Some(Error::new(ErrorKind::Closed, message));
                return batch;
            }
        }
        if batch.events.len() >= most {
            return batch;
        }
        match follow.next().now_or_never() {
            Some(more) => next = more,
            None => return batch,
        }
    }
}
