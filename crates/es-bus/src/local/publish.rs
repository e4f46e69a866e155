//! Publishing on the bus in process: in the background, at once, or to the end.

use std::sync::{Arc, atomic::Ordering};

use async_trait::async_trait;
use es_core::{EventBus, Invalid, Recorded, Result};

use super::{
    Delivered, Inner, LocalBus, WhenFull,
    lane::{Item, closed, is_in_handler_of, orphaned},
    outcome::Outcome,
    routes::{Place, Routes},
};
use crate::watch::is_history;

impl LocalBus {
    /// Queues `events` for their handlers, in order, and returns.
    ///
    /// When a queue is full, it waits for room, or answers `Busy`, as [`WhenFull`] says. A
    /// handler of this bus that publishes is answered `Busy` in any case: it may be the one
    /// that would have to make room.
    ///
    /// # Errors
    /// `Closed` after [`LocalBus::shutdown`], and when the runtime on which a handler was
    /// subscribed has ended; `Busy` when a queue is full, and then none of the events is
    /// published; `Invalid` when there is `Busy` and there are more events than a queue can
    /// ever hold.
    ///
    /// # Cancel safety
    /// With [`WhenFull::Wait`], some of the events may have been queued, for some of their
    /// handlers.
    pub async fn publish(&self, events: &[Recorded]) -> Result<()> {
        self.send(events, None, self.inner.options.when_full).await
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
        self.told(events, self.inner.options.when_full).await
    }

    /// As [`LocalBus::publish_and_wait`], waiting for room as well.
    pub(crate) async fn wait_for_all(&self, events: &[Recorded]) -> Result<Delivered> {
        self.told(events, WhenFull::Wait).await
    }

    async fn told(&self, events: &[Recorded], when_full: WhenFull) -> Result<Delivered> {
        self.refuse_in_handler("publish_and_wait")?;
        let (outcome, told) = Outcome::new();
        self.send(events, Some(outcome), when_full).await?;
        // It is told by the drop of the last clone, which cannot fail to happen.
        Ok(told.await.unwrap_or_default())
    }

    async fn send(
        &self,
        events: &[Recorded],
        outcome: Option<Arc<Outcome>>,
        when_full: WhenFull,
    ) -> Result<()> {
        let inner = &self.inner;
        if inner.is_closed.load(Ordering::SeqCst) {
            return Err(closed());
        }
        let routes = inner.routes();
        let (is_history, outcome) = (is_history(), outcome.as_ref());
        let waits = when_full == WhenFull::Wait && !is_in_handler_of(inner.number);
        if !waits {
            self.send_at_once(&routes, events, outcome, is_history)?;
        }
        let mut counting = Counting { inner, published: 0, unmatched: 0 };
        for event in events {
            let mut is_matched = false;
            for place in routes.of_event(event) {
                is_matched = true;
                if !waits {
                    continue;
                }
                let pending = place.pending(event, outcome, is_history);
                if place.lane.send(Item::Event(pending)).await.is_err() {
                    self.lane_has_ended(place)?;
                }
            }
            counting.published += 1;
            counting.unmatched += u64::from(!is_matched);
        }
        Ok(())
    }

    /// What was to be sent went nowhere: fine if nobody wants it any more.
    fn lane_has_ended(&self, place: &Place) -> Result<()> {
        if self.inner.is_closed.load(Ordering::SeqCst) {
            return Err(closed());
        }
        if place.seat.has_ended() { Ok(()) } else { Err(orphaned(&place.seat)) }
    }

    /// All of it or nothing, without waiting: room is reserved in every queue first.
    fn send_at_once(
        &self,
        routes: &Routes,
        events: &[Recorded],
        outcome: Option<&Arc<Outcome>>,
        is_history: bool,
    ) -> Result<()> {
        let mut rooms = Vec::new();
        let is_shared = self.inner.options.delivery == super::Delivery::InOrder;
        let per_seat = |number| {
            let of_event = |e| routes.of_event(e).filter(|p| p.seat.number == number).count();
            events.iter().map(of_event).sum::<usize>()
        };
        let all = events.iter().map(|event| routes.of_event(event).count()).sum();
        let lanes = if is_shared { routes.places().get(..1) } else { Some(routes.places()) };
        for place in lanes.unwrap_or_default() {
            let count = if is_shared { all } else { per_seat(place.seat.number) };
            let max = place.lane.capacity();
            if count > max {
                return Err(Invalid::TooMany { what: "events at once", count, max }.into());
            }
            if count == 0 {
                continue;
            }
            if place.lane.is_closed() {
                self.lane_has_ended(place)?;
                continue;
            }
            rooms.push((place.seat.number, place.lane.try_reserve(count)?));
        }
        for event in events {
            for place in routes.of_event(event) {
                let is_its = |number: u64| is_shared || number == place.seat.number;
                if let Some((_, room)) = rooms.iter_mut().find(|(number, _)| is_its(*number)) {
                    room.send(Item::Event(place.pending(event, outcome, is_history)));
                }
            }
        }
        Ok(())
    }
}

/// What a call has published; it counts also when the call is dropped in the middle.
struct Counting<'a> {
    inner: &'a Inner,
    published: u64,
    unmatched: u64,
}

impl Drop for Counting<'_> {
    fn drop(&mut self) {
        self.inner.published.fetch_add(self.published, Ordering::Relaxed);
        if self.unmatched > 0 {
            self.inner.unmatched.fetch_add(self.unmatched, Ordering::Relaxed);
        }
    }
}

#[async_trait]
impl EventBus for LocalBus {
    async fn publish(&self, events: &[Recorded]) -> Result<()> {
        Self::publish(self, events).await
    }
}
