//! Publishing on the bus in process: in the background, at once, or to the end.

use std::sync::{Arc, atomic::Ordering};

use async_trait::async_trait;
use es_core::{EventBus, Invalid, Recorded, Result};

use super::{
    Delivered, LocalBus, WhenFull,
    lane::{Item, closed, is_in_handler_of},
    outcome::{Outcome, Pending},
    routes::Routes,
};

impl LocalBus {
    /// Queues `events` for their handlers, in order, and returns.
    ///
    /// When a queue is full, it waits for room, or answers `Busy`, as [`WhenFull`] says. A
    /// handler of this bus that publishes is answered `Busy` in any case: it may be the one
    /// that would have to make room.
    ///
    /// # Errors
    /// `Closed` after [`LocalBus::shutdown`]; `Busy` when a queue is full, and then none of
    /// the events is published; `Invalid` when there is `Busy` and there are more events than
    /// a queue can ever hold.
    ///
    /// # Cancel safety
    /// With [`WhenFull::Wait`], some of the events may have been queued, for some of their
    /// handlers.
    pub async fn publish(&self, events: &[Recorded]) -> Result<()> {
        self.send(events, None).await
    }

    /// Publishes `events` and waits until each handler has handled them or given them up.
    ///
    /// # Errors
    /// Those of [`LocalBus::publish`]; `Unsupported` in a handler of this bus, which would
    /// wait for itself. The failure of a handler is no error, but told in [`Delivered`].
    ///
    /// # Cancel safety
    /// As for [`LocalBus::publish`]; what is queued is handled, whether somebody waits or not.
    pub async fn publish_and_wait(&self, events: &[Recorded]) -> Result<Delivered> {
        self.refuse_in_handler("publish_and_wait")?;
        let (outcome, told) = Outcome::new();
        self.send(events, Some(outcome)).await?;
        // It is told by the drop of the last clone, which cannot fail to happen.
        Ok(told.await.unwrap_or_default())
    }

    async fn send(&self, events: &[Recorded], outcome: Option<Arc<Outcome>>) -> Result<()> {
        let inner = &self.inner;
        if inner.is_closed.load(Ordering::SeqCst) {
            return Err(closed());
        }
        let routes = inner.routes();
        let waits = inner.options.when_full == WhenFull::Wait && !is_in_handler_of(inner.number);
        if !waits {
            self.send_at_once(&routes, events, outcome.as_ref())?;
        }
        for event in events {
            let mut is_matched = false;
            for seat in routes.of_event(event) {
                is_matched = true;
                if !waits {
                    continue;
                }
                let pending = Pending::new(Arc::clone(seat), event.clone(), outcome.clone());
                let sent = seat.lane.send(Item::Event(pending)).await;
                if sent.is_err() && inner.is_closed.load(Ordering::SeqCst) {
                    return Err(closed());
                }
            }
            inner.published.fetch_add(1, Ordering::Relaxed);
            if !is_matched {
                inner.unmatched.fetch_add(1, Ordering::Relaxed);
            }
        }
        Ok(())
    }

    /// All of it or nothing, without waiting: room is reserved in every queue first.
    fn send_at_once(
        &self,
        routes: &Routes,
        events: &[Recorded],
        outcome: Option<&Arc<Outcome>>,
    ) -> Result<()> {
        let mut rooms = Vec::new();
        let is_shared = self.inner.options.delivery == super::Delivery::InOrder;
        let per_seat = |number| {
            let of_event = |event| routes.of_event(event).filter(|s| s.number == number).count();
            events.iter().map(of_event).sum::<usize>()
        };
        let all = events.iter().map(|event| routes.of_event(event).count()).sum();
        let lanes = if is_shared { routes.seats().get(..1) } else { Some(routes.seats()) };
        for seat in lanes.unwrap_or_default() {
            let count = if is_shared { all } else { per_seat(seat.number) };
            let max = seat.lane.capacity();
            if count > max {
                return Err(Invalid::TooMany { what: "events at once", count, max }.into());
            }
            if count == 0 || seat.lane.is_closed() {
                continue;
            }
            rooms.push((seat.number, seat.lane.try_reserve(count)?));
        }
        for event in events {
            for seat in routes.of_event(event) {
                let room = rooms.iter_mut().find(|(number, _)| is_shared || *number == seat.number);
                if let Some((_, room)) = room {
                    let pending = Pending::new(Arc::clone(seat), event.clone(), outcome.cloned());
                    room.send(Item::Event(pending));
                }
            }
        }
        Ok(())
    }
}

#[async_trait]
impl EventBus for LocalBus {
    async fn publish(&self, events: &[Recorded]) -> Result<()> {
        Self::publish(self, events).await
    }
}
