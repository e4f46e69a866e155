//! Aggregates and projections on partitions.

use std::{
    convert::Infallible,
    sync::atomic::{AtomicU32, Ordering},
};

use es_testkit::Fixture;
use eventsource::{
    Aggregate, BoxError, CheckpointStore, Decide, Event, OfPartition, Placement, Projection, Read,
    Recorded, RedisOptions, RedisPartitions, RedisReadModel, RedisTx, Repository, Runner,
    SubscriberName,
};

/// A log of one test, and a read model of the same name.
struct Log {
    url: String,
    options: RedisOptions,
}

impl Log {
    /// Without a server the test is skipped.
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let url = std::env::var("ES_TEST_REDIS_URL").ok().filter(|url| !url.is_empty());
        let url = url.unwrap_or_else(|| {
            es_testkit::skip("no Redis: run `cargo xtask test`, or set ES_TEST_REDIS_URL")
        });
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("facade{}_{number}", std::process::id());
        Self { url, options: RedisOptions::new().with_name(name).unwrap() }
    }

    async fn open(&self, count: u16) -> RedisPartitions {
        let options = self.options.clone();
        RedisPartitions::open(&self.url, count, Placement::ByStream, options).await.unwrap()
    }
}

#[derive(Clone, Debug, Event)]
#[event(prefix = "account")]
enum AccountEvent {
    Deposited { cents: i64 },
}

#[derive(Debug, Default)]
struct Account {
    cents: i64,
}

impl Aggregate for Account {
    const CATEGORY: &'static str = "account";
    type Event = AccountEvent;

    fn evolve(&mut self, AccountEvent::Deposited { cents }: &AccountEvent) {
        self.cents += cents;
    }
}

struct Deposit(i64);

impl Decide<Deposit> for Account {
    type Error = Infallible;

    fn decide(&self, Deposit(cents): &Deposit) -> Result<Vec<AccountEvent>, Infallible> {
        Ok(vec![AccountEvent::Deposited { cents: *cents }])
    }
}

struct Balances;

impl Projection for Balances {
    const NAME: &'static str = "balances";
    type Event = AccountEvent;
    type Tx = RedisTx;

    async fn apply(
        &self,
        event: &Recorded<AccountEvent>,
        tx: &mut RedisTx,
    ) -> Result<(), BoxError> {
        let AccountEvent::Deposited { cents } = event.event;
        tx.hash_increment("balances", event.stream.key().as_str(), cents)?;
        Ok(())
    }
}

const ACCOUNTS: i64 = 24;

async fn deposit(accounts: &Repository<Account>) {
    let mut tasks = Vec::new();
    for account in 0..ACCOUNTS {
        // Two at a time, so that some conflict and are decided again.
        for cents in [1, account] {
            let accounts = accounts.clone();
            tasks.push(tokio::spawn(async move {
                accounts.execute(account, &Deposit(cents)).retries(20).await.unwrap();
            }));
        }
    }
    for task in tasks {
        task.await.unwrap();
    }
}

#[test]
fn a_repository_works_over_all_partitions() {
    es_testkit::run(async { Fixture::new(Log::new(), ()) }, |log| async move {
        let partitions = log.open(4).await;
        let accounts = Repository::<Account>::new(partitions.by_stream());
        deposit(&accounts).await;
        let cached = Repository::<Account>::new(partitions.by_stream()).with_cache(100).unwrap();
        for account in 0..ACCOUNTS {
            cached.execute(account, &Deposit(0)).await.unwrap();
            let loaded = accounts.load(account).await.unwrap();
            assert_eq!((loaded.cents, loaded.version().unwrap().get()), (account + 1, 3));
        }
        assert!(!accounts.exists("nobody").await.unwrap());
        for store in partitions.stores() {
            assert!(store.read(Read::all()).next().await.is_some(), "each has some");
        }
        let error = accounts.load("nobody").await.unwrap_err();
        assert_eq!(error.kind(), eventsource::ErrorKind::NotFound);
    });
}

/// The rows are shared, the checkpoints are not.
#[test]
fn a_projection_runs_in_each_partition() {
    es_testkit::run(async { Fixture::new(Log::new(), ()) }, |log| async move {
        let partitions = log.open(3).await;
        let model = RedisReadModel::open_with(&log.url, log.options.clone()).await.unwrap();
        let accounts = Repository::<Account>::new(partitions.by_stream());
        for _ in 0..2 {
            deposit(&accounts).await;
            for (index, store) in partitions.stores().enumerate() {
                let of_partition = OfPartition::new(index, model.clone());
                let mut runner = Runner::new(store).project(Balances, of_partition);
                let reached = runner.catch_up().await.unwrap();
                assert!(reached.iter().all(|one| one.parked == 0), "{reached:?}");
            }
        }
        for account in 0..ACCOUNTS {
            let row = model.hash_get("balances", account.to_string()).await.unwrap().unwrap();
            let expected = (2 * (account + 1)).to_string();
            assert_eq!(row, expected.as_bytes(), "account {account}");
        }
        let heads = partitions.heads().await.unwrap();
        let name = SubscriberName::new("balances-v1").unwrap();
        for (index, head) in heads.iter().enumerate() {
            let of_partition = OfPartition::new(index, model.clone());
            let checkpoint = of_partition.checkpoint(&name).await.unwrap().unwrap();
            assert_eq!((checkpoint.log, checkpoint.position), (head.log, head.position));
            assert_eq!(checkpoint.subscriber, name);
        }
    });
}
