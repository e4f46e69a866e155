//! One subscription on the bus: its handler, its counts, its dead letters.

use std::sync::{
    Arc, Mutex, MutexGuard, OnceLock, PoisonError,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

use es_core::{Observation, Outcome, Recorded, SharedObserver, SubscriberName};
use tokio::sync::watch;
use tracing::{Instrument, error, warn};

use super::{lane::Lane, letters::Letters, outcome::Pending, statistics::SubscriptionStatistics};
use crate::{
    Exhausted, Interest, KeptLetter, Replayed, Retry,
    attempts::{Attempts, Tried, waiting},
    handler::Call,
    watch::Processing,
};

pub(super) struct Seat {
    pub(super) number: u64,
    pub(super) name: SubscriberName,
    pub(super) interest: Interest,
    pub(super) lane: Arc<Lane>,
    pub(super) counts: Counts,
    handler: Arc<dyn Call>,
    retry: Retry,
    letters: Mutex<Letters>,
    /// How many streams wait: looked at for every event, so it is not behind the lock.
    parked: AtomicUsize,
    most_letters: usize,
    observer: Arc<OnceLock<SharedObserver>>,
    end: watch::Sender<bool>,
}

#[derive(Default)]
pub(super) struct Counts {
    handled: AtomicU64,
    retries: AtomicU64,
    dead_letters: AtomicU64,
    displaced: AtomicU64,
    undelivered: AtomicU64,
}

impl Counts {
    pub(super) fn handled(&self) {
        self.handled.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn undelivered(&self) {
        self.undelivered.fetch_add(1, Ordering::Relaxed);
    }
}

/// What a seat is made of, besides its lane.
pub(super) struct Plan {
    pub(super) number: u64,
    pub(super) name: SubscriberName,
    pub(super) interest: Interest,
    pub(super) handler: Arc<dyn Call>,
    pub(super) retry: Retry,
    pub(super) most_letters: usize,
    pub(super) observer: Arc<OnceLock<SharedObserver>>,
}

impl Seat {
    pub(super) fn new(plan: Plan, lane: Arc<Lane>) -> Self {
        let Plan { number, name, interest, handler, retry, most_letters, observer } = plan;
        Self {
            number,
            name,
            interest,
            lane,
            counts: Counts::default(),
            handler,
            retry,
            letters: Mutex::default(),
            parked: AtomicUsize::new(0),
            most_letters,
            observer,
            end: watch::Sender::new(false),
        }
    }

    /// No delivery begins from now on, and a pause between two attempts is cut short.
    pub(super) fn end(&self) {
        self.end.send_replace(true);
    }

    pub(super) fn has_ended(&self) -> bool {
        *self.end.borrow()
    }

    /// Handles what is pending for the seat that it names. The seat is not counted once more:
    /// publishers and workers would pass its counter to and fro.
    pub(super) async fn deliver(pending: Pending) {
        let (this, event) = (&*pending.seat, &pending.event);
        if this.has_ended() {
            return;
        }
        if this.parked.load(Ordering::Acquire) > 0 && this.letters().is_parked(&event.stream) {
            let letter = waiting(&this.name, event);
            this.keep(KeptLetter { letter: letter.clone(), event: event.clone() }, true);
            pending.failed(letter);
            return;
        }
        match this.watched(event, pending.is_history).await {
            Tried::Handled => pending.handled(),
            Tried::Interrupted => {}
            Tried::Failed(failure) => {
                let letter = failure.letter(&this.name, event);
                warn!(subscriber = %this.name, event = %event.id, stream = %event.stream,
                    attempts = failure.attempts, cause = failure.cause, "an event is a dead letter");
                let kept = KeptLetter { letter: letter.clone(), event: event.clone() };
                this.keep(kept, this.parks());
                pending.failed(letter);
            }
        }
    }

    /// Handles the event in a span of its own.
    async fn watched(&self, event: &Recorded, is_history: bool) -> Tried {
        let (observer, name) = (self.observer.get(), self.name.as_str());
        let before = self.counts.retries.load(Ordering::Relaxed);
        let processing = Processing::begin(observer, name, event, is_history);
        let span = processing.span.clone();
        let tried = self.attempts().handle(event, &self.end).instrument(span).await;
        let outcome = match tried {
            Tried::Handled => Outcome::Ok,
            Tried::Failed(_) => Outcome::Error,
            Tried::Interrupted => Outcome::Abandoned,
        };
        // One event at a time is handled here, so the retries since are its own.
        let retries = self.counts.retries.load(Ordering::Relaxed).saturating_sub(before);
        processing.end(outcome, retries + 1);
        tried
    }

    /// Tries every dead letter again, in order, and stops in each stream that waits in front
    /// of what still fails.
    pub(super) async fn replay(&self) -> Replayed {
        let mut replayed = Replayed::default();
        let mut stuck = std::collections::HashSet::new();
        let all = self.letters().all();
        for KeptLetter { letter, event } in all {
            if self.has_ended() {
                break;
            }
            if stuck.contains(&event.stream) {
                continue;
            }
            match self.watched(&event, false).await {
                Tried::Handled => {
                    replayed.handled += 1;
                    self.counts.handled();
                    self.change(|letters| letters.remove(&event));
                }
                Tried::Interrupted => break,
                Tried::Failed(failure) => {
                    if self.letters().is_parked(&event.stream) {
                        stuck.insert(event.stream.clone());
                    }
                    let attempts = letter.attempts.saturating_add(failure.attempts);
                    let first_failed_at = letter.first_failed_at;
                    let mut letter = letter.failed(failure.cause, attempts);
                    letter.first_failed_at = first_failed_at;
                    self.change(|letters| letters.renew(KeptLetter { letter, event }));
                }
            }
        }
        replayed.left = u64::try_from(self.letters().len()).unwrap_or(u64::MAX);
        replayed
    }

    /// Whether the later events of a stream wait behind a dead letter.
    pub(super) fn parks(&self) -> bool {
        self.retry.exhausted != Exhausted::DeadLetter
    }

    pub(super) fn dead_letters(&self) -> Vec<KeptLetter> {
        self.letters().all()
    }

    pub(super) fn discard(&self, event: es_core::EventId) -> bool {
        self.change(|letters| letters.discard(event))
    }

    pub(super) fn statistics(&self) -> SubscriptionStatistics {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let kept = self.letters();
        SubscriptionStatistics {
            subscription: self.name.clone(),
            queued: self.lane.queued(),
            handled: count(&self.counts.handled),
            retries: count(&self.counts.retries),
            dead_letters: count(&self.counts.dead_letters),
            dead_letters_kept: kept.len(),
            dead_letters_displaced: count(&self.counts.displaced),
            parked_streams: kept.parked_streams(),
            undelivered: count(&self.counts.undelivered),
        }
    }

    fn attempts(&self) -> Attempts<'_> {
        Attempts {
            subscriber: &self.name,
            handler: &*self.handler,
            retry: &self.retry,
            retries: &self.counts.retries,
            of_event: None,
        }
    }

    fn keep(&self, kept: KeptLetter, parks: bool) {
        self.counts.dead_letters.fetch_add(1, Ordering::Relaxed);
        if let Some(observer) = self.observer.get() {
            observer.observe(&Observation::DeadLetter { subscription: self.name.as_str() });
        }
        let displaced = self.change(|letters| letters.keep(kept, parks, self.most_letters));
        if let Some(KeptLetter { event, .. }) = displaced {
            self.counts.displaced.fetch_add(1, Ordering::Relaxed);
            error!(subscriber = %self.name, event = %event.id, stream = %event.stream,
                position = %event.position, "no room for more dead letters: the oldest is lost");
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut Letters) -> T) -> T {
        let mut letters = self.letters();
        let changed = change(&mut letters);
        self.parked.store(letters.parked_streams(), Ordering::Release);
        changed
    }

    fn letters(&self) -> MutexGuard<'_, Letters> {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
