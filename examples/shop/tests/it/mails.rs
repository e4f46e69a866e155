//! Orders become mails, by way of a relay and Redis. It runs where there are servers, as in
//! `cargo xtask test`, and says so where there are none.

use std::time::Duration;

use eventsource::{
    EventId, PostgresOptions, PostgresReadModel, PostgresStore, SqliteReadModel, Store,
};
use shop_service::{Bus, Service};

use crate::opened::Opened;

/// Two shops on one log in PostgreSQL and one bus.
async fn two() -> Option<[Opened; 2]> {
    let servers = (std::env::var("ES_TEST_POSTGRES_URL"), std::env::var("ES_TEST_REDIS_URL"));
    let (Ok(postgres), Ok(redis)) = servers else {
        assert!(std::env::var_os("CI").is_none(), "there is no PostgreSQL or no Redis");
        eprintln!("SKIPPED: ES_TEST_POSTGRES_URL and ES_TEST_REDIS_URL are not set");
        return None;
    };
    let schema = format!("shop_{}", EventId::new().to_string().replace('-', ""));
    let options = PostgresOptions::default().with_schema(&schema).unwrap();
    let mut shops = Vec::new();
    for _ in 0..2 {
        let store = PostgresStore::open_with(&postgres, options.clone()).await.unwrap();
        let store = Store::new(store);
        let progress = PostgresReadModel::open_with(&postgres, options.clone()).await.unwrap();
        let bus = Bus::connect(&redis, &store, progress).await.unwrap();
        let model = SqliteReadModel::in_memory().await.unwrap();
        let service = Service::start(store, model, Some(bus), "127.0.0.1:0").await.unwrap();
        shops.push(Opened { address: service.address(), service });
    }
    shops.try_into().ok()
}

#[tokio::test]
async fn each_order_becomes_one_mail_from_one_of_the_shops() {
    let Some(shops) = two().await else { return };
    let customers: Vec<String> = (0..20).map(|number| format!("customer {number}")).collect();
    for (at, customer) in customers.iter().enumerate() {
        shops[at % 2].placed(customer).await;
    }
    let mails = async || {
        let mut all = Vec::new();
        for shop in &shops {
            let list = shop.get("/mails", &[]).await.json();
            let to = |mail: &serde_json::Value| mail["to"].as_str().unwrap().to_owned();
            all.extend(list.as_array().unwrap().iter().map(to));
        }
        all.sort_unstable();
        all
    };
    let waiting = async {
        while mails().await.len() < customers.len() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), waiting).await.expect("the mails come");
    let mut expected = customers.clone();
    expected.sort_unstable();
    assert_eq!(mails().await, expected, "one for each");

    for shop in &shops {
        let health = shop.get("/health", &[]).await;
        assert_eq!(health.status, 200, "{}", health.body);
        let names: Vec<_> = health.json()["bus"]
            .as_array()
            .unwrap()
            .iter()
            .map(|check| check["name"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(names, ["shop-orders", "mails"]);
        let metrics = shop.get("/metrics", &[]).await.body;
        assert!(metrics.contains("shop_bus_lag_events{part=\"mails\"} 0"), "{metrics}");
    }
    let [one, other] = shops;
    one.close().await;
    other.close().await;
}
