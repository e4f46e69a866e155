//! Many appends as the arrays of one call.

mod behind;

use std::collections::HashMap;

use es_core::{AppendRequest, ContentType, ExpectedVersion, Metadata, NewEvent, Result};
use es_core::{QueryItem, StreamId};
use tokio_postgres::types::Type;
use uuid::Uuid;

pub(super) use self::behind::Behind;
use super::queue::Looked;
use crate::{ask::Typed, error::damaged, hash};

/// The arguments of `append`, in SQL's own numbers: everything is counted from 1.
#[derive(Default)]
pub(super) struct Batch<'a> {
    careful: bool,
    log: Uuid,
    streams: Vec<Uuid>,
    keys: Vec<&'a str>,
    items: Items,
    events: Events<'a>,
    families: Families<'a>,
    conditions: Conditions<'a>,
    numbers: HashMap<Uuid, i32>,
}

#[derive(Default)]
struct Items {
    append: Vec<i32>,
    stream: Vec<i32>,
    expected: Vec<i64>,
    count: Vec<i32>,
}

#[derive(Default)]
struct Events<'a> {
    item: Vec<i32>,
    offset: Vec<i32>,
    part: Vec<i16>,
    parts: Vec<i16>,
    stream: Vec<Uuid>,
    key: Vec<&'a str>,
    family: Vec<i64>,
    id: Vec<Uuid>,
    schema: Vec<i64>,
    payload: Vec<&'a [u8]>,
    content: Sparse<&'a str>,
    correlation: Sparse<Uuid>,
    causation: Sparse<Uuid>,
    metadata: Sparse<String>,
    tags: Sparse<String>,
}

#[derive(Default)]
struct Families<'a> {
    id: Vec<i64>,
    tenant: Vec<&'a str>,
    category: Vec<&'a str>,
    event_type: Vec<&'a str>,
}

#[derive(Default)]
struct Conditions<'a> {
    append: Vec<i32>,
    after: Vec<i64>,
    found: Vec<i64>,
    tenant: Vec<&'a str>,
    query_of: Vec<i32>,
    query_types: Vec<Option<String>>,
    query_tags: Vec<Option<String>>,
}

/// A column that is mostly empty: not sent at all while nothing is in it.
struct Sparse<T> {
    values: Option<Vec<Option<T>>>,
    len: usize,
}

impl<T> Default for Sparse<T> {
    fn default() -> Self {
        Self { values: None, len: 0 }
    }
}

impl<T> Sparse<T> {
    fn push(&mut self, value: Option<T>) {
        if value.is_some() && self.values.is_none() {
            self.values = Some((0..self.len).map(|_| None).collect());
        }
        if let Some(values) = &mut self.values {
            values.push(value);
        }
        self.len += 1;
    }
}

impl<'a> Batch<'a> {
    /// A careful call looks for repetitions first; any other fails when it meets one.
    pub(super) fn new(log: Uuid, careful: bool) -> Self {
        Self { careful, log, ..Self::default() }
    }

    /// Whether some event has tags.
    pub(super) fn is_tagged(&self) -> bool {
        self.events.tags.values.is_some()
    }

    pub(super) fn push(&mut self, request: &'a AppendRequest, looked: &[Looked]) -> Result<()> {
        let append = self.items.append.last().map_or(1, |last| last + 1);
        let parts = number16(request.event_count());
        let mut part = 0;
        for write in request.streams() {
            let stream = self.item(append, &write.stream, write.expected, write.events.len());
            let item = number(self.items.append.len());
            for (offset, event) in write.events.iter().enumerate() {
                let place = Place { item, offset: number(offset), part, parts };
                self.event(&write.stream, stream, event, &place)?;
                part += 1;
            }
        }
        for demand in request.required() {
            self.item(append, &demand.stream, demand.expected, 0);
        }
        let tenant = request.tenant().map_or("", |tenant| tenant.as_str());
        for (at, unless) in request.unless().iter().enumerate() {
            let conditions = &mut self.conditions;
            conditions.append.push(append);
            let (after, found) = match looked.get(at) {
                Some(Looked::Found(found)) => (unless.after, signed(found.get())),
                Some(Looked::NothingUpTo(head)) => (unless.after.max(*head), 0),
                Some(Looked::Not) | None => (unless.after, 0),
            };
            conditions.after.push(signed(after.get()));
            conditions.found.push(found);
            conditions.tenant.push(tenant);
            for item in unless.query.items() {
                conditions.alternative(item);
            }
        }
        Ok(())
    }

    fn item(
        &mut self,
        append: i32,
        stream: &'a StreamId,
        expected: ExpectedVersion,
        count: usize,
    ) -> Uuid {
        let id = hash::stream(stream);
        let next = number(self.streams.len() + 1);
        let at = *self.numbers.entry(id).or_insert(next);
        if at == next {
            self.streams.push(id);
            self.keys.push(stream.key().as_str());
        }
        self.items.append.push(append);
        self.items.stream.push(at);
        self.items.expected.push(expected_number(expected));
        self.items.count.push(number(count));
        id
    }

