//! The floor: prepared statements, a connection for each task, the tables of the store.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use eventsource::{
    EventId,
    postgres::tokio_postgres::{Client, NoTls, Row, Statement, connect as to},
    prelude::*,
};
use futures_util::TryStreamExt;

use crate::domain::{Account, AccountEvent};

pub(crate) async fn connect(url: &str) -> anyhow::Result<Client> {
    let (client, connection) = to(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// One connection, which writes to a stream of its own.
pub(super) struct Floor {
    client: Client,
    insert: Statement,
    stream: EventId,
    version: AtomicI64,
    /// Shared: the next position of the table.
    positions: Arc<AtomicI64>,
}

impl Floor {
    pub(super) async fn new(
        url: &str,
        table: &str,
        events: u64,
        positions: &Arc<AtomicI64>,
    ) -> anyhow::Result<Self> {
        let client = connect(url).await?;
        let columns = "position, stream, version, recorded_at, id, family, schema_version, part, \
                       parts, key, payload";
        let sql = if events == 1 {
            format!(
                "INSERT INTO {table} ({columns}) VALUES ($1, $2, $3, clock_timestamp(), $4, 1, 1, \
                 0, 1, 'account-000001', $5)"
            )
        } else {
            format!(
                "INSERT INTO {table} ({columns}) SELECT $1 + o - 1, $2, $3 + o - 1, \
                 clock_timestamp(), id, 1, 1, 0, 1, 'account-000001', payload \
                 FROM unnest($4::uuid[], $5::bytea[]) WITH ORDINALITY e(id, payload, o)"
            )
        };
        let insert = client.prepare(&sql).await?;
        let (stream, version) = (EventId::new(), AtomicI64::new(1));
        Ok(Self { client, insert, stream, version, positions: Arc::clone(positions) })
    }

    /// The least that an append does: one statement, its own transaction.
    pub(super) async fn append(&self, events: &[NewEvent]) -> anyhow::Result<()> {
        let count = i64::try_from(events.len())?;
        let position = self.positions.fetch_add(count, Ordering::Relaxed);
        let version = self.version.fetch_add(count, Ordering::Relaxed);
        let stream = self.stream.as_uuid();
        if let [event] = events {
            let (id, payload) = (event.id.as_uuid(), &event.payload.bytes()[..]);
            self.client
                .execute(&self.insert, &[&position, &stream, &version, &id, &payload])
                .await?;
        } else {
            let ids: Vec<_> = events.iter().map(|event| event.id.as_uuid()).collect();
            let payloads: Vec<&[u8]> =
                events.iter().map(|event| &event.payload.bytes()[..]).collect();
            self.client
                .execute(&self.insert, &[&position, &stream, &version, &ids, &payloads])
                .await?;
        }
        Ok(())
    }
}

/// Selects and folds with serde: one stream by its key, or the whole log.
pub(super) async fn fold(
    client: &Client,
    statement: &Statement,
    stream: Option<EventId>,
) -> anyhow::Result<Account> {
    let mut state = Account::default();
    let stream = stream.map(EventId::as_uuid);
    let rows = match &stream {
        Some(stream) => client.query_raw(statement, [stream]).await?,
        None => client.query_raw(statement, Vec::<i64>::new()).await?,
    };
    let mut rows = std::pin::pin!(rows);
    while let Some(row) = rows.try_next().await? {
        state.evolve(&decode(&row)?);
    }
    Ok(state)
}

#[derive(serde::Deserialize)]
struct Fields {
    cents: u64,
    reference: String,
    counterparty: String,
    booked_on: String,
}

pub(super) fn decode(row: &Row) -> anyhow::Result<AccountEvent> {
    let Fields { cents, reference, counterparty, booked_on } =
        serde_json::from_slice(row.try_get(7)?)?;
    // The family tells the type; here every fourth event is a withdrawal.
    Ok(if cents == 1 {
        AccountEvent::Withdrawn { cents, reference, counterparty, booked_on }
    } else {
        AccountEvent::Deposited { cents, reference, counterparty, booked_on }
    })
}

/// The columns of the store's own reads.
pub(super) const COLUMNS: &str = "e.position, e.version, e.recorded_at, e.id, e.family, \
     e.schema_version, e.key, e.payload, e.content_type, e.correlation_id, e.causation_id, \
     e.metadata, e.tags";
