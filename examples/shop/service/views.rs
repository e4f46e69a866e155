//! The list of orders: a projection into a table, and reading it.
//!
//! A client that has just written reads its own writes: it sends the position that it was
//! told, and the answer waits until the list has got there.

use std::time::Duration;

use axum::{
    Json,
    extract::{Query, State},
    http::{HeaderMap, StatusCode},
};
use eventsource::{BoxError, Receipt, SqliteReadModel, SqliteTx, Timestamp, prelude::*};
use serde::{Deserialize, Serialize};

use crate::{
    commands::POSITION,
    order::{OrderEvent, total},
    problem::Problem,
    service::Shop,
};

/// How long a read waits for the list.
const PATIENCE: Duration = Duration::from_secs(2);

pub(crate) struct OrderList;

impl OrderList {
    /// Makes the table, where it is not there.
    pub(crate) async fn prepare(model: &SqliteReadModel) -> eventsource::Result<()> {
        let table = "CREATE TABLE IF NOT EXISTS orders (
            id TEXT PRIMARY KEY, customer TEXT NOT NULL, cents INTEGER NOT NULL,
            status TEXT NOT NULL, version INTEGER NOT NULL, position INTEGER NOT NULL
        )";
        model.write(move |db| db.execute_batch(table)).await
    }
}

impl Projection for OrderList {
    const NAME: &'static str = "order-list";
    type Event = OrderEvent;
    type Tx = SqliteTx;

    async fn apply(&self, event: &Recorded<OrderEvent>, tx: &mut SqliteTx) -> Result<(), BoxError> {
        let id = event.stream.key().as_str();
        // SQLite counts in i64.
        let version = i64::try_from(event.version.get())?;
        let position = i64::try_from(event.position.get())?;
        let status = match &event.event {
            OrderEvent::Placed { customer, lines } => {
                let cents = i64::try_from(total(lines).ok_or("a total that cannot be counted")?)?;
                let insert = "INSERT INTO orders VALUES (?1, ?2, ?3, 'placed', ?4, ?5)";
                tx.execute(insert, (id, customer, cents, version, position))?;
                return Ok(());
            }
            OrderEvent::Paid { .. } => "paid",
            OrderEvent::Cancelled { .. } => "cancelled",
        };
        let update = "UPDATE orders SET status = ?2, version = ?3 WHERE id = ?1";
        let changed = tx.execute(update, (id, status, version))?;
        if changed == 1 { Ok(()) } else { Err("an order that was never placed".into()) }
    }
}

/// A row of the list.
#[derive(Serialize)]
pub(crate) struct Row {
    id: String,
    customer: String,
    cents: i64,
    status: String,
    version: i64,
}

#[derive(Deserialize)]
pub(crate) struct Filter {
    status: Option<String>,
}

/// `GET /orders`, the newest first, 100 at most.
pub(crate) async fn list(
    State(shop): State<Shop>,
    Query(filter): Query<Filter>,
    headers: HeaderMap,
) -> Result<Json<Vec<Row>>, Problem> {
    if let Some(position) = headers.get(POSITION) {
        let position = position.to_str().ok().and_then(|text| text.parse().ok());
        let position =
            Position::new(position.ok_or_else(|| {
                Problem::new(StatusCode::BAD_REQUEST, "Shop-Position is a number")
            })?);
        // All that is waited for is the position.
        let seen = Receipt::new(shop.log, position, position, Timestamp::now(), vec![]);
        shop.running.wait_for(OrderList::NAME, &seen, PATIENCE).await?;
    }
    let rows = shop.model.read(move |db| {
        let select = "SELECT id, customer, cents, status, version FROM orders
            WHERE ?1 IS NULL OR status = ?1 ORDER BY position DESC LIMIT 100";
        let mut select = db.prepare_cached(select)?;
        let rows = select.query_map([filter.status], |row| {
            Ok(Row {
                id: row.get(0)?,
                customer: row.get(1)?,
                cents: row.get(2)?,
                status: row.get(3)?,
                version: row.get(4)?,
            })
        })?;
        rows.collect::<Result<Vec<_>, _>>()
    });
    Ok(Json(rows.await?))
}
