//! A streaming standby: read, followed, refused as a place to append to, and promoted.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use es_core::{
    Append, Checkpoint, Diverged, ErrorKind, EventType, ExpectedVersion, NewEvent, Owner, Payload,
    Position, Query, Read, Receipt, Schema, Store, SubscriberName, Version,
};
use es_store_postgres::{PostgresStore, tokio_postgres::Client};
use es_testkit::Fixture;
use fastrand::Rng;

use crate::{
    checks::{self, Follower, Seen, events, stream, to, waiters},
    own_server::OwnServer,
    server::connect,
};

const RARE: EventType = EventType::from_static("rare");

async fn open(url: &str) -> PostgresStore {
    PostgresStore::open_with(url, options()).await.unwrap()
}

fn options() -> es_store_postgres::PostgresOptions {
    es_store_postgres::PostgresOptions::new().with_connections(4).unwrap()
}

/// Runs a test on a server whose tables are there, and a standby of it.
fn with_a_standby<Test: Future<Output = ()>>(
    test: impl FnOnce(Arc<OwnServer>, Arc<OwnServer>, Store) -> Test,
) {
    es_testkit::run(
        async {
            let primary = Arc::new(OwnServer::start());
            let store = Store::new(open(&primary.url).await);
            let standby = Arc::new(primary.standby());
            Fixture::new((primary, standby, store), ())
        },
        |(primary, standby, store)| test(primary, standby, store),
    );
}

/// Appends the same events until they are taken.
async fn taken(
    store: &Store,
    key: &str,
    expected: ExpectedVersion,
    events: &[NewEvent],
) -> Receipt {
    loop {
        let append = Append::to(stream(key), expected).events(events.to_vec());
        match store.append(append).await {
            Ok(receipt) => return receipt,
            Err(error) => assert!(error.is_temporary(), "{error:?}"),
        }
    }
}

async fn until(client: &Client, holds: &str) {
    let sql = format!("SELECT coalesce(({holds}), false)");
    while !client.query_one(&sql, &[]).await.unwrap().get::<_, bool>(0) {
        tokio::task::yield_now().await;
    }
}