    fn event(
        &mut self,
        name: &'a StreamId,
        stream: Uuid,
        event: &'a NewEvent,
        place: &Place,
    ) -> Result<()> {
        let family = hash::family(name, &event.schema.name);
        if !self.families.id.contains(&family) {
            self.families.id.push(family);
            self.families.tenant.push(hash::tenant(name));
            self.families.category.push(name.category().as_str());
            self.families.event_type.push(event.schema.name.as_str());
        }
        let events = &mut self.events;
        events.item.push(place.item);
        events.offset.push(place.offset);
        events.part.push(place.part);
        events.parts.push(place.parts);
        events.stream.push(stream);
        events.key.push(name.key().as_str());
        events.family.push(family);
        events.id.push(event.id.as_uuid());
        events.schema.push(i64::from(event.schema.version));
        events.payload.push(event.payload.bytes());
        events.content.push(content_type(event));
        events.correlation.push(correlation(event));
        events.causation.push(event.metadata.causation_id());
        events.metadata.push(rest(&event.metadata)?);
        events.tags.push(tags(event));
        Ok(())
    }

    /// The arguments in the order of the function's.
    pub(super) fn arguments(&self) -> Vec<Typed<'_>> {
        let (items, events, families, conditions) =
            (&self.items, &self.events, &self.families, &self.conditions);
        let mut arguments: Vec<Typed<'_>> = vec![
            (&self.log, Type::UUID),
            (&self.careful, Type::BOOL),
            (&self.streams, Type::UUID_ARRAY),
            (&self.keys, Type::TEXT_ARRAY),
            (&items.append, Type::INT4_ARRAY),
            (&items.stream, Type::INT4_ARRAY),
            (&items.expected, Type::INT8_ARRAY),
            (&items.count, Type::INT4_ARRAY),
            (&events.item, Type::INT4_ARRAY),
            (&events.offset, Type::INT4_ARRAY),
        ];
        arguments.extend(events.columns());
        arguments.extend(families.columns());
        arguments.extend::<[Typed<'_>; 7]>([
            (&conditions.append, Type::INT4_ARRAY),
            (&conditions.after, Type::INT8_ARRAY),
            (&conditions.found, Type::INT8_ARRAY),
            (&conditions.tenant, Type::TEXT_ARRAY),
            (&conditions.query_of, Type::INT4_ARRAY),
            (&conditions.query_types, Type::TEXT_ARRAY),
            (&conditions.query_tags, Type::TEXT_ARRAY),
        ]);
        arguments
    }
}

impl Events<'_> {
    /// What is kept of each event, but for its place.
    fn columns(&self) -> [Typed<'_>; 13] {
        [
            (&self.part, Type::INT2_ARRAY),
            (&self.parts, Type::INT2_ARRAY),
            (&self.stream, Type::UUID_ARRAY),
            (&self.key, Type::TEXT_ARRAY),
            (&self.family, Type::INT8_ARRAY),
            (&self.id, Type::UUID_ARRAY),
            (&self.schema, Type::INT8_ARRAY),
            (&self.payload, Type::BYTEA_ARRAY),
            (&self.content.values, Type::TEXT_ARRAY),
            (&self.correlation.values, Type::UUID_ARRAY),
            (&self.causation.values, Type::UUID_ARRAY),
            (&self.metadata.values, Type::TEXT_ARRAY),
            (&self.tags.values, Type::TEXT_ARRAY),
        ]
    }
}

impl Families<'_> {
    fn columns(&self) -> [Typed<'_>; 4] {
        [
            (&self.id, Type::INT8_ARRAY),
            (&self.tenant, Type::TEXT_ARRAY),
            (&self.category, Type::TEXT_ARRAY),
            (&self.event_type, Type::TEXT_ARRAY),
        ]
    }
}

struct Place {
    item: i32,
    offset: i32,
    part: i16,
    parts: i16,
}

impl Conditions<'_> {
    fn alternative(&mut self, item: &QueryItem) {
        self.query_of.push(number(self.append.len()));
        self.query_types.push(joined(item.types.iter().map(|name| name.as_str())));
        self.query_tags.push(joined(item.tags.iter().map(|tag| tag.as_str())));
    }
}

/// Names and tags hold no control characters, so a line break keeps them apart.
fn joined<'t>(texts: impl Iterator<Item = &'t str>) -> Option<String> {
    let texts: Vec<&str> = texts.collect();
    (!texts.is_empty()).then(|| texts.join("\n"))
}

pub(super) fn expected_number(expected: ExpectedVersion) -> i64 {
    match expected {
        ExpectedVersion::Any => -1,
        ExpectedVersion::Exists => -2,
        ExpectedVersion::NoStream => 0,
        ExpectedVersion::Exact(version) => signed(version.get()),
    }
}

pub(super) fn content_type(event: &NewEvent) -> Option<&str> {
    let content_type = event.payload.content_type();
    (*content_type != ContentType::JSON).then(|| content_type.as_str())
}

/// The correlation, unless it is the event's own id.
pub(super) fn correlation(event: &NewEvent) -> Option<Uuid> {
    event.metadata.correlation_id().filter(|id| *id != event.id.as_uuid())
}

pub(super) fn tags(event: &NewEvent) -> Option<String> {
    joined(event.tags.iter().map(|tag| tag.as_str()))
}

/// The metadata besides the two ids, which have columns of their own; mostly nothing.
pub(super) fn rest(metadata: &Metadata) -> Result<Option<String>> {
    let rest = metadata.clone().with_correlation_id(Uuid::nil()).with_causation_id(Uuid::nil());
    if rest == Metadata::new() {
        return Ok(None);
    }
    serde_json::to_string(&rest).map(Some).map_err(damaged)
}

/// Positions and versions beyond SQL's numbers do not occur; bounds that are beyond them
/// mean the same as the last one.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The limits of appends and batches lie far below.
fn number(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

fn number16(count: usize) -> i16 {
    i16::try_from(count).unwrap_or(i16::MAX)
}
