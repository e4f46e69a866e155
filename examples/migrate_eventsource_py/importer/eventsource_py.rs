//! The `events` table of eventsource-py.
//!
//! Its payload is the whole event as Python had it, the fields of the envelope among them.
//! Those become what they are here (metadata, schema version), and the payload keeps the fields
//! of the domain. The database takes them out, so that numbers stay as they are.

use anyhow::{Context, Result, bail};
use eventsource::{
    ContentType, EventId, EventType, Metadata, NewEvent, Payload, Schema, StreamId, Tenant,
    Timestamp, postgres::tokio_postgres::Client,
};
use serde_json::Value;
use uuid::Uuid;

use crate::{RawRow, Source};

/// The `events` table of eventsource-py, from 0.1.0 to 0.14.
#[derive(Clone, Debug)]
pub struct EventsourcePy {
    table: String,
    /// What says in which order rows were written.
    order: &'static str,
}

impl EventsourcePy {
    /// Looks which schema `table` has. The name is taken as SQL takes it: `events`,
    /// `"Events"`, `shop.events`.
    ///
    /// Later schemas have `global_position`. The table of 0.1.0 had no number, while its store
    /// asked for one called `id`; who added it has an order, and who did not has the time of
    /// recording.
    ///
    /// # Errors
    /// When there is no such table, or it is not one of eventsource-py.
    pub async fn look_at(client: &Client, table: &str) -> Result<Self> {
        let columns = "SELECT attname::text FROM pg_attribute
            WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped";
        let columns = client.query(columns, &[&table]).await;
        let columns = columns.with_context(|| format!("there is no table {table}"))?;
        let columns: Vec<String> = columns.iter().map(|row| row.get(0)).collect();
        let has = |name: &str| columns.iter().any(|column| column == name);
        if let Some(missing) = COLUMNS.iter().find(|name| !has(name)) {
            bail!("{table} is no table of eventsource-py: it has no column {missing}");
        }
        let order = match () {
            () if has("global_position") => "global_position",
            () if has("id") => "id",
            () => "created_at",
        };
        Ok(Self { table: table.to_owned(), order })
    }

    /// The column that says in which order rows were written.
    #[must_use]
    pub const fn order(&self) -> &'static str {
        self.order
    }
}

const COLUMNS: [&str; 9] = [
    "event_id",
    "aggregate_id",
    "aggregate_type",
    "event_type",
    "tenant_id",
    "actor_id",
    "version",
    "timestamp",
    "payload",
];

impl Source for EventsourcePy {
    fn query(&self) -> String {
        include_str!("eventsource_py.sql")
            .replace("{table}", &self.table)
            .replace("{order}", self.order)
    }

    fn event(&self, row: &RawRow) -> Result<(StreamId, NewEvent)> {
        let stream = StreamId::new(&row.aggregate_type, &row.aggregate_id)?;
        let stream = match &row.tenant {
            Some(tenant) => stream.with_tenant(Tenant::new(tenant)?),
            None => stream,
        };
        let id = EventId::from_uuid(row.event_id.context("the row has no event id")?);
        let version = row.event_version.as_deref().unwrap_or("1");
        let version = version.parse().ok().filter(|version| *version > 0);
        let version = version.context("event_version is not a number from 1")?;
        let schema = Schema::new(EventType::new(&row.event_type)?, version);
        let payload = Payload::new(ContentType::JSON, row.payload.clone().into_bytes())?;
        Ok((stream, NewEvent::known(id, schema, payload).with_metadata(metadata(row)?)))
    }
}

fn metadata(row: &RawRow) -> Result<Metadata> {
    let occurred_at = row.occurred_at.context("the time is not finite")?;
    let mut metadata = Metadata::new().with_occurred_at(Timestamp::from_micros(occurred_at));
    if let Some(actor) = &row.actor {
        metadata = metadata.with_actor(actor);
    }
    if let Some(id) = &row.correlation {
        let id = Uuid::parse_str(id).context("correlation_id is no UUID")?;
        metadata = metadata.with_correlation_id(id);
    }
    if let Some(id) = &row.causation {
        let id = Uuid::parse_str(id).context("causation_id is no UUID")?;
        metadata = metadata.with_causation_id(id);
    }
    if let Some(theirs) = &row.metadata {
        let Value::Object(theirs) = serde_json::from_str(theirs)? else {
            bail!("metadata is no object");
        };
        for (key, value) in theirs {
            metadata = metadata.with_extra(key, value);
        }
    }
    let origin: Value = serde_json::from_str(row.origin.as_deref().unwrap_or("{}"))?;
    Ok(metadata.with_extra("eventsource_py", origin))
}
