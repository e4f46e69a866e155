//! `GET /feed`: the log of orders as server-sent events.
//!
//! The id of each is its position, so a browser that was cut off asks for what comes behind
//! the last one that it saw, and misses nothing. A new one gets what comes from now on.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{
        Sse,
        sse::{Event as Message, KeepAlive},
    },
};
use eventsource::{Category, prelude::*};
use futures_util::stream::{self, Stream};
use serde_json::json;

use crate::{
    order::{Order, OrderEvent},
    problem::Problem,
    service::Shop,
};

pub(crate) async fn feed(
    State(shop): State<Shop>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Message, eventsource::Error>>>, Problem> {
    let after = match headers.get("last-event-id") {
        None => shop.store.head().await?.position,
        Some(id) => {
            let id = id.to_str().ok().and_then(|id| id.parse().ok()).map(Position::new);
            id.ok_or_else(|| Problem::new(StatusCode::BAD_REQUEST, "Last-Event-ID is a number"))?
        }
    };
    let orders = Read::category(Category::new(Order::CATEGORY)?).after(after);
    let following = shop.store.follow_as::<OrderEvent>(orders);
    // It ends with the service: nobody waits for a reader who never goes.
    let messages = stream::unfold((following, shop.end), |(mut following, mut end)| async move {
        let next = tokio::select! {
            next = following.next_event() => next?,
            _ = end.wait_for(|end| *end) => return None,
        };
        Some((next.and_then(|event| message(&event)), (following, end)))
    });
    Ok(Sse::new(messages).keep_alive(KeepAlive::default()))
}

fn message(event: &Recorded<OrderEvent>) -> eventsource::Result<Message> {
    let status = match event.event {
        OrderEvent::Placed { .. } => "placed",
        OrderEvent::Paid { .. } => "paid",
        OrderEvent::Cancelled { .. } => "cancelled",
    };
    let (id, version) = (event.stream.key().as_str(), event.version.get());
    let data = json!({ "id": id, "version": version, "status": status });
    Ok(Message::default().id(event.position.to_string()).event("order").data(data.to_string()))
}
