//! Servers that have lost what they acknowledged: every writer, every reader and every
//! checkpoint notices, and nothing is papered over.

use es_core::{
    CheckpointStore, Error, ErrorKind, Owner, Position, Progress, Read, Store, SubscriberName,
};
use es_store_redis::RedisReadModel;
use es_testkit::{
    Fixture,
    servers::{RedisConfig, RedisSentinel, RedisServer},
};

use crate::{
    checks::{self, Follower, to},
    load::{Writer, places},
    server::store_at,
};

fn on_a_server<Test: Future<Output = ()>>(
    config: RedisConfig,
    test: impl FnOnce(RedisServer) -> Test,
) {
    es_testkit::run(async { Fixture::new(RedisServer::start(&config), ()) }, test);
}

/// Those who know the log, and must notice.
struct Witnesses {
    store: Store,
    writer: Writer,
    follower: Follower,
    /// On a store of its own, which has seen nothing since it was opened.
    checkpoint: es_core::Checkpoint,
}

impl Witnesses {
    /// They have seen all of the log.
    async fn of(url: &str, model: &RedisReadModel) -> Self {
        let (store, other) = (store_at(url).await, store_at(url).await);
        let (follower, writer) = (Follower::start(&other), Writer::new(&store, 0));
        let log = store.head().await.unwrap().log;
        let checkpoint = model.claim(&name(), log, &Owner::new("one")).await.unwrap();
        Self { store, writer, follower, checkpoint }
    }

    async fn write(&mut self, steps: usize) {
        for _ in 0..steps {
            self.writer.step().await.unwrap();
        }
    }

    /// Everything so far is handled.
    async fn handled(&mut self, model: &RedisReadModel) {
        let (position, event) = *self.writer.written.last().unwrap();
        self.follower.has_met(self.writer.written.len()).await;
        let progress = Progress::from(&self.checkpoint, position).with_event(event);
        model.advance(&progress).await.unwrap();
    }

    /// What each of them says, sooner or later.
    async fn notice(mut self, model: &RedisReadModel) {
        let error = until_settled(async || self.writer.step().await).await;
        assert_eq!(error.kind(), ErrorKind::LogDiverged, "the writer: {error}");
        assert!(error.diverged().is_some());
        let seen = self.writer.written.last().unwrap().0;
        let error = until_settled(async || {
            self.store.read(Read::all().after(seen)).into_vec().await.map(drop)
        })
        .await;
        assert_eq!(error.kind(), ErrorKind::LogDiverged, "the reader: {error}");
        let error = self.follower.ends().await;
        assert_eq!(error.kind(), ErrorKind::LogDiverged, "the follower: {error}");
        let _ = model;
    }

    /// What a projection does when it starts: compare its checkpoint with the log, by a store
    /// that knows nothing else of it.
    async fn proves(url: &str, model: &RedisReadModel) -> Result<(), Error> {
        let store = store_at(url).await;
        let checkpoint = model.checkpoint(&name()).await?.expect("it was claimed");
        checkpoint.check(store.head().await?)?;
        let event = checkpoint.event.expect("it has handled something");
        match store.find(event).await? {
            Some(found) if found.position == checkpoint.position => Ok(()),
            _ => {
                let (position, expected) = (checkpoint.position, event);
                Err(es_core::Diverged::Rewritten { position, expected }.into())
            }
        }
    }
}

fn name() -> SubscriberName {
    SubscriberName::from_static("witness")
}

/// Again while it is only the connection; then how it fails.
async fn until_settled(mut call: impl AsyncFnMut() -> Result<(), Error>) -> Error {
    loop {
        match call().await {
            Err(error) if error.is_temporary() || error.kind() == ErrorKind::OutcomeUnknown => {}
            Err(error) => return error,
            Ok(()) => panic!("it went on as if nothing had been lost"),
        }
    }
}

/// Where the checkpoints are kept: another server, which loses nothing.
async fn elsewhere() -> (RedisServer, RedisReadModel) {
    let server = RedisServer::start(&RedisConfig::in_memory());
    let model = RedisReadModel::open(&server.url()).await.unwrap();
    (server, model)
}

/// `appendfsync everysec` and a power cut: what was not synced is gone. The loss is within
/// what `durability` says, and it is noticed.
#[test]
fn a_power_cut_takes_what_durability_says_and_is_noticed() {
    on_a_server(RedisConfig::every_second(), |mut server| async move {
        let (_kept, model) = elsewhere().await;
        let url = server.url();
        let mut witnesses = Witnesses::of(&url, &model).await;
        let durability = witnesses.store.durability().await.unwrap();
        assert!(durability.survives_server_crash && !durability.survives_power_loss);
        let window = durability.loss_window.expect("a bound");
        witnesses.write(50).await;
        // What comes between a sync and the cut is to be lost, and that only if it takes less time
        // than the window; on a machine that is too busy for that, there is another sync.
        let (length, kept) = loop {
            // The server syncs in the background, once a second; it says when nothing is left.
            synced(&server).await;
            let (length, kept) = (server.data().log_length(), witnesses.writer.written.len());
            let begun = std::time::Instant::now();
            witnesses.write(20).await;
            witnesses.handled(&model).await;
            if begun.elapsed() < window {
                break (length, kept);
            }
        };
        server.kill();
        server.data().cut_log(length);
        server.run_again();
        let fresh = store_at(&url).await;
        let log = places(&checks::whole(&fresh).await);
        checks::same_as(&witnesses.writer.written[..kept], &log).unwrap();
        let error = Witnesses::proves(&url, &model).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LogDiverged, "{error}");
        witnesses.notice(&model).await;
    });
}

