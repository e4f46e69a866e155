//! Optimistic concurrency by ETags, and idempotency by keys.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use es_testkit::{AppendFault, Faults, When};
use eventsource::{ErrorKind, Read, Store, memory::MemoryStore};
use serde_json::json;

use crate::opened::{open, open_with, order};

#[tokio::test]
async fn an_order_has_a_place_and_a_version() {
    let shop = open().await;
    let placed = shop.post("/orders", &[], &order("Ada")).await;
    assert_eq!((placed.status, placed.header("etag")), (201, "\"1\""));
    let shown = shop.get(placed.header("location"), &[]).await;
    assert_eq!((shown.status, shown.header("etag")), (200, "\"1\""));
    assert_eq!(shown.json()["customer"], "Ada");
    assert_eq!(shown.json()["cents"], 2_400);

    let same = shop.get(placed.header("location"), &[("if-none-match", "\"1\"")]).await;
    assert_eq!((same.status, same.body.as_str()), (304, ""));
    shop.close().await;
}

#[tokio::test]
async fn a_decision_on_an_old_version_is_told_the_new_one() {
    let shop = open().await;
    let order = shop.placed("Ada").await;
    assert_eq!(shop.pay(&order, "\"1\"").await.status, 200);

    // It would be refused, being paid. But the client has not seen that yet.
    let late = shop.pay(&order, "\"1\"").await;
    assert_eq!((late.status, late.header("etag")), (412, "\"2\""));
    let informed = shop.pay(&order, "\"2\"").await;
    assert_eq!(informed.status, 409);
    assert_eq!(informed.json()["error"], "the order is paid");
    shop.close().await;
}

#[tokio::test]
async fn of_many_who_saw_the_same_version_one_wins() {
    let shop = open().await;
    let order = shop.placed("Ada").await;
    let (won, told) = (AtomicU64::new(0), AtomicU64::new(0));
    let race = (0..20).map(|_| async {
        match shop.pay(&order, "\"1\"").await.status {
            200 => won.fetch_add(1, Relaxed),
            412 => told.fetch_add(1, Relaxed),
            other => panic!("{other}"),
        }
    });
    futures_util::future::join_all(race).await;
    assert_eq!((won.load(Relaxed), told.load(Relaxed)), (1, 19));
    shop.close().await;
}

#[tokio::test]
async fn the_same_key_is_the_same_request() {
    let store = Store::new(MemoryStore::new());
    let shop = open_with(store.clone()).await;
    let key = [("idempotency-key", "k1")];
    let first = shop.post("/orders", &key, &order("Ada")).await;
    let place = first.header("location");
    assert_eq!(shop.pay(place, "\"1\"").await.status, 200);

    // However much has happened since.
    let again = shop.post("/orders", &key, &order("Ada")).await;
    assert_eq!((again.status, again.header("location")), (201, place));
    assert_eq!((again.header("etag"), again.json()["replayed"].clone()), ("\"1\"", json!(true)));
    assert_eq!(store.read(Read::all()).into_vec().await.unwrap().len(), 2);

    let other = shop.post("/orders", &key, &order("Grace")).await;
    assert_eq!(other.status, 422, "the key was used for another request");
    shop.close().await;
}

#[tokio::test]
async fn a_change_with_a_key_can_be_repeated_on_its_own_version() {
    let shop = open().await;
    let order = shop.placed("Ada").await;
    let headers = [("if-match", "\"1\""), ("idempotency-key", "k2")];
    let path = format!("{order}/payment");
    let pay = json!({ "reference": "till-1" });
    assert_eq!(shop.post(&path, &headers, &pay).await.status, 200);
    let again = shop.post(&path, &headers, &pay).await;
    assert_eq!((again.status, again.header("etag")), (200, "\"2\""));

    let elsewhere = shop.placed("Grace").await;
    let path = format!("{elsewhere}/payment");
    assert_eq!(shop.post(&path, &headers, &pay).await.status, 422);
    shop.close().await;
}

#[tokio::test]
async fn a_lost_reply_is_settled_by_asking_again() {
    let faults = Faults::new();
    let store = Store::new(MemoryStore::new()).layer(&faults);
    let shop = open_with(store.clone()).await;
    faults.on_append(When::next(), AppendFault::lose_reply());
    let key = [("idempotency-key", "k3")];
    let lost = shop.post("/orders", &key, &order("Ada")).await;
    assert_eq!((lost.status, lost.header("retry-after")), (504, "1"));
    assert_eq!(shop.post("/orders", &key, &order("Ada")).await.status, 201);
    assert_eq!(store.read(Read::all()).into_vec().await.unwrap().len(), 1);
    shop.close().await;
}

#[tokio::test]
async fn a_store_that_is_busy_is_told_as_such() {
    let faults = Faults::new();
    let shop = open_with(Store::new(MemoryStore::new()).layer(&faults)).await;
    faults.on_append(When::next(), AppendFault::fail(ErrorKind::Busy));
    let busy = shop.post("/orders", &[], &order("Ada")).await;
    assert_eq!((busy.status, busy.header("retry-after")), (503, "1"));
    shop.close().await;
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let shop = open().await;
    let place = shop.placed("Ada").await;
    let status = async |path: &str, headers: &[(&str, &str)], body| {
        shop.post(path, headers, &body).await.status
    };
    let pay = || json!({ "reference": "r" });
    let payment = format!("{place}/payment");
    assert_eq!(status(&payment, &[], pay()).await, 428, "no If-Match");
    for tag in ["1", "\"0\"", "\"x\"", "*", "W/\"1\""] {
        assert_eq!(status(&payment, &[("if-match", tag)], pay()).await, 400, "{tag}");
    }
    let one = [("if-match", "\"1\"")];
    assert_eq!(status("/orders/nothing/payment", &one, pay()).await, 412);
    assert_eq!(status(&payment, &[("if-match", "\"9\"")], pay()).await, 412, "of the future");
    assert_eq!(status(&payment, &one, json!({ "reference": 1 })).await, 422);
    assert_eq!(status("/orders", &[], json!({ "customer": "", "lines": [] })).await, 409);
    let long = "k".repeat(129);
    assert_eq!(status("/orders", &[("idempotency-key", &long)], order("Ada")).await, 400);
    assert_eq!(shop.get("/orders/nothing", &[]).await.status, 404);
    assert_eq!(shop.get("/orders/%0a", &[]).await.status, 400, "not a key");
    assert_eq!(shop.get(&place, &[]).await.json()["status"], "placed", "nothing was written");
    shop.close().await;
}
