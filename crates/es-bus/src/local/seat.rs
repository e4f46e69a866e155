//! One subscription on the bus: its handler, its counts, its dead letters.

use std::sync::{
    Arc, Mutex, MutexGuard, OnceLock, PoisonError,
    atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
};

use es_core::{Observation, Outcome, Recorded, SharedObserver, SubscriberName, Timestamp};
use tokio::sync::watch;
use tracing::{Instrument, error, warn};

use super::{letters::Letters, outcome::Settled, statistics::SubscriptionStatistics};
use crate::{
    Exhausted, Interest, KeptLetter, Replayed, Retry,
    attempts::{Attempts, Failure, Tried, waiting},
    handler::{Begun, Call, begin},
    watch::Processing,
};

pub(super) struct Seat {
    pub(super) number: u64,
    pub(super) name: SubscriberName,
    pub(super) interest: Interest,
    pub(super) counts: Counts,
    handler: Arc<dyn Call>,
    retry: Retry,
    letters: Mutex<Letters>,
    /// How many streams wait: looked at for every event, so it is not behind the lock.
    parked: AtomicUsize,
    most_letters: usize,
    observer: Arc<OnceLock<SharedObserver>>,
    /// Looked at for every event, so it is not behind the lock of `end`.
    has_ended: AtomicBool,
    end: watch::Sender<bool>,
}

/// On a line of the cache of their own: publishers read beside them what handlers count here.
#[derive(Default)]
#[repr(align(128))]
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

/// What a seat is made of.
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
    pub(super) fn new(plan: Plan) -> Self {
        let Plan { number, name, interest, handler, retry, most_letters, observer } = plan;
        Self {
            number,
            name,
            interest,
            counts: Counts::default(),
            handler,
            retry,
            letters: Mutex::default(),
            parked: AtomicUsize::new(0),
            most_letters,
            observer,
            has_ended: AtomicBool::new(false),
            end: watch::Sender::new(false),
        }
    }

    /// No delivery begins from now on, and a pause between two attempts is cut short.
    pub(super) fn end(&self) {
        self.has_ended.store(true, Ordering::Release);
        self.end.send_replace(true);
    }

    pub(super) fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Acquire)
    }

    /// Handles an event, or gives it up.
    pub(super) async fn deliver(&self, event: &Recorded, is_history: bool) -> Settled {
        if self.has_ended() {
            self.counts.undelivered();
            return Settled::Undelivered;
        }
        if self.parked.load(Ordering::Acquire) > 0 && self.letters().is_parked(&event.stream) {
            let letter = waiting(&self.name, event);
            self.keep(KeptLetter { letter: letter.clone(), event: event.clone() }, true);
            return Settled::Failed(Box::new(letter));
        }
        match self.watched(event, is_history).await {
            Tried::Handled => {
                self.counts.handled();
                Settled::Handled
            }
            Tried::Interrupted => {
                self.counts.undelivered();
                Settled::Undelivered
            }
            Tried::Failed(failure) => self.give_up(event, &failure),
        }
    }

    fn give_up(&self, event: &Recorded, failure: &Failure) -> Settled {
        let letter = failure.letter(&self.name, event);
        warn!(subscriber = %self.name, event = %event.id, stream = %event.stream,
            attempts = failure.attempts, cause = failure.cause, "an event is a dead letter");
        self.keep(KeptLetter { letter: letter.clone(), event: event.clone() }, self.parks());
        Settled::Failed(Box::new(letter))
    }

    /// Gives up an event during which something panicked that is not the handler.
    pub(super) fn give_up_broken(&self, event: &Recorded, cause: &str) -> Settled {
        let cause = format!("a panic outside of the handler: {cause}");
        self.give_up(event, &Failure { cause, attempts: 1, first_failed_at: Timestamp::now() })
    }

    /// Handles the event in a span of its own.
    async fn watched(&self, event: &Recorded, is_history: bool) -> Tried {
        let (observer, name) = (self.observer.get(), self.name.as_str());
        let processing = Processing::begin(observer, None, name, event, is_history);
        // A handler that does not wait is done here, without a future.
        let begun = processing.span.in_scope(|| begin(&*self.handler, event));
        let tried = if let Begun::Done(Ok(())) = begun {
            Tried::Handled
        } else {
            let retried = |_: Option<&str>| {
                self.counts.retries.fetch_add(1, Ordering::Relaxed);
                processing.retried();
            };
            let (handler, retry) = (&*self.handler, &self.retry);
            let attempts = Attempts {
                subscriber: &self.name,
                handler,
                retry,
                waits_out: false,
                retried: &retried,
            };
            let span = processing.span.clone();
            attempts.go_on(begun, event, &self.end).instrument(span).await
        };
        let outcome = match tried {
            Tried::Handled => Outcome::Ok,
            Tried::Failed(_) => Outcome::Error,
            Tried::Interrupted => Outcome::Abandoned,
        };
        processing.end(outcome);
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
            // It may have been given up while others were tried.
            if stuck.contains(&event.stream) || !self.letters().has(&event) {
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

    /// The counts, with what its lane says is queued.
    pub(super) fn statistics(&self, queued: usize) -> SubscriptionStatistics {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let kept = self.letters();
        SubscriptionStatistics {
            subscription: self.name.clone(),
            queued,
            handled: count(&self.counts.handled),
            retries: count(&self.counts.retries),
            dead_letters: count(&self.counts.dead_letters),
            dead_letters_kept: kept.len(),
            dead_letters_displaced: count(&self.counts.displaced),
            parked_streams: kept.parked_streams(),
            undelivered: count(&self.counts.undelivered),
        }
    }

    fn keep(&self, kept: KeptLetter, parks: bool) {
        self.counts.dead_letters.fetch_add(1, Ordering::Relaxed);
        let displaced = self.change(|letters| letters.keep(kept, parks, self.most_letters));
        if let Some(observer) = self.observer.get() {
            observer.observe(&Observation::DeadLetter { subscription: self.name.as_str() });
        }
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