/// Waits until the server has synced all that it has taken.
async fn synced(server: &RedisServer) {
    let number = |name: &str| server.info(name).map_or(0, |value| value.parse::<i64>().unwrap());
    let before = std::time::Instant::now();
    while number("aof_pending_bio_fsync") > 0
        || number("aof_buffer_length") > 0
        || before.elapsed() < std::time::Duration::from_millis(1_200)
    {
        tokio::task::yield_now().await;
    }
}

/// `kill -9` alone takes nothing even then: the system has what the server wrote.
#[test]
fn a_kill_takes_nothing_that_only_waits_for_its_sync() {
    on_a_server(RedisConfig::every_second(), |mut server| async move {
        let store = store_at(&server.url()).await;
        let mut writer = Writer::new(&store, 0);
        for _ in 0..100 {
            writer.step().await.unwrap();
        }
        server.kill();
        server.run_again();
        let log = places(&checks::whole(&store_at(&server.url()).await).await);
        checks::same_as(&writer.written, &log).unwrap();
    });
}

/// A replica that lags is promoted, and the address leads to it.
#[test]
fn a_replica_that_lacks_acknowledged_appends_is_noticed() {
    on_a_server(RedisConfig::in_memory(), |mut server| async move {
        let (_kept, model) = elsewhere().await;
        let replica = server.replica(&RedisConfig::in_memory());
        let proxy = es_testkit::servers::Proxy::start(server.address()).await;
        let url = format!("redis://{}", proxy.address());
        let mut witnesses = Witnesses::of(&url, &model).await;
        witnesses.write(30).await;
        replica.has_all_of(&server);
        cut_off(&replica);
        witnesses.write(20).await;
        witnesses.handled(&model).await;
        proxy.lead_to(replica.address());
        server.kill();
        replica.promote();
        let error = Witnesses::proves(&url, &model).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LogDiverged, "{error}");
        witnesses.notice(&model).await;
    });
}

/// From now on the replica gets nothing from its primary.
fn cut_off(replica: &RedisServer) {
    // Nobody listens there.
    replica.ask(&["REPLICAOF", "127.0.0.1", "1"]);
}

/// The same, but before those who know better look again, somebody who knows nothing has
/// written on: the positions are there again, with other events.
#[test]
fn positions_that_were_given_again_are_noticed() {
    on_a_server(RedisConfig::in_memory(), |mut server| async move {
        let (_kept, model) = elsewhere().await;
        let replica = server.replica(&RedisConfig::in_memory());
        let proxy = es_testkit::servers::Proxy::start(server.address()).await;
        let url = format!("redis://{}", proxy.address());
        let mut witnesses = Witnesses::of(&url, &model).await;
        witnesses.write(30).await;
        replica.has_all_of(&server);
        cut_off(&replica);
        witnesses.write(20).await;
        witnesses.handled(&model).await;
        replica.promote();
        let stranger = store_at(&replica.url()).await;
        let known = witnesses.writer.written.len();
        while stranger.head().await.unwrap().position <= Position::new(known as u64 + 10) {
            stranger.append(to("stranger", 3)).await.unwrap();
        }
        proxy.lead_to(replica.address());
        server.kill();
        let error = Witnesses::proves(&url, &model).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LogDiverged, "{error}");
        witnesses.notice(&model).await;
    });
}

#[test]
fn a_wiped_server_is_noticed() {
    on_a_server(RedisConfig::durable(), |mut server| async move {
        let (_kept, model) = elsewhere().await;
        let mut witnesses = Witnesses::of(&server.url(), &model).await;
        witnesses.write(30).await;
        witnesses.handled(&model).await;
        server.wipe();
        witnesses.notice(&model).await;
        let error = Witnesses::proves(&server.url(), &model).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LogDiverged, "{error}");
    });
}

#[test]
fn a_restored_backup_is_noticed() {
    on_a_server(RedisConfig::durable(), |mut server| async move {
        let (_kept, model) = elsewhere().await;
        let mut witnesses = Witnesses::of(&server.url(), &model).await;
        witnesses.write(30).await;
        let backup = server.data().copy();
        witnesses.write(20).await;
        witnesses.handled(&model).await;
        server.kill();
        backup.restore_to(&server.data());
        server.run_again();
        let error = Witnesses::proves(&server.url(), &model).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LogDiverged, "{error}");
        witnesses.notice(&model).await;
    });
}

/// A failover through a sentinel that loses nothing is followed, by those who were told of
/// the sentinel only.
#[test]
fn a_failover_through_a_sentinel_is_followed() {
    on_a_server(RedisConfig::in_memory(), |mut server| async move {
        let replica = server.replica(&RedisConfig::in_memory());
        let sentinel = RedisSentinel::start(&server);
        let url = format!(
            "redis-sentinel://{}?sentinelServiceName={}",
            sentinel.address(),
            sentinel.name()
        );
        let store = store_at(&url).await;
        let (follower, mut writer) = (Follower::start(&store), Writer::new(&store, 0));
        for _ in 0..50 {
            writer.step().await.unwrap();
        }
        replica.has_all_of(&server);
        server.kill();
        sentinel.fails_over_from(server.address());
        for _ in 0..50 {
            writer.step().await.unwrap();
        }
        let log = places(&checks::whole(&store).await);
        checks::same_as(&writer.written, &log).unwrap();
        follower.has_met(log.len()).await;
        checks::same_as(&follower.seen(), &log).unwrap();
    });
}
