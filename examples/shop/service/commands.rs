//! Requests that change something, and the order that they are about.
//!
//! *Optimistic concurrency.* A client says by `If-Match` on which version it decided. The
//! command is decided on the order as it was at that version, and the append demands that it
//! still is: if not, the answer is 412 with the version of now.
//!
//! *Idempotency.* The ids of the events follow from the client's `Idempotency-Key`. The same
//! request again makes the same events with the same ids, which the log recognises, so the
//! answer is that of the first time, however often the order has changed since. The key with
//! another request makes other events of the same ids, which the log refuses. Nothing has to
//! be remembered beside the log.

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use eventsource::{ErrorKind, Receipt, prelude::*};
use serde_json::json;
use uuid::Uuid;

use crate::{
    order::{Cancel, Order, OrderEvent, Pay, Place, Refused, total},
    problem::{Problem, etag},
    service::Shop,
};

/// The namespace of ids that follow from keys.
const KEYS: Uuid = Uuid::from_u128(0x21b6_0a4d_51c7_4be5_9b0e_7a3d_c2f8_6e14);
/// Where the log stood behind what was written: what a later read waits for.
pub(crate) const POSITION: &str = "shop-position";

/// `POST /orders`
pub(crate) async fn place(
    State(shop): State<Shop>,
    headers: HeaderMap,
    Json(command): Json<Place>,
) -> Result<Response, Problem> {
    let key = key(&headers)?;
    // The order, too, is the same for the same key.
    let id = EventId::derived(KEYS, ["order", &key]).to_string();
    let receipt = decide(&shop, &id, None, &key, &command).await?;
    let place = [(header::LOCATION, format!("/orders/{id}"))];
    Ok((place, written(&receipt, StatusCode::CREATED, &id)).into_response())
}

/// `POST /orders/{id}/payment`
pub(crate) async fn pay(
    State(shop): State<Shop>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(command): Json<Pay>,
) -> Result<Response, Problem> {
    change(&shop, &id, &headers, &command).await
}

/// `POST /orders/{id}/cancellation`
pub(crate) async fn cancel(
    State(shop): State<Shop>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(command): Json<Cancel>,
) -> Result<Response, Problem> {
    change(&shop, &id, &headers, &command).await
}

/// `GET /orders/{id}`
pub(crate) async fn show(
    State(shop): State<Shop>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let order = shop.orders.load(&id).await?;
    let version = order.version().unwrap_or(Version::FIRST);
    let tag = [(header::ETAG, etag(version))];
    if headers.get(header::IF_NONE_MATCH) == Some(&etag(version)) {
        return Ok((StatusCode::NOT_MODIFIED, tag).into_response());
    }
    let Order { customer, lines, status } = order.state();
    let cents = total(lines);
    let body =
        json!({ "id": id, "customer": customer, "lines": lines, "cents": cents, "status": status });
    Ok((tag, Json(body)).into_response())
}

async fn change<C: Sync>(
    shop: &Shop,
    id: &str,
    headers: &HeaderMap,
    command: &C,
) -> Result<Response, Problem>
where
    Order: Decide<C, Error = Refused>,
{
    let (version, key) = (if_match(headers)?, key(headers)?);
    let receipt = decide(shop, id, Some(version), &key, command).await?;
    Ok(written(&receipt, StatusCode::OK, id))
}

/// Decides on the order as it was at `version`, and appends if it still is at it.
async fn decide<C: Sync>(
    shop: &Shop,
    id: &str,
    version: Option<Version>,
    key: &str,
    command: &C,
) -> Result<Receipt, Problem>
where
    Order: Decide<C, Error = Refused>,
{
    let stream = shop.orders.stream(id)?;
    let then = match version {
        None => Ok(Order::default()),
        Some(version) => shop.orders.load_at(id, version).await.map(Root::into_state),
    };
    let decision = match then {
        Ok(order) => order.decide(command).map_err(|refused| refused.to_string()),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(error.to_string()),
        Err(error) => return Err(error.into()),
    };
    let events = match decision {
        Ok(events) => events,
        // Nobody is refused because of what the order was.
        Err(why) => {
            let now = shop.store.version(&stream).await?;
            return Err(if now == version {
                Problem::new(StatusCode::CONFLICT, why)
            } else {
                Problem::changed(now)
            });
        }
    };
    let mut append = Append::to(stream, ExpectedVersion::exactly(version));
    for (number, event) in events.iter().enumerate() {
        append = append.event(known(event, key, number)?);
    }
    Ok(shop.store.append(append).await?)
}

fn known(event: &OrderEvent, key: &str, number: usize) -> eventsource::Result<NewEvent> {
    let id = EventId::derived(KEYS, ["event", key, &number.to_string()]);
    Ok(NewEvent::of(event)?.with_id(id))
}

fn written(receipt: &Receipt, status: StatusCode, id: &str) -> Response {
    let headers = [
        (header::ETAG.as_str(), etag(receipt.version())),
        (POSITION, HeaderValue::from(receipt.last.get())),
    ];
    let body =
        json!({ "id": id, "version": receipt.version().get(), "replayed": receipt.replayed });
    (status, headers, Json(body)).into_response()
}

/// What makes a request the same as another. A client that has no key may not repeat.
fn key(headers: &HeaderMap) -> Result<String, Problem> {
    let Some(key) = headers.get("idempotency-key") else { return Ok(EventId::new().to_string()) };
    match key.to_str() {
        Ok(key) if !key.is_empty() && key.len() <= 128 => Ok(key.to_owned()),
        _ => Err(Problem::new(StatusCode::BAD_REQUEST, "Idempotency-Key: 1 to 128 characters")),
    }
}

fn if_match(headers: &HeaderMap) -> Result<Version, Problem> {
    let Some(tag) = headers.get(header::IF_MATCH) else {
        let message = "If-Match must say which version the decision rests on";
        return Err(Problem::new(StatusCode::PRECONDITION_REQUIRED, message));
    };
    let number = tag.to_str().ok().and_then(|tag| tag.strip_prefix('"')?.strip_suffix('"'));
    let version = number.and_then(|number| Version::new(number.parse().ok()?).ok());
    version.ok_or_else(|| {
        Problem::new(StatusCode::BAD_REQUEST, "If-Match must be the ETag of an order")
    })
}
