//! Buses that are broken on purpose, each caught by the case that is about it.

use std::{
    future::Future,
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use es_bus::{
    Exhausted, Interest, Publisher, Refused, RegistrationGuard, Relay, RunningRelay, Transport,
};
use es_core::{DeadLetter, Metadata, Position, Recorded, Result, Store};
use es_testkit::bus::{
    BusPromises, BusUnderTest, ConsumerPlan, Knows, b1_relay, b2_order, b3_failures, b4_recovery,
};
use futures_util::FutureExt;

use super::{local::Local, retry, subscription};

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    LosesHistory,
    LosesEveryThird,
    LosesMetadata,
    SwapsNeighbours,
    TakesFailureForSuccess,
    TriesOnce,
    GoesOnBehindPoison,
    StopsAllAtPoison,
    PassesOverUnknown,
    ForgetsTheReplay,
    OneFailureForAll,
}

struct Broken(Local, Fault);

/// Spoils what a relay publishes.
#[derive(Debug)]
struct Spoilt(es_bus::LocalBus, Fault, AtomicUsize);

impl std::fmt::Display for Spoilt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.1)
    }
}

#[async_trait::async_trait]
impl Transport for Spoilt {
    fn may_refuse(&self) -> bool {
        true
    }

    async fn open(&self, publisher: &Publisher) -> Result<Position> {
        self.0.open(publisher).await
    }

    async fn publish(
        &self,
        publisher: &Publisher,
        events: &[Recorded],
        through: Position,
    ) -> Result<Vec<Refused>> {
        let mut events = events.to_vec();
        match self.1 {
            Fault::LosesHistory if self.2.fetch_add(1, Ordering::SeqCst) == 0 => events.clear(),
            Fault::LosesEveryThird => {
                events.retain(|_| self.2.fetch_add(1, Ordering::SeqCst) % 3 != 2);
            }
            Fault::LosesMetadata => {
                for event in &mut events {
                    let mut envelope = (**event.envelope()).clone();
                    envelope.metadata = Metadata::new();
                    *event = envelope.into();
                }
            }
            Fault::SwapsNeighbours => events.reverse(),
            Fault::OneFailureForAll => {
                // It publishes one at a time, and gives up behind the first failure.
                for event in &events {
                    let delivered = self.0.publish_and_wait(std::slice::from_ref(event)).await?;
                    if !delivered.failed.is_empty() {
                        return Ok(Vec::new());
                    }
                }
                return Ok(Vec::new());
            }
            _ => {}
        }
        Transport::publish(&self.0, publisher, &events, through).await
    }

    async fn consumed(&self, publisher: &Publisher) -> Result<Option<Position>> {
        self.0.consumed(publisher).await
    }
}

impl BusUnderTest for Broken {
    type Relay = RunningRelay;
    type Consumer = RegistrationGuard;

    fn store(&self) -> &Store {
        self.0.store()
    }

    fn promises(&self) -> BusPromises {
        self.0.promises()
    }

    async fn relay(&self) -> RunningRelay {
        let spoilt = Spoilt(self.0.bus.clone(), self.1, AtomicUsize::new(0));
        Relay::new("relay", self.0.store.clone(), self.0.progress.clone())
            .publish(Interest::everything(), spoilt)
            .start()
            .unwrap()
    }

    async fn consume(&self, plan: ConsumerPlan) -> RegistrationGuard {
        let handle = Arc::clone(&plan.handle);
        let mut plan = match self.1 {
            Fault::TakesFailureForSuccess => plan.handling(Arc::new(move |event| {
                let handled = handle(event);
                Box::pin(async move {
                    drop(handled.await);
                    Ok(())
                })
            })),
            _ => plan,
        };
        if self.1 == Fault::PassesOverUnknown && plan.knows == Knows::Noted {
            let types = [es_core::EventType::from_static("noted")];
            let handle = Arc::clone(&plan.handle);
            let typed = es_bus::Subscription::to_types(&plan.name, types).with_retry(retry(&plan));
            let typed = typed.run(move |event| handle(event));
            return self.0.bus.subscribe(typed).unwrap().until_dropped();
        }
        let exhausted = match self.1 {
            Fault::TriesOnce => {
                plan.attempts = 1;
                Exhausted::Park
            }
            Fault::GoesOnBehindPoison => Exhausted::DeadLetter,
            Fault::StopsAllAtPoison => Exhausted::Block,
            _ => Exhausted::Park,
        };
        let subscription = match self.1 {
            Fault::TriesOnce | Fault::GoesOnBehindPoison | Fault::StopsAllAtPoison => {
                let handle = Arc::clone(&plan.handle);
                es_bus::Subscription::to_everything(&plan.name)
                    .with_retry(retry(&plan).with_exhausted(exhausted))
                    .run(move |event| handle(event))
            }
            _ => subscription(&plan),
        };
        self.0.bus.subscribe(subscription).unwrap().until_dropped()
    }

