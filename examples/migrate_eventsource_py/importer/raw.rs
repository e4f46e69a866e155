//! A row as any source gives it.

use std::fmt;

use eventsource::postgres::tokio_postgres::{self, Row};
use uuid::Uuid;

/// A row of an events table, before anything was made of it. The fields are the columns of
/// [`Source::query`](crate::Source::query), by name.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RawRow {
    /// `aggregate_type`, text.
    pub aggregate_type: String,
    /// `aggregate_id`, text.
    pub aggregate_id: String,
    /// `version`, bigint.
    pub version: i64,
    /// `event_id`, uuid; null where the source has none.
    pub event_id: Option<Uuid>,
    /// `event_type`, text.
    pub event_type: String,
    /// `event_version`, text.
    pub event_version: Option<String>,
    /// `tenant`, text.
    pub tenant: Option<String>,
    /// `actor`, text.
    pub actor: Option<String>,
    /// `occurred_at`, bigint: microseconds since 1970; null where it is not known.
    pub occurred_at: Option<i64>,
    /// `correlation`, text.
    pub correlation: Option<String>,
    /// `causation`, text.
    pub causation: Option<String>,
    /// `payload`, text: JSON.
    pub payload: String,
    /// `metadata`, text: a JSON object.
    pub metadata: Option<String>,
    /// `origin`, text: a JSON object of what else is worth keeping.
    pub origin: Option<String>,
}

impl RawRow {
    pub(crate) fn read(row: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            aggregate_type: row.try_get("aggregate_type")?,
            aggregate_id: row.try_get("aggregate_id")?,
            version: row.try_get("version")?,
            event_id: row.try_get("event_id")?,
            event_type: row.try_get("event_type")?,
            event_version: row.try_get("event_version")?,
            tenant: row.try_get("tenant")?,
            actor: row.try_get("actor")?,
            occurred_at: row.try_get("occurred_at")?,
            correlation: row.try_get("correlation")?,
            causation: row.try_get("causation")?,
            payload: row.try_get("payload")?,
            metadata: row.try_get("metadata")?,
            origin: row.try_get("origin")?,
        })
    }

    /// The stream, as the source knows it.
    pub(crate) fn stream(&self) -> String {
        format!("{}/{}", self.aggregate_type, self.aggregate_id)
    }
}

/// The key of the row, for people who look it up in the source.
impl fmt::Display for RawRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { aggregate_type, aggregate_id, version, event_type, .. } = self;
        write!(f, "{aggregate_type}/{aggregate_id} version {version} ({event_type}")?;
        match self.event_id {
            Some(id) => write!(f, ", event {id})"),
            None => f.write_str(")"),
        }
    }
}