#[test]
fn a_standby_is_read_and_followed_and_its_lag_is_seen() {
    with_a_standby(|primary, standby, store| async move {
        store.append(to("a", 20)).await.unwrap();
        let own = open(&standby.url).await;
        let (copy, admin) = (Store::new(own.clone()), connect(&standby.url).await);
        let follower = Follower::start(&copy);
        follower.has_met(20).await;
        assert_eq!(copy.head().await.unwrap(), store.head().await.unwrap());

        let error = copy.append(to("a", 1)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        assert!(error.to_string().contains("append on the primary"), "{error}");
        let append = to("a", 1).deadline(Duration::from_millis(500));
        let error = copy.append(append).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");

        // What was received and is not replayed is not there yet, and is seen to be missing.
        admin.batch_execute("SELECT pg_wal_replay_pause()").await.unwrap();
        until(&admin, "pg_is_wal_replay_paused()").await;
        store.append(to("b", 30)).await.unwrap();
        loop {
            let lag = own.replica_lag().await.unwrap().expect("it is a standby");
            if lag.unreplayed_bytes > 3_000 {
                assert!(lag.replayed_at.is_some());
                break;
            }
            tokio::task::yield_now().await;
        }
        let (here, there) = (copy.head().await.unwrap(), store.head().await.unwrap());
        assert_eq!((here.position.get(), there.position.get()), (20, 50));
        assert_eq!(follower.seen().len(), 20);
        admin.batch_execute("SELECT pg_wal_replay_resume()").await.unwrap();
        follower.has_met(50).await;

        // Paused and resumed at any moment while events arrive.
        let (ended, mut rng) = (Arc::new(AtomicBool::new(false)), Rng::with_seed(3));
        let writers: Vec<_> = (0..4)
            .map(|number| {
                let (store, ended) = (store.clone(), Arc::clone(&ended));
                tokio::spawn(async move {
                    while !ended.load(Ordering::Relaxed) {
                        store.append(to(&format!("w-{number}"), 3)).await.unwrap();
                    }
                })
            })
            .collect();
        for _ in 0..30 {
            let before = follower.seen().len();
            admin.batch_execute("SELECT pg_wal_replay_pause()").await.unwrap();
            let mark = store.head().await.unwrap().position.get() + rng.u64(1..200);
            while store.head().await.unwrap().position.get() < mark {}
            admin.batch_execute("SELECT pg_wal_replay_resume()").await.unwrap();
            follower.has_met(before + 1).await;
        }
        ended.store(true, Ordering::Relaxed);
        for writer in writers {
            writer.await.unwrap();
        }
        let log = checks::whole(&store).await;
        follower.has_met(log.len()).await;
        checks::same(&follower.seen(), &log).unwrap();
        checks::same(&follower.seen(), &checks::whole(&copy).await).unwrap();
        drop(primary);
    });
}

#[test]
fn a_primary_has_no_lag_of_its_own() {
    es_testkit::run(async { Fixture::new(OwnServer::start(), ()) }, |server| async move {
        assert_eq!(open(&server.url).await.replica_lag().await.unwrap(), None);
    });
}

/// Asynchronous: what the standby does not have is gone, and whoever has seen it is told.
#[test]
fn after_a_promotion_what_was_lost_is_noticed_and_the_store_goes_on() {
    with_a_standby(|primary, standby, before| async move {
        // More than what a condition is not looked ahead for.
        for count in [1_000, 100] {
            before.append(to("a", count)).await.unwrap();
        }
        drop(before);
        let both = primary.or(&standby);
        // So long that no follower looks unless it is woken.
        let options = options().with_poll_interval(Duration::from_secs(600));
        let store = Store::new(PostgresStore::open_with(&both, options).await.unwrap());
        let admin = connect(&standby.url).await;
        until(&admin, "(SELECT max(position) FROM eventsource.es_events) = 1100").await;
        let cut = ["ALTER SYSTEM SET primary_conninfo = ''", "SELECT pg_reload_conf()"];
        for sql in cut {
            admin.batch_execute(sql).await.unwrap();
        }
        until(&admin, "NOT EXISTS (SELECT FROM pg_stat_wal_receiver)").await;

        let lost = store.append(to("lost", 10)).await.unwrap();
        assert_eq!(lost.last.get(), 1_110);
        let follower = {
            let mut following = store.follow(Read::all().after(Position::new(1_100)));
            let (met, seen) = tokio::sync::oneshot::channel();
            let mut met = Some(met);
            let task = tokio::spawn(async move {
                loop {
                    match following.next_event().await.expect("it ends with an error alone") {
                        Ok(event) if event.position.get() == 1_110 => {
                            met.take().unwrap().send(()).unwrap();
                        }
                        Ok(_) => {}
                        Err(error) if error.is_temporary() => {}
                        Err(error) => return error,
                    }
                }
            });
            seen.await.unwrap();
            task
        };
        let last = store.read(Read::all().backward().limit(1)).into_vec().await.unwrap().remove(0);
        let subscriber = SubscriberName::new("ahead").unwrap();
        let mut ahead = Checkpoint::first(subscriber, lost.log, Owner::new("one"));
        (ahead.position, ahead.event) = (last.position, Some(last.id));

        // One follower looks too late: by then the log is longer than it was.
        let mut late = store.follow(Read::all().after(Position::new(1_100)));
        for position in 1_101..=1_110 {
            assert_eq!(late.next_event().await.unwrap().unwrap().position.get(), position);
        }

        primary.kill();
        admin.batch_execute("SELECT pg_promote()").await.unwrap();
        let receipt = taken(&store, "after", ExpectedVersion::Any, &events(1)).await;
        assert_eq!((receipt.first.get(), receipt.log), (1_101, lost.log));
        let error = follower.await.unwrap();
        assert!(matches!(error.diverged(), Some(Diverged::RolledBack { .. })), "{error}");
        let head = store.head().await.unwrap();
        assert!(matches!(
            ahead.check(head).unwrap_err().diverged(),
            Some(Diverged::RolledBack { .. })
        ));
        assert!(
            store.find(last.id).await.unwrap().is_none(),
            "what tells it once the log is longer"
        );

        // A condition sees what others wrote at positions that this handle knew as taken.
        let other = Store::new(open(&standby.url).await);
        let holder = connect(&standby.url).await;
        let lock = "BEGIN; LOCK TABLE eventsource.es_append_lock IN EXCLUSIVE MODE";
        holder.batch_execute(lock).await.unwrap();
        let rare = || NewEvent::raw(Schema::new(RARE, 1), Payload::json(&1).unwrap());
        // It has a condition as well, so it waits for the lock from the beginning.
        let theirs = Append::to(stream("rare"), ExpectedVersion::Any).event(rare());
        let theirs = theirs.unless(Query::any().of_types([RARE]), Position::new(1_101));
        let theirs = tokio::spawn({
            let other = other.clone();
            async move { other.append(theirs).await }
        });
        waiters(&admin, "eventsource", 1).await;
        let ours = Append::to(stream("rare"), ExpectedVersion::Any).event(rare());
        let ours = ours.unless(Query::any().of_types([RARE]), Position::START);
        let ours = tokio::spawn({
            let store = store.clone();
            async move { store.append(ours).await }
        });
        waiters(&admin, "eventsource", 2).await;
        holder.batch_execute("COMMIT").await.unwrap();
        let found = theirs.await.unwrap().unwrap().last;
        let error = ours.await.unwrap().unwrap_err();
        assert_eq!(error.condition_failed().map(|failed| failed.found), Some(found), "{error}");

        taken(&store, "after", ExpectedVersion::Any, &events(20)).await;
        let error = loop {
            match late.next_event().await.unwrap() {
                Ok(event) => panic!("it goes on at {}", event.position),
                Err(error) if error.is_temporary() => {}
                Err(error) => break error,
            }
        };
        let rewritten = Diverged::Rewritten { position: last.position, expected: last.id };
        assert_eq!(error.diverged(), Some(&rewritten), "{error}");

        // Followers hear of appends below the end that was lost.
        let fresh = Follower::start(&store);
        taken(&store, "after", ExpectedVersion::Any, &events(1)).await;
        let log = checks::whole(&store).await;
        fresh.has_met(log.len()).await;
        checks::same(&fresh.seen(), &log).unwrap();
        assert_eq!(log.len(), 1_123);
    });
}

/// Appends to a stream of its own, and gives what was acknowledged.
async fn load(
    store: Store,
    number: u64,
    ended: Arc<AtomicBool>,
    count: Arc<AtomicUsize>,
) -> Vec<Seen> {
    let (mut rng, mut written, mut version) = (Rng::with_seed(number), Vec::new(), None);
    while !ended.load(Ordering::Relaxed) {
        let events = events(rng.usize(1..4));
        let expected = ExpectedVersion::exactly(version);
        let receipt = taken(&store, &format!("s-{number}"), expected, &events).await;
        version = Version::after(version, u64::try_from(events.len()).unwrap());
        assert_eq!(Some(receipt.version()), version);
        let places = (receipt.first.get()..).map(Position::new);
        written.extend(places.zip(events.iter().map(|event| event.id)));
        count.fetch_add(1, Ordering::Relaxed);
    }
    written
}

/// Synchronous: what was acknowledged is on the standby too.
#[test]
fn with_a_synchronous_standby_a_promotion_loses_nothing() {
    with_a_standby(|primary, standby, before| async move {
        let admin = connect(&primary.url).await;
        for sql in ["ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()"] {
            admin.batch_execute(sql).await.unwrap();
        }
        until(&admin, "(SELECT bool_and(sync_state = 'sync') FROM pg_stat_replication)").await;
        drop(before);
        let store = Store::new(open(&primary.or(&standby)).await);
        let (ended, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let follower = Follower::start(&store);
        let tasks: Vec<_> = (0..6)
            .map(|number| {
                tokio::spawn(load(store.clone(), number, Arc::clone(&ended), Arc::clone(&count)))
            })
            .collect();
        let reached = async |most: usize| {
            while count.load(Ordering::Relaxed) < most {
                assert!(tasks.iter().all(|task| !task.is_finished()), "a task has failed");
                tokio::task::yield_now().await;
            }
        };
        reached(500).await;
        primary.kill();
        let at_death = count.load(Ordering::Relaxed);
        connect(&standby.url).await.batch_execute("SELECT pg_promote()").await.unwrap();
        reached(at_death + 300).await;
        ended.store(true, Ordering::Relaxed);
        let mut written = Vec::new();
        for task in tasks {
            written.extend(task.await.unwrap());
        }
        written.sort_unstable();
        let log = checks::whole(&store).await;
        checks::same(&written, &log).unwrap();
        follower.has_met(log.len()).await;
        checks::same(&follower.seen(), &log).unwrap();
    });
}