    async fn stop(&self, consumer: RegistrationGuard) {
        self.0.stop(consumer).await;
    }

    async fn dead_letters(&self, name: &str) -> Vec<DeadLetter> {
        self.0.dead_letters(name).await
    }

    async fn replay(&self, name: &str) {
        if self.1 != Fault::ForgetsTheReplay {
            self.0.replay(name).await;
        }
    }
}

/// Whether the case fails on a bus with this fault, and passes on one without.
#[expect(clippy::future_not_send, reason = "it stays on its thread, whose time is paused")]
async fn is_caught<Case: Future<Output = ()>>(fault: Fault, case: impl Fn(Broken) -> Case) {
    let run = async |fault| {
        let limit = Duration::from_secs(60);
        let case = tokio::time::timeout(limit, case(Broken(Local::new(), fault)));
        AssertUnwindSafe(case).catch_unwind().await.is_ok_and(|done| done.is_ok())
    };
    assert!(run(Fault::None).await, "the case fails on a bus that is well");
    assert!(!run(fault).await, "{fault:?} is not caught");
}

/// The cases wait for what never comes; time that is not real makes that short.
macro_rules! caught {
    ($($test:ident: $fault:ident by $case:path;)*) => {$(
        #[tokio::test(start_paused = true)]
        async fn $test() {
            is_caught(Fault::$fault, $case).await;
        }
    )*};
}

caught! {
    lost_history: LosesHistory by b1_relay::what_was_appended_before_is_published;
    lost_events: LosesEveryThird by b1_relay::what_is_appended_later_is_published;
    lost_events_over_crashes: LosesEveryThird by b1_relay::a_relay_that_crashes_loses_nothing;
    lost_metadata: LosesMetadata by b1_relay::an_event_arrives_as_it_was_recorded;
    swapped_neighbours: SwapsNeighbours by b2_order::streams_keep_their_order;
    order_behind_a_failure: GoesOnBehindPoison by b3_failures::poison_stops_its_stream_only;
    everything_stops: StopsAllAtPoison by b3_failures::poison_stops_its_stream_only;
    failures_that_are_swallowed: TakesFailureForSuccess by b3_failures::a_failure_is_tried_again;
    failures_that_leave_no_letter: TakesFailureForSuccess
        by b3_failures::a_dead_letter_keeps_error_attempts_and_origin;
    one_attempt_only: TriesOnce by b3_failures::a_failure_is_tried_again;
    one_failure_for_all: OneFailureForAll by b3_failures::a_failing_handler_disturbs_no_other;
    one_panic_for_all: OneFailureForAll by b3_failures::a_panicking_handler_disturbs_no_other;
    replays_that_do_nothing: ForgetsTheReplay by b3_failures::dead_letters_can_be_replayed;
    unknown_types_passed_over: PassesOverUnknown by b4_recovery::unknown_types_are_parked;
    order_lost_after_failures: SwapsNeighbours by b2_order::a_failure_keeps_the_order_of_its_stream;
}

#[cfg(feature = "redis")]
mod on_redis {
    use super::{AssertUnwindSafe, Duration, FutureExt, b2_order, b4_recovery};
    use crate::contract::redis::OnRedis;

    /// A lease that never lapses: nobody takes over from a consumer that crashed.
    #[test]
    fn consumers_that_nobody_replaces() {
        for is_ordered in [true, false] {
            es_testkit::run(
                async {
                    let mut bus = OnRedis::new(is_ordered).await;
                    bus.lease = Duration::from_secs(86_400);
                    es_testkit::Fixture::new(bus, ())
                },
                |bus| async {
                    let case = b4_recovery::what_a_crashed_consumer_held_is_recovered(bus);
                    let caught = AssertUnwindSafe(case).catch_unwind().await.is_err();
                    assert!(caught, "nobody took over, and the case passes");
                },
            );
        }
    }

    /// Competing consumers that claim to keep order.
    #[test]
    fn order_that_is_only_claimed() {
        es_testkit::run(
            async {
                let mut bus = OnRedis::new(false).await;
                bus.promises = bus.promises.with_ordered(true);
                es_testkit::Fixture::new(bus, ())
            },
            |bus| async {
                let case = b2_order::a_failure_keeps_the_order_of_its_stream(bus);
                let caught = AssertUnwindSafe(case).catch_unwind().await.is_err();
                assert!(caught, "order is lost, and the case passes");
            },
        );
    }
}
