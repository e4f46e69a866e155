//! What is told by others becomes measurements and links.

use std::time::Duration;

use es_core::{Observation, Outcome, Recorded, spans};
use opentelemetry::KeyValue;
use tracing::Span;

use crate::{
    catalogue::attributes::{STAGE, STORE},
    gauges::Sources,
    instruments::Instruments,
    kept::Kept,
    layer::{AppendAttributes, ReadAttributes, ReadKey},
    links,
};

/// The instruments, with the attributes that were made for them.
#[derive(Debug)]
pub(crate) struct Recorder {
    pub(crate) instruments: Instruments,
    pub(crate) sources: Sources,
    pub(crate) appends: Kept<es_core::Category, AppendAttributes>,
    pub(crate) reads: Kept<ReadKey, ReadAttributes>,
    subscribers: Kept<String, [KeyValue; 1]>,
}

impl Recorder {
    pub(crate) fn new(instruments: Instruments, sources: Sources) -> Self {
        let (appends, reads) = (Kept::default(), Kept::default());
        Self { instruments, sources, appends, reads, subscribers: Kept::default() }
    }

    pub(crate) fn record(&self, observation: &Observation<'_>) {
        let to = &self.instruments;
        match *observation {
            Observation::Commit { store, appends, waited, took, is_committed } => {
                let of = [KeyValue::new(STORE, store)];
                to.commit_appends.record(appends as u64, &of);
                to.commit_wait.record(waited.as_secs_f64(), &of);
                let [store] = of;
                let outcome = if is_committed { Outcome::Ok } else { Outcome::Error };
                let result = KeyValue::new(spans::RESULT, outcome.as_str());
                to.commit_duration.record(took.as_secs_f64(), &[store, result]);
            }
            Observation::Command { aggregate, command, attempts, outcome, took } => {
                self.command(aggregate, command, attempts, outcome, took);
            }
            Observation::Snapshot { aggregate, used } => {
                let aggregate = KeyValue::new(spans::AGGREGATE, aggregate);
                let result = KeyValue::new(spans::RESULT, used.as_str());
                to.snapshot_lookups.add(1, &[aggregate, result]);
            }
            Observation::WorkBegun { subscriber, events, is_history } => {
                self.begun(subscriber, events, is_history);
            }
            Observation::WorkDone { subscriber, handled, took, .. } => {
                let of = self.subscriber(subscriber);
                to.projection_events.add(handled, &*of);
                to.projection_duration.record(took.as_secs_f64(), &*of);
            }
            Observation::AttemptFailed { subscriber, stage } => {
                to.projection_errors.add(1, &staged(subscriber, stage));
            }
            Observation::Retried { subscriber, stage } => {
                to.projection_retries.add(1, &staged(subscriber, stage));
            }
            Observation::Parked { subscriber, events } => {
                to.projection_dead_letters.add(events, &*self.subscriber(subscriber));
            }
            Observation::Released { subscriber, is_skipped } => {
                let result = if is_skipped { "skipped" } else { "handled" };
                let subscriber = KeyValue::new(spans::PROJECTION, subscriber.to_owned());
                let result = KeyValue::new(spans::RESULT, result);
                to.projection_released.add(1, &[subscriber, result]);
            }
            Observation::Diverged { .. } => to.log_regressions.add(1, &[]),
            Observation::PublishBegun { events, is_history: false, .. } => {
                links::add(&Span::current(), events);
            }
            Observation::PublishDone { relay, published, outcome, took } => {
                let of = [
                    KeyValue::new(spans::MESSAGING_DESTINATION, relay.to_owned()),
                    KeyValue::new(spans::MESSAGING_OPERATION, "publish"),
                    KeyValue::new(spans::RESULT, outcome.as_str()),
                ];
                to.sent_messages.add(published, &of[..1]);
                to.operation_duration.record(took.as_secs_f64(), &of);
            }
            Observation::ProcessBegun { event, .. } => {
                links::add(&Span::current(), std::slice::from_ref(event));
            }
            Observation::ProcessDone { subscription, outcome, retries, took } => {
                let of = [
                    KeyValue::new(spans::MESSAGING_GROUP, subscription.to_owned()),
                    KeyValue::new(spans::RESULT, outcome.as_str()),
                ];
                to.consumed_messages.add(1, &of[..1]);
                to.process_duration.record(took.as_secs_f64(), &of);
                if retries > 0 {
                    to.bus_retries.add(retries, &of[..1]);
                }
            }
            Observation::DeadLetter { subscription } => {
                let group = KeyValue::new(spans::MESSAGING_GROUP, subscription.to_owned());
                to.bus_dead_letters.add(1, &[group]);
            }
            // Of a later version of es-core.
            _ => {}
        }
    }

    fn command(
        &self,
        aggregate: &'static str,
        command: &str,
        attempts: u32,
        outcome: Outcome,
        took: Duration,
    ) {
        let of = [
            KeyValue::new(spans::AGGREGATE, aggregate),
            KeyValue::new(spans::COMMAND, command.to_owned()),
            KeyValue::new(spans::RESULT, outcome.as_str()),
        ];
        self.instruments.execute_duration.record(took.as_secs_f64(), &of);
        if attempts > 1 {
            self.instruments.execute_retries.add(u64::from(attempts - 1), &of[..2]);
        }
    }

    fn begun(&self, subscriber: &str, events: &[Recorded], is_history: bool) {
        let of = self.subscriber(subscriber);
        self.instruments.projection_batch.record(events.len() as u64, &*of);
        if !is_history {
            links::add(&Span::current(), events);
        }
    }

    fn subscriber(&self, name: &str) -> std::sync::Arc<[KeyValue; 1]> {
        let make = |name: &String| [KeyValue::new(spans::PROJECTION, name.clone())];
        self.subscribers.get(&name.to_owned(), make)
    }
}

fn staged(subscriber: &str, stage: &'static str) -> [KeyValue; 2] {
    [KeyValue::new(spans::PROJECTION, subscriber.to_owned()), KeyValue::new(STAGE, stage)]
}
