//! A shop that is open, for one test.

use std::{net::SocketAddr, time::Duration};

use eventsource::{SqliteReadModel, Store, memory::MemoryStore};
use serde_json::{Value, json};
use shop_service::{
    Bus, Service,
    client::{Answer, send},
};

pub(crate) struct Opened {
    pub(crate) service: Service,
    pub(crate) address: SocketAddr,
}

pub(crate) async fn open() -> Opened {
    open_with(Store::new(MemoryStore::new())).await
}

pub(crate) async fn open_with(store: Store) -> Opened {
    let model = SqliteReadModel::in_memory().await.unwrap();
    let service = Service::start(store, model, None, "127.0.0.1:0").await.unwrap();
    Opened { address: service.address(), service }
}

/// One with a bus where there is a Redis, as in `cargo xtask test`, and whether it has one.
pub(crate) async fn open_with_bus() -> (Opened, bool) {
    let store = Store::new(MemoryStore::new());
    let model = SqliteReadModel::in_memory().await.unwrap();
    let bus = match std::env::var("ES_TEST_REDIS_URL") {
        Ok(redis) => Some(Bus::connect(&redis, &store, model.clone()).await.unwrap()),
        Err(_) => {
            assert!(std::env::var_os("CI").is_none(), "there is no Redis");
            eprintln!("SKIPPED: the mails, as ES_TEST_REDIS_URL is not set");
            None
        }
    };
    let has_bus = bus.is_some();
    let service = Service::start(store, model, bus, "127.0.0.1:0").await.unwrap();
    (Opened { address: service.address(), service }, has_bus)
}

impl Opened {
    pub(crate) async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        send(self.address, "GET", path, headers, None).await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        send(self.address, "POST", path, headers, Some(body)).await.unwrap()
    }

    /// Places an order, and says where it is.
    pub(crate) async fn placed(&self, customer: &str) -> String {
        let placed = self.post("/orders", &[], &order(customer)).await;
        assert_eq!(placed.status, 201, "{}", placed.body);
        placed.header("location").to_owned()
    }

    pub(crate) async fn pay(&self, order: &str, version: &str) -> Answer {
        let path = format!("{order}/payment");
        self.post(&path, &[("if-match", version)], &json!({ "reference": "r" })).await
    }

    pub(crate) async fn close(self) {
        self.service.stop(Duration::from_secs(10)).await.unwrap();
    }
}

pub(crate) fn order(customer: &str) -> Value {
    json!({ "customer": customer, "lines": [{ "sku": "book", "quantity": 2, "cents": 1_200 }] })
}
