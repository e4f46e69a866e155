//! What waits for the consumers of a group: how much, how far behind, since when; and what is told
//! of a handler that is broken off.

use std::{
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use es_bus::{RedisConsumer, Retry, RunningConsumer, Subscription};
use es_core::{
    Gauge, GaugeSource, Observation, Observer, Outcome, Position, Read, Recorded, SharedObserver,
    Timestamp,
};
use tokio::sync::Semaphore;

use super::{LEASE, World, until};
use crate::relay::health::Sources;

const SOON: Duration = Duration::from_secs(60);

/// How old an event of the log is now.
async fn age_of(world: &World, position: u64) -> impl Fn() -> Duration {
    let event = world.store.read(Read::all().after(Position::new(position - 1)));
    let recorded = event.into_vec().await.unwrap().remove(0).recorded_at.as_micros();
    move || {
        let micros = Timestamp::now().as_micros() - recorded;
        Duration::from_micros(u64::try_from(micros).unwrap())
    }
}

/// What is answered says how old that event of the log is.
async fn is_as_old_as<T>(
    world: &World,
    position: u64,
    asked: impl Future<Output = (T, Option<Duration>)>,
) -> T {
    let age = age_of(world, position).await;
    let least = age();
    let (answer, found) = asked.await;
    let found = found.unwrap();
    assert!((least..=age()).contains(&found), "{found:?} is not that of {position}: {least:?}");
    answer
}

/// Waits for a permit at the events whose position it says, and fails on position 2.
fn slow(goes: &Arc<Semaphore>, waits_at: &'static [u64]) -> Subscription {
    let goes = Arc::clone(goes);
    let pause = Duration::from_secs(600);
    let retry = Retry::default().with_attempts(9).with_backoff(pause, pause);
    Subscription::to_everything("all").with_retry(retry).run(move |event: Recorded| {
        let goes = Arc::clone(&goes);
        async move {
            if waits_at.contains(&event.position.get()) {
                goes.acquire().await?.forget();
            }
            if event.position.get() == 2 { Err("not yet".into()) } else { Ok(()) }
        }
    })
}

async fn start(world: &World, consumer: RedisConsumer) -> RunningConsumer {
    let consumer = consumer.with_lease(LEASE).start().await.unwrap();
    let last = world.append(&["a", "b", "c"]).await;
    let relay = world.start();
    relay.published(last).await.unwrap();
    assert!(relay.stop(SOON).await);
    consumer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_competing_consumers_have_before_them() {
    let (world, goes) = (World::new().await, Arc::new(Semaphore::new(0)));
    let consumer = start(&world, world.topic.competing(slow(&goes, &[1]))).await;
    consumer.when(|status| status.handled == 1 && status.retries == 1).await.unwrap();
    let group = async || {
        let status = world.topic.group("all").await.unwrap();
        let lag_time = status.lag_time;
        (status, lag_time)
    };
    // The first is in hand, the second waits for another attempt, the third is done with.
    until("all is acknowledged that can be", async || group().await.0.pending == 1).await;
    let status = is_as_old_as(&world, 1, group()).await;
    assert_eq!((status.lag, status.pending, status.waiting), (0, 1, 1));
    let sources = Arc::new(Sources::default());
    let observer: SharedObserver = Arc::<Sources>::clone(&sources) as _;
    let _watch = world.topic.watch_group("all", Duration::from_millis(20), &observer).unwrap();
    until("that is told", async || {
        let mut told = None;
        sources.ask(|gauge| {
            if let Gauge::Group { work: Some(work), .. } = gauge {
                told = Some((work.pending, work.lag_time > Some(Duration::ZERO)));
            }
        });
        told == Some((2, true))
    })
    .await;

    goes.add_permits(1);
    consumer.when(|status| status.handled == 2).await.unwrap();
    until("the first is acknowledged", async || group().await.0.pending == 0).await;
    let status = is_as_old_as(&world, 2, group()).await;
    assert_eq!((status.pending, status.waiting), (0, 1));

    // Of what nobody has taken, the first counts, too.
    assert!(consumer.stop(SOON).await);
    world.topic.remove_group("all").await.unwrap();
    let consumer = world.topic.competing(slow(&goes, &[1, 2, 3])).with_workers(1);
    let consumer = consumer.with_lease(LEASE).start().await.unwrap();
    until("one of three is taken", async || {
        let status = world.topic.group("all").await;
        status.is_ok_and(|status| status.pending == 1 && status.lag > 0)
    })
    .await;
    is_as_old_as(&world, 1, group()).await;
    drop(consumer);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_consumers_that_keep_order_have_before_them() {
    let (world, goes) = (World::new().await, Arc::new(Semaphore::new(0)));
    let consumer = start(&world, world.topic.ordered(slow(&goes, &[1, 3]))).await;
    let group = async || {
        let status = world.topic.group("all").await.unwrap();
        let lag_time = status.lag_time;
        (status, lag_time)
    };
    consumer.when(|status| status.retries == 1).await.unwrap();
    let status = is_as_old_as(&world, 1, group()).await;
    assert!(status.lag >= 2, "{status:?}");
    let health = async || {
        let check = consumer.health(SOON).await;
        let lag_time = check.lag_time;
        (check, lag_time)
    };
    let check = is_as_old_as(&world, 1, health()).await;
    assert_eq!(check.lag, Some(status.lag));
    goes.add_permits(2);
    consumer.when(|status| status.handled == 2).await.unwrap();
    let age = age_of(&world, 2).await;
    until("only the one that fails is left", async || group().await.1 <= Some(age())).await;
    is_as_old_as(&world, 2, group()).await;
}

/// How handlers ended, with the retries.
#[derive(Debug, Default)]
struct Ends(Mutex<Vec<(Outcome, u64)>>);

impl Observer for Ends {
    fn observe(&self, observation: &Observation<'_>) {
        if let Observation::ProcessDone { outcome, retries, .. } = *observation {
            self.0.lock().unwrap().push((outcome, retries));
        }
    }

    fn watch(&self, _: Weak<dyn GaugeSource>) {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_is_broken_off_is_told_of() {
    for is_ordered in [true, false] {
        let (mut world, goes) = (World::new().await, Arc::new(Semaphore::new(0)));
        let ends = Arc::new(Ends::default());
        world.topic = world.topic.observed_by(Arc::<Ends>::clone(&ends) as _);
        let begun = Arc::new(AtomicUsize::new(0));
        let waiting = {
            let (goes, begun) = (Arc::clone(&goes), Arc::clone(&begun));
            Subscription::to_everything("all").run(move |_: Recorded| {
                let (goes, begun) = (Arc::clone(&goes), Arc::clone(&begun));
                async move {
                    begun.fetch_add(1, Ordering::SeqCst);
                    goes.acquire().await?.forget();
                    Ok(())
                }
            })
        };
        let topic = &world.topic;
        let consumer = if is_ordered { topic.ordered(waiting) } else { topic.competing(waiting) };
        let consumer = start(&world, consumer).await;
        until("two are in hand", async || begun.load(Ordering::SeqCst) >= 2).await;
        goes.add_permits(1);
        consumer.when(|status| status.handled == 1).await.unwrap();
        // As a crash would end it, in the midst of the other one.
        drop(consumer);
        until("one ended well, and one was broken off", async || {
            let told = ends.0.lock().unwrap().clone();
            let ended = |outcome| told.iter().filter(|end| end.0 == outcome).count();
            ended(Outcome::Ok) == 1 && ended(Outcome::Abandoned) >= 1
        })
        .await;
    }
}
