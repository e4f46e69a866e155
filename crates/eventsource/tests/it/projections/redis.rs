//! On Redis, while the server is killed over and over.

use es_testkit::{
    Fixture,
    servers::{RedisConfig, RedisServer},
};
use eventsource::{RedisOptions, RedisReadModel, RedisStore, RedisTx};

use super::*;

#[derive(Clone, Default)]
struct Deposits(Luck);

impl Projection for Deposits {
    const NAME: &'static str = "deposits";
    type Event = Deposit;
    type Tx = RedisTx;

    async fn apply(&self, event: &Recorded<Deposit>, tx: &mut RedisTx) -> Result<(), BoxError> {
        let Deposit::Made { cents } = event.event;
        tx.hash_increment("writes", event.position.to_string(), 1)?;
        tx.hash_increment("accounts", event.stream.to_string(), cents.cast_signed())?;
        // What is read, changed and written is as safe as what is counted up.
        let total = tx.get("total").await?;
        let total: u64 = match &total {
            Some(total) => std::str::from_utf8(total)?.parse()?,
            None => 0,
        };
        tx.set("total", (total + cents).to_string())?;
        self.0.runs_out()
    }
}

#[test]
fn each_event_is_written_once_whatever_is_killed() {
    let fixture = async { Fixture::new(RedisServer::start(&RedisConfig::durable()), ()) };
    es_testkit::run(fixture, |mut server| async move {
        let url = server.url();
        let patience = RedisOptions::new().with_patience(Duration::from_secs(60));
        let store = Store::new(RedisStore::open_with(&url, patience).await.unwrap());
        let model = RedisReadModel::open(&url).await.unwrap();
        let ended = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let killing = {
            let ended = Arc::clone(&ended);
            std::thread::spawn(move || {
                let mut kills = 0;
                while !ended.load(Ordering::SeqCst) {
                    // Not before something has been written again.
                    let written = |server: &RedisServer| server.data().log_length();
                    let before = written(&server);
                    while written(&server) < before + 50_000 && !ended.load(Ordering::SeqCst) {
                        std::thread::yield_now();
                    }
                    server.kill();
                    server.run_again();
                    kills += 1;
                }
                (server, kills)
            })
        };
        let deposits = Deposits::default();
        storm(&store, |store| {
            Runner::new(store).project_with(deposits.clone(), model.clone(), patient())
        })
        .await;
        ended.store(true, Ordering::SeqCst);
        let (server, kills) = killing.join().unwrap();
        assert!(kills > 2, "{kills} kills");
        let writes = server.ask(&["HVALS", &model.key("writes")]);
        assert_eq!(writes.list().len() as u64, EVENTS);
        assert!(writes.list().iter().all(|times| times.number() == 1), "each event once");
        let total = server.ask(&["GET", &model.key("total")]).number();
        assert_eq!(total.cast_unsigned(), EVENTS);
    });
}
