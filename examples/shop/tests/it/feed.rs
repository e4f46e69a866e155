//! The live feed: nothing is missed and nothing comes twice, also for who was cut off.

use eventsource::{Store, memory::MemoryStore};
use serde_json::json;
use shop_service::client::Feed;

use crate::opened::{open, open_with};

#[tokio::test]
async fn a_feed_tells_what_happens_from_now_on() {
    let shop = open().await;
    shop.placed("before").await;
    let mut feed = Feed::open(shop.address, None).await.unwrap();
    let order = shop.placed("Ada").await;
    shop.pay(&order, "\"1\"").await;

    let id = order.trim_start_matches("/orders/");
    let placed = feed.next().await.unwrap().unwrap();
    assert_eq!(placed.id, 2);
    assert_eq!(placed.data, json!({ "id": id, "version": 1, "status": "placed" }));
    assert_eq!(feed.next().await.unwrap().unwrap().data["status"], "paid");
    shop.close().await;
}

#[tokio::test]
async fn who_was_cut_off_goes_on_where_they_were() {
    let store = Store::new(MemoryStore::new());
    let shop = open_with(store.clone()).await;
    for number in 0..10 {
        shop.placed(&format!("customer {number}")).await;
    }
    let mut feed = Feed::open(shop.address, Some(3)).await.unwrap();
    for position in 4..=6 {
        assert_eq!(feed.next().await.unwrap().unwrap().id, position);
    }
    drop(feed);
    shop.close().await;

    // Another service on the same log, as after a deployment.
    let shop = open_with(store).await;
    let mut feed = Feed::open(shop.address, Some(6)).await.unwrap();
    shop.placed("later").await;
    for position in 7..=11 {
        assert_eq!(feed.next().await.unwrap().unwrap().id, position);
    }
    shop.close().await;
}

#[tokio::test]
async fn a_feed_ends_with_the_service() {
    let shop = open().await;
    let mut feed = Feed::open(shop.address, None).await.unwrap();
    let ended = tokio::spawn(async move { feed.next().await.unwrap() });
    shop.close().await;
    assert_eq!(ended.await.unwrap(), None);
}

#[tokio::test]
async fn a_place_that_is_no_number_is_refused() {
    let shop = open().await;
    let refused = shop.get("/feed", &[("last-event-id", "x")]).await;
    assert_eq!(refused.status, 400);
    shop.close().await;
}
