//! What machines ask.

use es_testkit::{Faults, HeadFault, When};
use eventsource::{ErrorKind, Store, memory::MemoryStore};

use crate::opened::{open, open_with};

#[tokio::test]
async fn a_shop_that_works_is_well() {
    let shop = open().await;
    let health = shop.get("/health", &[]).await;
    assert_eq!((health.status, health.json()["well"].clone()), (200, true.into()));
    assert_eq!(health.json()["projections"][0]["name"], "order-list");
    shop.close().await;
}

#[tokio::test]
async fn a_shop_that_cannot_ask_its_log_is_not() {
    let faults = Faults::new();
    let shop = open_with(Store::new(MemoryStore::new()).layer(&faults)).await;
    faults.on_head(When::always(), HeadFault::fail(ErrorKind::Unavailable));
    let health = shop.get("/health", &[]).await;
    assert_eq!((health.status, health.json()["well"].clone()), (503, false.into()));
    faults.clear();
    shop.close().await;
}

#[tokio::test]
async fn answers_are_counted_by_route() {
    let shop = open().await;
    let order = shop.placed("Ada").await;
    let paid = shop.pay(&order, "\"1\"").await;
    shop.pay(&order, "\"1\"").await;
    shop.get(&order, &[]).await;
    let position = [("shop-position", paid.header("shop-position"))];
    shop.get("/orders", &position).await;
    let metrics = shop.get("/metrics", &[]).await.body;
    for line in [
        "shop_requests_total{route=\"/orders\",method=\"POST\",status=\"201\"} 1",
        "shop_requests_total{route=\"/orders/{id}/payment\",method=\"POST\",status=\"200\"} 1",
        "shop_requests_total{route=\"/orders/{id}/payment\",method=\"POST\",status=\"412\"} 1",
        "shop_requests_total{route=\"/orders/{id}\",method=\"GET\",status=\"200\"} 1",
        "shop_log_position 2",
        "shop_projection_parked{projection=\"order-list\"} 0",
        "shop_projection_lag_events{projection=\"order-list\"} 0",
    ] {
        assert!(metrics.lines().any(|l| l == line), "{line} is missing:\n{metrics}");
    }
    shop.close().await;
}
