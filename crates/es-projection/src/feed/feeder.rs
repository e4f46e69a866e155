//! The task behind a feed: follows the log and fills the window.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use es_core::{
    Error, ErrorKind, Follow, FollowStream, Position, Read, Recorded, Result, Store, panic_text,
    with_causes,
};
use futures_util::FutureExt;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tracing::warn;

use super::{
    Shared,
    chunk::{BYTES, Broken, Chunk, EVENTS},
};
use crate::policy::pause;

/// How long a subscriber that is slower than others is waited for before it is left behind
/// and has to read on its own. Only while catching up: at the end of the log nobody waits.
const PATIENCE: Duration = Duration::from_millis(250);

/// How long nothing may come before the log is asked whether that is true.
const LOOK: Duration = Duration::from_secs(5);

/// Fills the window until something happens that waiting does not mend.
pub(super) async fn run(store: Store, read: Read, shared: Arc<Shared>) {
    let mut feeder =
        Feeder { after: read.after.unwrap_or(Position::START), attempt: 0, looks: 0, shared };
    loop {
        let mut follow = store.follow(read.clone().after(feeder.after));
        // An upcaster that panics must not leave subscribers waiting for a task that is gone.
        // What it had in hand is read again, so nothing that was torn is seen.
        let filled = AssertUnwindSafe(feeder.fill(&store, &mut follow)).catch_unwind().await;
        let error = match filled {
            Ok(None) => continue,
            Ok(Some(error)) => error,
            Err(panic) => {
                let text = format!("reading the log panicked: {}", panic_text(&*panic));
                Error::new(ErrorKind::Fault, text)
            }
        };
        // A follower ends with whatever is not temporary. Something that broke may be whole
        // again later; that the log is another one, or closed, will not change.
        if error.kind() != ErrorKind::Fault {
            feeder.shared.lock().ended = Some(Arc::new(error));
            feeder.shared.more.notify_waiters();
            return;
        }
        feeder.trouble(&error).await;
    }
}

struct Feeder {
    /// Everything up to here is in the window.
    after: Position,
    /// How often reading has failed since it last did not.
    attempt: u32,
    /// How often a follower was given up since one last yielded something.
    looks: u32,
    shared: Arc<Shared>,
}

impl Feeder {
    /// Fills the window until the follower ends, and says with which error; with none when
    /// it has missed something and another one has to begin.
    async fn fill(&mut self, store: &Store, follow: &mut FollowStream) -> Option<Error> {
        loop {
            room(&self.shared).await;
            let (mut events, mut bytes) = (Vec::new(), 0);
            let mut broken = None;
            let (up_to, is_end) = loop {
                match self.next(store, follow).await? {
                    Ok(Follow::Event(event)) => {
                        let (at, is_whole) = (event.position, event.is_last_part());
                        bytes += event.payload.bytes().len();
                        events.push(event);
                        if is_whole && (events.len() >= EVENTS || bytes >= BYTES) {
                            break (at, false);
                        }
                    }
                    Ok(Follow::CaughtUp(head)) => break (head.position, true),
                    // The follower goes on from where it was: nothing is lost or doubled.
                    Err(error) if error.is_temporary() => self.trouble(&error).await,
                    // One event that cannot be read is the business of whoever wants it.
                    Err(error) => match Broken::of(error) {
                        Ok(found) if found.position > self.after => {
                            let position = found.position;
                            events.retain(|event: &Recorded| event.position < position);
                            broken = Some(found);
                            break (position, false);
                        }
                        Ok(found) => return Arc::into_inner(found.error),
                        Err(error) => return Some(error),
                    },
                }
            };
            (self.attempt, self.looks) = (0, 0);
            self.shared.lock().trouble = None;
            if up_to > self.after {
                let is_broken = broken.is_some();
                let chunk = Chunk { after: self.after, up_to, events, is_end, bytes, broken };
                self.shared.lock().push(chunk);
                self.shared.more.notify_waiters();
                self.after = up_to;
                if is_broken {
                    // The follower has ended with it; another one begins behind it.
                    return None;
                }
            } else if is_end {
                self.shared.lock().reach_end();
                self.shared.more.notify_waiters();
            }
        }
    }

    /// What the follower yields next; `None` when another one has to begin.
    ///
    /// *Hazard.* A wake-up that is lost below leaves a follower waiting for ever.
    /// *Mechanism.* While nothing comes, the log is asked now and then where it ends. If it
    /// has grown, another follower begins, and is given twice the time: reading may be slow.
    async fn next(&mut self, store: &Store, follow: &mut FollowStream) -> Option<Result<Follow>> {
        let ended = || Error::new(ErrorKind::Closed, "the log is not followed any more");
        loop {
            // Most are there already and need no timer.
            let next = match follow.next().now_or_never() {
                Some(next) => next,
                None => match timeout(LOOK * (1 << self.looks.min(10)), follow.next()).await {
                    Ok(next) => next,
                    Err(_) => match store.head().await {
                        Ok(head) if head.position == self.after => continue,
                        Ok(_) => {
                            self.looks += 1;
                            return None;
                        }
                        Err(error) => return Some(Err(error)),
                    },
                },
            };
            return Some(next.unwrap_or_else(|| Err(ended())));
        }
    }

    async fn trouble(&mut self, error: &Error) {
        self.attempt += 1;
        let text = with_causes(error);
        warn!(error = %text, attempt = self.attempt, "the log could not be read; trying again");
        self.shared.lock().trouble = Some(text);
        sleep(pause(Duration::from_millis(20), Duration::from_secs(5), self.attempt)).await;
    }
}

/// Waits until the first of the readers needs more, and a little for the last.
async fn room(shared: &Shared) {
    let mut until = None;
    loop {
        let (is_ahead, leaves_behind) = {
            let window = shared.lock();
            (window.is_ahead(), window.leaves_somebody_behind(shared.starting.is_over()))
        };
        if is_ahead {
            shared.taken.notified().await;
        } else if leaves_behind {
            let until = *until.get_or_insert_with(|| Instant::now() + PATIENCE);
            if timeout_at(until, shared.taken.notified()).await.is_err() {
                return;
            }
        } else {
            return;
        }
    }
}
