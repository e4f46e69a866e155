//! Redis: the server is killed while a handler wants to read.

use es_testkit::{
    Fixture,
    servers::{RedisConfig, RedisServer},
};
use eventsource::{RedisReadModel, RedisTx};

use super::*;

/// Adds to a number that it reads.
struct Handler(Calls);

impl Projection for Handler {
    const NAME: &'static str = "deposits";
    type Event = Deposit;
    type Tx = RedisTx;

    async fn apply(&self, _: &Recorded<Deposit>, tx: &mut RedisTx) -> Result<(), BoxError> {
        self.0.next();
        let times: u32 = match tx.get("times").await? {
            Some(times) => std::str::from_utf8(&times)?.parse()?,
            None => 0,
        };
        tx.set("times", (times + 1).to_string())?;
        Ok(())
    }
}

#[test]
fn a_server_that_is_gone_is_waited_for() {
    let fixture = async { Fixture::new(RedisServer::start(&RedisConfig::durable()), ()) };
    es_testkit::run(fixture, |mut server| async move {
        let model = RedisReadModel::open(&server.url()).await.unwrap();
        // It has claimed its checkpoint, and is live, once it has handled one event.
        let calls = Calls::new();
        let store = Store::new(MemoryStore::new());
        let running = Runner::new(store.clone())
            .project_with(Handler(calls.clone()), model.clone(), policy())
            .start()
            .unwrap();
        let first = store.append(deposit("alice", 5)).await.unwrap();
        running.wait_for("deposits", &first, Duration::from_secs(60)).await.unwrap();

        server.kill();
        let second = store.append(deposit("alice", 5)).await.unwrap();
        calls.reach(2 + 2 * RETRIES).await;
        server.run_again();
        running.wait_for("deposits", &second, Duration::from_secs(120)).await.unwrap();
        let letters = running.dead_letters("deposits", Position::START, 10).await.unwrap();
        assert!(letters.is_empty(), "{letters:?}");
        assert_eq!(server.ask(&["GET", &model.key("times")]).number(), 2);
        running.stop(Duration::from_secs(10)).await;
    });
}

/// Adds up what Redis can count to and no further.
struct Sums;

impl Projection for Sums {
    const NAME: &'static str = "deposits";
    type Event = Deposit;
    type Tx = RedisTx;

    async fn apply(&self, event: &Recorded<Deposit>, tx: &mut RedisTx) -> Result<(), BoxError> {
        let Deposit::Made { cents } = event.event;
        tx.hash_increment("sums", event.stream.key().as_str(), 1)?;
        tx.hash_increment("sums", "all", cents)?;
        Ok(())
    }
}

#[test]
fn a_number_that_leaves_its_range_parks_the_event_that_would_take_it_there() {
    let fixture = async { Fixture::new(RedisServer::start(&RedisConfig::durable()), ()) };
    es_testkit::run(fixture, |server| async move {
        let model = RedisReadModel::open(&server.url()).await.unwrap();
        let most = (1 << 53) - 10;
        let deposits = [("ann", 1), ("bob", most), ("eve", 99), ("joe", 3), ("kim", 4)];
        assert_eq!(parked_of(Sums, model.clone(), &deposits).await, ["deposit/eve"]);
        let key = model.key("sums");
        let sum = |name| server.ask(&["HGET", &key, name]).number();
        assert_eq!((sum("all"), sum("kim")), (1 + most + 3 + 4, 1));
        assert_eq!(server.ask(&["HEXISTS", &key, "eve"]).number(), 0, "nothing of it");
    });
}
