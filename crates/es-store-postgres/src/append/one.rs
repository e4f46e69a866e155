//! One event for one stream, without conditions: what most appends are.

use deadpool_postgres::Object;
use es_core::{AppendRequest, LogId, NewEvent, Position, Receipt, Result, StreamAppend, Version};
use tokio_postgres::{Row, types::Type};

use super::{
    answer::{Decision, conflict},
    batch::{content_type, correlation, expected_number, rest, tags},
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
    (sent, sql): (Sent, &str),
    log: LogId,
    request: &AppendRequest,
    (write, event): (&StreamAppend, &NewEvent),
) -> Result<Decision, Failed> {
    let stream = &write.stream;
    let metadata = rest(&event.metadata).map_err(Failed::Other)?;
    let arguments: [Typed<'_>; 16] = [
        (&log.as_uuid(), Type::UUID),
        (&hash::stream(stream), Type::UUID),
        (&stream.key().as_str(), Type::TEXT),
        (&expected_number(write.expected), Type::INT8),
        (&hash::family(stream, &event.schema.name), Type::INT8),
        (&hash::tenant(stream), Type::TEXT),
        (&stream.category().as_str(), Type::TEXT),
        (&event.schema.name.as_str(), Type::TEXT),
        (&event.id.as_uuid(), Type::UUID),
        (&i64::from(event.schema.version), Type::INT8),
        (&&event.payload.bytes()[..], Type::BYTEA),
        (&content_type(event), Type::TEXT),
        (&correlation(event), Type::UUID),
        (&event.metadata.causation_id(), Type::UUID),
        (&metadata, Type::TEXT),
        (&tags(event), Type::TEXT),
    ];
    let row = sent.query_one(client, sql, &arguments).await.map_err(Failed::Driver)?;
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
    let stream = &write.stream;
    let metadata = rest(&event.metadata).map_err(Failed::Other)?;
    let arguments: [Typed<'_>; 17] = [
        (&log.as_uuid(), Type::UUID),
        (&position, Type::INT8),
        (&hash::stream(stream), Type::UUID),
        (&stream.key().as_str(), Type::TEXT),
        (&expected_number(write.expected), Type::INT8),
        (&hash::family(stream, &event.schema.name), Type::INT8),
        (&hash::tenant(stream), Type::TEXT),
        (&stream.category().as_str(), Type::TEXT),
        (&event.schema.name.as_str(), Type::TEXT),
        (&event.id.as_uuid(), Type::UUID),
        (&i64::from(event.schema.version), Type::INT8),
        (&&event.payload.bytes()[..], Type::BYTEA),
        (&content_type(event), Type::TEXT),
        (&correlation(event), Type::UUID),
        (&event.metadata.causation_id(), Type::UUID),
        (&metadata, Type::TEXT),
        (&tags(event), Type::TEXT),
    ];
    let sql = if event.tags.is_empty() { &statements.one } else { &statements.one_tagged };
    let arguments = if event.tags.is_empty() { &arguments[..16] } else { &arguments };
    let row = Sent::ByName.query_opt(client, sql, arguments).await.map_err(Failed::Driver)?;
    row.map(|row| read(&row, log, request, (write, event))).transpose()
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
