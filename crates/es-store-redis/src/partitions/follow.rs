//! Following all partitions at once.

use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
};

use es_core::{Follow, FollowStream, Result};
use futures_util::Stream;

use super::RedisPositions;

/// What a follower of all partitions meets.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Followed {
    /// In which partition, counted from 0. Positions compare within one partition only.
    pub partition: usize,
    /// An event, or the news that all of this partition has been yielded up to its head.
    pub item: Follow,
}

/// The endless stream of a follower of all partitions.
///
/// Within a partition it is in order, without a gap, nothing twice. Between partitions there
/// is no order: which comes first is chance, and another run may meet it the other way round.
/// A partition that has much to say does not hold up the others.
///
/// A temporary error is yielded and leaves the stream usable; any other ends it, also if the
/// other partitions could go on.
#[must_use = "a follower does nothing until it is polled"]
pub struct RedisFollow {
    partitions: Vec<FollowStream>,
    positions: RedisPositions,
    /// Which partition is asked first.
    turn: usize,
    is_over: bool,
}

impl RedisFollow {
    pub(super) const fn new(partitions: Vec<FollowStream>, positions: RedisPositions) -> Self {
        Self { partitions, positions, turn: 0, is_over: false }
    }

    /// The next event of any partition, or the news that all of one were yielded; `None` once
    /// it has ended.
    ///
    /// # Errors
    /// Those of [`FollowStream::next`], `LogDiverged` among them.
    ///
    /// # Cancel safety
    /// Safe: what was not returned is returned by the next call.
    pub async fn next(&mut self) -> Option<Result<Followed>> {
        poll_fn(|cx| self.poll_item(cx)).await
    }

    /// Behind all that was returned so far. Keep it once that is handled, and
    /// [`RedisPartitions::follow`](super::RedisPartitions::follow) goes on from there.
    #[must_use]
    pub const fn positions(&self) -> &RedisPositions {
        &self.positions
    }

    fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Followed>>> {
        let count = self.partitions.len();
        if self.is_over || count == 0 {
            return Poll::Ready(None);
        }
        for step in 0..count {
            let partition = (self.turn + step) % count;
            let Some(events) = self.partitions.get_mut(partition) else { continue };
            let Poll::Ready(item) = Pin::new(events).poll_next(cx) else { continue };
            self.turn = (partition + 1) % count;
            return Poll::Ready(match item {
                Some(Ok(item)) => {
                    self.passed(partition, &item);
                    Some(Ok(Followed { partition, item }))
                }
                Some(Err(error)) => {
                    self.is_over = !error.is_temporary();
                    Some(Err(error))
                }
                None => {
                    self.is_over = true;
                    None
                }
            });
        }
        Poll::Pending
    }

    fn passed(&mut self, partition: usize, item: &Follow) {
        match item {
            // A part of an event that was split is no place to go on behind.
            Follow::Event(event) if event.is_last_part() => {
                self.positions.advance(partition, event.position);
            }
            Follow::Event(_) => {}
            Follow::CaughtUp(head) => self.positions.advance(partition, head.position),
        }
    }
}

impl Stream for RedisFollow {
    type Item = Result<Followed>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_item(cx)
    }
}

impl fmt::Debug for RedisFollow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisFollow").field("positions", &self.positions).finish_non_exhaustive()
    }
}
