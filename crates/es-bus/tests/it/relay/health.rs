//! Whether a relay is well: honest about what is dead, stuck or not known.

use std::{
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use es_bus::RelayState;
use es_core::{
    ErrorKind, Gauge, GaugeSource, Health, Observation, Observer, Owner, Position, SharedObserver,
};

use super::World;

const SOON: Duration = Duration::from_secs(60);

/// Keeps who can be asked.
#[derive(Default)]
pub(crate) struct Sources(Mutex<Vec<Weak<dyn GaugeSource>>>);

impl std::fmt::Debug for Sources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sources")
    }
}

impl Observer for Sources {
    fn observe(&self, _: &Observation<'_>) {}

    fn watch(&self, source: Weak<dyn GaugeSource>) {
        self.0.lock().unwrap().push(source);
    }
}

impl Sources {
    pub(crate) fn ask(&self, mut take: impl FnMut(Gauge<'_>)) {
        for source in self.0.lock().unwrap().iter().filter_map(Weak::upgrade) {
            source.gauges(&mut take);
        }
    }

    /// Lag in events and in time, parked streams, health.
    fn relay(&self) -> Option<(Option<u64>, Option<Duration>, u64, bool)> {
        let mut found = None;
        self.ask(|gauge| {
            if let Gauge::Relay { relay: "relay", lag, lag_time, parked_streams, is_healthy } =
                gauge
            {
                found = Some((lag, lag_time, parked_streams, is_healthy));
            }
        });
        found
    }
}

#[tokio::test]
async fn a_relay_that_gets_on_is_well_and_one_that_is_stuck_is_not() {
    let world = World::new();
    let relay = world.relay().with_stuck_after(Duration::ZERO).start().unwrap();
    let last = world.append(&["a", "b"]).await;
    relay.published(last).await.unwrap();
    let check = relay.health(SOON).await;
    assert_eq!((check.name.as_str(), &check.health), ("relay", &Health::Healthy));
    assert_eq!((check.position, check.lag, check.is_dead), (Some(last), Some(0), false));
    assert_eq!(check.lag_time, Some(Duration::ZERO));

    world.shelf.change(|state| state.is_stuck = true);
    world.append(&["a", "b"]).await;
    let stuck = loop {
        let check = relay.health(SOON).await;
        if check.health.is_unhealthy() {
            break check;
        }
        tokio::task::yield_now().await;
    };
    assert!(stuck.health.reason().unwrap().starts_with("stuck at 2"), "{stuck:?}");
    assert_eq!((stuck.lag, stuck.is_dead), (Some(2), false));
    assert!(stuck.lag_time.unwrap() > Duration::ZERO);
    world.shelf.change(|state| state.is_stuck = false);
}

#[tokio::test]
async fn what_was_refused_is_told_and_what_has_failed_is_dead() {
    let world = World::new();
    world.shelf.change(|state| state.poison = vec![1]);
    let relay = world.start();
    let last = world.append(&["a", "b"]).await;
    relay.published(last).await.unwrap();
    let parked = relay.health(SOON).await.health;
    assert!(matches!(&parked, Health::Degraded(why) if why.starts_with("1 streams wait")));

    world.shelf.change(|state| state.failures = vec![ErrorKind::Invalid]);
    world.append(&["b"]).await;
    relay.when(|status| status.state == RelayState::Failed).await.unwrap();
    let dead = relay.health(SOON).await;
    assert!(dead.is_dead && dead.health.is_unhealthy(), "{dead:?}");
    assert_eq!(dead.lag, Some(1), "a relay that is dead has not caught up");
}

#[tokio::test]
async fn one_that_stands_by_shows_how_far_the_other_is() {
    let world = World::new();
    let day = Duration::from_secs(86_400);
    let first = world.relay().with_lease(day).start().unwrap();
    let last = world.append(&["a", "b", "c"]).await;
    first.published(last).await.unwrap();
    let second = world.relay().with_lease(day).with_owner(Owner::new("second")).start().unwrap();
    second.when(|status| status.state == RelayState::Standby).await.unwrap();
    let check = second.health(SOON).await;
    assert_eq!((check.health, check.position), (Health::Healthy, Some(last)));
    assert_eq!((second.status().position, check.lag), (Position::START, Some(0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gauges_follow_and_end_with_the_relay() {
    let sources = Arc::new(Sources::default());
    let mut world = World::new();
    let observer: SharedObserver = Arc::<Sources>::clone(&sources) as _;
    world.store = world.store.clone().observed_by(observer);
    world.shelf.change(|state| state.poison = vec![1]);
    let relay = world.start();
    let last = world.append(&["a", "b"]).await;
    relay.published(last).await.unwrap();
    let comes = async |is: &dyn Fn(Option<u64>, bool) -> bool| loop {
        let (lag, _, parked, is_healthy) = sources.relay().unwrap();
        assert_eq!(parked, 1);
        if is(lag, is_healthy) {
            return;
        }
        tokio::task::yield_now().await;
    };
    comes(&|lag, is_healthy| lag == Some(0) && is_healthy).await;
    world.shelf.change(|state| state.failures = vec![ErrorKind::Invalid]);
    world.append(&["b", "b"]).await;
    comes(&|lag, is_healthy| lag == Some(2) && !is_healthy).await;
    assert!(relay.health(SOON).await.is_dead);
    drop(relay);
    assert!(sources.relay().is_none(), "nobody is there to be asked");
}
