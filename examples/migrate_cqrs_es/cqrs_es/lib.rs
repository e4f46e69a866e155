//! The `events` table of cqrs-es, as its crates for PostgreSQL make it.
//!
//! What this table has, and what it has not:
//!
//! - An event has no id of its own: one is derived from its key, the same each time.
//! - There is no order over streams. If the table has a column `timestamp`, or the metadata a
//!   time, rows are taken by it; else stream after stream. Within a stream the order is that
//!   of the sequence.
//! - Versions of events are text. `1`, `1.0` and `1.0.0` mean 1; others must be translated.
//! - The payload is the enum as serde writes it, `{"AccountOpened": {…}}`. The fields are kept.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use eventsource::{
    ContentType, EventId, EventType, Metadata, NewEvent, Payload, Schema, StreamId, Timestamp,
    postgres::tokio_postgres::Client,
};
use importer::{RawRow, Source};
use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

/// The namespace of derived event ids. Never change it: a second import would double all.
const IDS: Uuid = Uuid::from_u128(0x7d0c_5a1e_94b2_4c38_8f21_3be6_0d47_a915);

/// The `events` table of cqrs-es.
#[derive(Clone, Debug)]
pub struct CqrsEs {
    table: String,
    has_timestamp: bool,
    wrapping: Wrapping,
    time_key: Option<String>,
    versions: BTreeMap<String, u32>,
}

/// Whether payloads are wrapped in the name of their variant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wrapping {
    /// Where the only key is the last part of the event type: `{"Opened": {…}}` of an event
    /// `Opened` or `Account::Opened`.
    #[default]
    ByName,
    /// Wherever there is only one key. Where event types are not called as the variants are.
    Always,
    /// Nowhere. Where the enum is tagged in another way (`#[serde(tag = "…")]`).
    Never,
}

impl CqrsEs {
    /// Looks whether `table` is one of cqrs-es. The name is taken as SQL takes it.
    ///
    /// # Errors
    /// When there is no such table, or it lacks a column.
    pub async fn look_at(client: &Client, table: &str) -> Result<Self> {
        let columns = "SELECT attname::text FROM pg_attribute
            WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped";
        let columns = client.query(columns, &[&table]).await;
        let columns = columns.with_context(|| format!("there is no table {table}"))?;
        let columns: Vec<String> = columns.iter().map(|row| row.get(0)).collect();
        let has = |name: &str| columns.iter().any(|column| column == name);
        if let Some(missing) = COLUMNS.iter().find(|name| !has(name)) {
            bail!("{table} is no table of cqrs-es: it has no column {missing}");
        }
        Ok(Self {
            table: table.to_owned(),
            has_timestamp: has("timestamp"),
            wrapping: Wrapping::default(),
            time_key: None,
            versions: BTreeMap::new(),
        })
    }

    /// Says whether payloads are wrapped.
    #[must_use]
    pub const fn with_wrapping(mut self, wrapping: Wrapping) -> Self {
        self.wrapping = wrapping;
        self
    }

    /// Says under which key of the metadata the time of an event is, as RFC 3339. Rows are
    /// ordered by it as text, which is right when all are in UTC.
    #[must_use]
    pub fn with_time_key(mut self, key: impl Into<String>) -> Self {
        self.time_key = Some(key.into());
        self
    }

    /// Says which number a version of an event becomes: `1.1` becomes 2.
    #[must_use]
    pub fn with_version(mut self, text: impl Into<String>, number: u32) -> Self {
        self.versions.insert(text.into(), number);
        self
    }

    fn version(&self, text: &str) -> Option<u32> {
        if let Some(number) = self.versions.get(text) {
            return Some(*number);
        }
        let mut parts = text.split('.');
        let number = parts.next()?.parse().ok().filter(|number| *number > 0);
        number.filter(|_| parts.all(|part| part == "0"))
    }
}

const COLUMNS: [&str; 7] = [
    "aggregate_type",
    "aggregate_id",
    "sequence",
    "event_type",
    "event_version",
    "payload",
    "metadata",
];

impl Source for CqrsEs {
    fn query(&self) -> String {
        let order = match (&self.time_key, self.has_timestamp) {
            (Some(key), _) => {
                format!("(metadata::jsonb ->> '{}') COLLATE \"C\"", key.replace('\'', "''"))
            }
            (None, true) => "timestamp".to_owned(),
            (None, false) => "NULL::text".to_owned(),
        };
        let micros = if self.has_timestamp { include_str!("micros.sql") } else { "NULL::bigint" };
        let wrapped = match self.wrapping {
            Wrapping::ByName => "key = regexp_replace(event_type, '^.*[^[:alnum:]_]', '')",
            Wrapping::Always => "TRUE",
            Wrapping::Never => "FALSE",
        };
        include_str!("cqrs_es.sql")
            .replace("{table}", &self.table)
            .replace("{micros}", micros)
            .replace("{wrapped}", wrapped)
            .replace("{order}", &order)
    }

    fn event(&self, row: &RawRow) -> Result<(StreamId, NewEvent)> {
        let stream = StreamId::new(&row.aggregate_type, &row.aggregate_id)?;
        let version = row.version.to_string();
        let id = EventId::derived(IDS, [&row.aggregate_type, &row.aggregate_id, &version]);
        let name = EventType::new(row.event_type.replace("::", "."))?;
        let version = row.event_version.as_deref().unwrap_or_default();
        let version = self.version(version).with_context(|| {
            format!("the event version {version:?} is no whole number: say which one it is")
        })?;
        let payload = Payload::new(ContentType::JSON, row.payload.clone().into_bytes())?;
        let event = NewEvent::known(id, Schema::new(name, version), payload);
        Ok((stream, event.with_metadata(self.metadata(row)?)))
    }
}

impl CqrsEs {
    fn metadata(&self, row: &RawRow) -> Result<Metadata> {
        let mut metadata = Metadata::new();
        let theirs = row.metadata.as_deref().unwrap_or("{}");
        let Value::Object(theirs) = serde_json::from_str(theirs)? else {
            bail!("metadata is no object");
        };
        if let Some(micros) = row.occurred_at {
            metadata = metadata.with_occurred_at(Timestamp::from_micros(micros));
        }
        if let Some(time) = self.time_key.as_ref().and_then(|key| theirs.get(key)) {
            let time = time.as_str().unwrap_or_default();
            let time = OffsetDateTime::parse(time, &Rfc3339);
            let time = time.context("the time in the metadata is not RFC 3339")?;
            let micros = i64::try_from(time.unix_timestamp_nanos() / 1_000)?;
            metadata = metadata.with_occurred_at(Timestamp::from_micros(micros));
        }
        for (key, value) in theirs {
            metadata = metadata.with_extra(key, value);
        }
        Ok(metadata)
    }
}
