//! The list, and reading one's own writes.

use es_testkit::{Faults, ReadFault, When};
use eventsource::{ErrorKind, Store, memory::MemoryStore};

use crate::opened::{open, open_with, order};

#[tokio::test]
async fn everybody_reads_what_they_have_just_written() {
    let shop = open().await;
    let writers = (0..20).map(|number| {
        let shop = &shop;
        async move {
            let customer = format!("customer {number}");
            let placed = shop.post("/orders", &[], &order(&customer)).await;
            let position = [("shop-position", placed.header("shop-position"))];
            let list = shop.get("/orders", &position).await;
            assert!(list.body.contains(&format!("\"{customer}\"")), "{customer}: {}", list.body);
        }
    });
    futures_util::future::join_all(writers).await;
    shop.close().await;
}

#[tokio::test]
async fn the_list_follows_what_happens_to_orders() {
    let shop = open().await;
    let (ada, _grace) = (shop.placed("Ada").await, shop.placed("Grace").await);
    let paid = shop.pay(&ada, "\"1\"").await;
    let position = [("shop-position", paid.header("shop-position"))];
    let list = shop.get("/orders?status=paid", &position).await.json();
    assert_eq!(list.as_array().unwrap().len(), 1);
    assert_eq!((&list[0]["customer"], &list[0]["version"]), (&"Ada".into(), &2.into()));
    let all = shop.get("/orders", &position).await.json();
    assert_eq!(all[0]["customer"], "Grace", "the newest first");
    shop.close().await;
}

#[tokio::test]
async fn a_list_that_does_not_get_there_is_not_shown_as_if_it_had() {
    let shop = open().await;
    shop.placed("Ada").await;
    let behind = shop.get("/orders", &[("shop-position", "99")]).await;
    assert_eq!((behind.status, behind.header("retry-after")), (503, "1"));
    assert_eq!(shop.get("/orders", &[("shop-position", "x")]).await.status, 400);
    shop.close().await;
}

#[tokio::test]
async fn a_log_that_cannot_be_read_is_told() {
    let faults = Faults::new();
    let shop = open_with(Store::new(MemoryStore::new()).layer(&faults)).await;
    let order = shop.placed("Ada").await;
    faults.on_read(When::always(), ReadFault::fail(ErrorKind::Unavailable));
    assert_eq!(shop.get(&order, &[]).await.status, 503);
    faults.clear();
    assert_eq!(shop.get(&order, &[]).await.status, 200);
    shop.close().await;
}
