//! One event for one stream, without conditions: what most appends are.

use deadpool_postgres::Object;
use es_core::{AppendRequest, LogId, NewEvent, Position, Receipt, Result, StreamAppend, Version};
use tokio_postgres::{Row, types::Type};
use uuid::Uuid;

use super::{
    answer::{Decision, conflict},
    batch::{content_type, correlation, expected_number, rest, tags},
    entry::{Entry, Way},
    optimistic::Lockless,
};
use crate::{
    ask::{Sent, Typed},
    error::damaged,
    hash,
    read::{Micros, unsigned},
};

/// The append as the lean entry takes it, if it is one.
pub(super) fn lean(request: &AppendRequest) -> Option<(&StreamAppend, &NewEvent)> {
    let [write] = request.streams() else { return None };
    let [event] = &write.events[..] else { return None };
    (request.required().is_empty() && request.unless().is_empty()).then_some((write, event))
}

pub(super) enum Failed {
    Driver(tokio_postgres::Error),
    Other(es_core::Error),
}

/// Sends it, and reads the answer.
pub(super) async fn send(
    client: &Object,
    (way, entry): (&Way, &Entry),
    log: LogId,
    request: &AppendRequest,
    (write, event): (&StreamAppend, &NewEvent),
) -> Result<Decision, Failed> {
    let values = Values::of(log, write, event).map_err(Failed::Other)?;
    let mut arguments = values.arguments();
    arguments.push((&values.tags, Type::TEXT));
    let row = way.call(client, entry, arguments).await.map_err(Failed::Driver)?;
    read(&row, log, request, (write, event))
}

/// Sends it without the lock, behind `position`; nothing if it was not taken so.
pub(super) async fn send_behind(
    client: &Object,
    (statements, position): (&Lockless, i64),
    log: LogId,
    request: &AppendRequest,
    (write, event): (&StreamAppend, &NewEvent),
) -> Result<Option<Decision>, Failed> {
    let values = Values::of(log, write, event).map_err(Failed::Other)?;
    let mut arguments = values.arguments();
    arguments.push((&position, Type::INT8));
    let mut sql = &statements.one;
    if values.tags.is_some() {
        arguments.push((&values.tags, Type::TEXT));
        sql = &statements.one_tagged;
    }
    let row = Sent::ByName.query_opt(client, sql, &arguments).await.map_err(Failed::Driver)?;
    row.map(|row| read(&row, log, request, (write, event))).transpose()
}

/// What both statements are given of the append.
struct Values<'a> {
    log: Uuid,
    stream: Uuid,
    key: &'a str,
    expected: i64,
    family: i64,
    tenant: &'a str,
    category: &'a str,
    event_type: &'a str,
    id: Uuid,
    schema: i64,
    payload: &'a [u8],
    content_type: Option<&'a str>,
    correlation: Option<Uuid>,
    causation: Option<Uuid>,
    metadata: Option<String>,
    tags: Option<String>,
}

impl<'a> Values<'a> {
    fn of(log: LogId, write: &'a StreamAppend, event: &'a NewEvent) -> Result<Self> {
        let stream = &write.stream;
        Ok(Self {
            log: log.as_uuid(),
            stream: hash::stream(stream),
            key: stream.key().as_str(),
            expected: expected_number(write.expected),
            family: hash::family(stream, &event.schema.name),
            tenant: hash::tenant(stream),
            category: stream.category().as_str(),
            event_type: event.schema.name.as_str(),
            id: event.id.as_uuid(),
            schema: i64::from(event.schema.version),
            payload: event.payload.bytes(),
            content_type: content_type(event),
            correlation: correlation(event),
            causation: event.metadata.causation_id(),
            metadata: rest(&event.metadata)?,
            tags: tags(event),
        })
    }

    /// In the order of both statements; what only one of them takes, and the tags, come behind.
    fn arguments(&self) -> Vec<Typed<'_>> {
        vec![
            (&self.log, Type::UUID),
            (&self.stream, Type::UUID),
            (&self.key, Type::TEXT),
            (&self.expected, Type::INT8),
            (&self.family, Type::INT8),
            (&self.tenant, Type::TEXT),
            (&self.category, Type::TEXT),
            (&self.event_type, Type::TEXT),
            (&self.id, Type::UUID),
            (&self.schema, Type::INT8),
            (&self.payload, Type::BYTEA),
            (&self.content_type, Type::TEXT),
            (&self.correlation, Type::UUID),
            (&self.causation, Type::UUID),
            (&self.metadata, Type::TEXT),
        ]
    }
}

fn read(
    row: &Row,
    log: LogId,
    request: &AppendRequest,
    (write, event): (&StreamAppend, &NewEvent),
) -> Result<Decision, Failed> {
    let stream = &write.stream;
    let read = || -> Result<(i32, Option<i64>, i64, Option<Micros>), tokio_postgres::Error> {
        Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?))
    };
    let (code, position, version, at) = read().map_err(|error| Failed::Other(damaged(error)))?;
    let decide = || match (code, position, at) {
        (0, Some(position), Some(at)) => {
            let position = Position::new(unsigned(position)?);
            let versions = vec![(stream.clone(), Version::new(unsigned(version)?)?)];
            let receipt = Receipt::new(log, position, position, at.into(), versions);
            Ok(Decision::Done(Ok(receipt)))
        }
        (1, ..) => conflict(request, Some(0), version),
        (2, ..) => Ok(Decision::Repeated(event.id)),
        _ => Err(damaged(format!("an answer of {code}"))),
    };
    decide().map_err(Failed::Other)
}
