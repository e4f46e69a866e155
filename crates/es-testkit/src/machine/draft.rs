//! Operations in the concrete: what an append or a read asks for, once it is its turn.

use std::fmt::{self, Display};

use es_core::{
    Append, ContentType, Direction, EventType, ExpectedVersion, NewEvent, Payload, Position, Query,
    Read, Selection, Store, StreamId, Tag, Tenant, TenantScope,
};

/// An append, as it can be made again and again.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    /// The tenant of the handle that it goes through.
    pub(super) scope: Option<Tenant>,
    pub(super) writes: Vec<Write>,
    pub(super) required: Vec<(StreamId, ExpectedVersion)>,
    pub(super) unless: Vec<(Query, Position)>,
}

/// The events for one stream.
#[derive(Clone, Debug)]
pub(super) struct Write {
    pub(super) stream: StreamId,
    pub(super) expected: ExpectedVersion,
    pub(super) events: Vec<NewEvent>,
}

impl Draft {
    /// All events in log order, each with its stream.
    pub(super) fn events(&self) -> impl Iterator<Item = (&StreamId, &NewEvent)> {
        self.writes.iter().flat_map(|write| write.events.iter().map(|event| (&write.stream, event)))
    }

    pub(super) fn event_count(&self) -> usize {
        self.writes.iter().map(|write| write.events.len()).sum()
    }

    /// How many of them are for this stream.
    pub(super) fn count_for(&self, stream: &StreamId) -> u64 {
        self.events().filter(|(of, _)| *of == stream).count() as u64
    }

    /// Whose append it is.
    pub(super) fn tenant(&self) -> Option<&Tenant> {
        self.writes.first().and_then(|write| write.stream.tenant())
    }

    /// The event at this place, counted around.
    pub(super) fn event_mut(&mut self, place: usize) -> Option<&mut NewEvent> {
        let place = place.checked_rem(self.event_count())?;
        self.writes.iter_mut().flat_map(|write| &mut write.events).nth(place)
    }

    /// The handle that it goes through.
    pub(super) fn handle(&self, store: &Store) -> Store {
        scoped(store, self.scope.as_ref())
    }

    pub(super) fn append(&self) -> Append {
        let mut writes = self.writes.iter();
        let Some(first) = writes.next() else {
            unreachable!("every draft writes a stream");
        };
        let append = Append::to(self.name(&first.stream), first.expected);
        let append = append.events(first.events.clone());
        let append = writes.fold(append, |append, write| {
            let append = append.and(self.name(&write.stream), write.expected);
            append.events(write.events.clone())
        });
        let append = self.required.iter().fold(append, |append, (stream, expected)| {
            append.require(self.name(stream), *expected)
        });
        self.unless
            .iter()
            .fold(append, |append, (query, after)| append.unless(query.clone(), *after))
    }

    /// The stream as the handle is told it: a scoped one adds the tenant itself.
    fn name(&self, stream: &StreamId) -> StreamId {
        match self.scope {
            Some(_) => StreamId::of(stream.category().clone(), stream.key().clone()),
            None => stream.clone(),
        }
    }
}

/// A read, and the tenant of the handle that it goes through.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) scope: Option<Tenant>,
    /// As the handle is asked.
    pub(super) read: Read,
}

impl Wanted {
    pub(super) fn handle(&self, store: &Store) -> Store {
        scoped(store, self.scope.as_ref())
    }

    /// What it means behind the handle, where tenants are said.
    pub(super) fn meaning(&self) -> Read {
        let mut read = self.read.clone();
        if let Some(tenant) = &self.scope {
            read.tenants = TenantScope::One(tenant.clone());
            if let Selection::Stream(stream) = &read.selection {
                read.selection = Selection::Stream(stream.with_tenant(tenant.clone()));
            }
        }
        read
    }
}

pub(super) fn scoped(store: &Store, scope: Option<&Tenant>) -> Store {
    match scope {
        Some(tenant) => store.for_tenant(tenant.clone()),
        None => store.clone(),
    }
}

impl Display for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("append")?;
        fmt_scope(f, self.scope.as_ref())?;
        for write in &self.writes {
            write!(f, "\n    to {}, expecting {}:", write.stream, write.expected)?;
            for event in &write.events {
                write!(f, "\n      {}", ShownEvent(event))?;
            }
        }
        for (stream, expected) in &self.required {
            write!(f, "\n    requiring {expected} of {stream}")?;
        }
        for (query, after) in &self.unless {
            write!(f, "\n    unless {query} behind position {after}")?;
        }
        Ok(())
    }
}

struct ShownEvent<'a>(&'a NewEvent);

impl Display for ShownEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NewEvent { id, schema, payload, tags, metadata, .. } = self.0;
        write!(f, "{id}: {} v{}, payload {}", schema.name, schema.version, shown(payload))?;
        if !tags.is_empty() {
            write!(f, ", tags {tags:?}")?;
        }
        if *metadata != es_core::Metadata::new() {
            let text = format!("{metadata:?}");
            write!(f, ", {}", shortened(&text))?;
        }
        Ok(())
    }
}

impl Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let read = &self.read;
        match &read.selection {
            Selection::Category(category) => write!(f, "read category {category}")?,
            Selection::Stream(stream) => write!(f, "read stream {stream}")?,
            Selection::Event(id) => write!(f, "read event {id}")?,
            _ => f.write_str("read all")?,
        }
        fmt_scope(f, self.scope.as_ref())?;
        match &read.tenants {
            TenantScope::Untenanted => {}
            TenantScope::One(tenant) => write!(f, ", of tenant {tenant}")?,
            TenantScope::All => f.write_str(", of all tenants")?,
        }
        if read.query != Query::any() {
            write!(f, ", {}", read.query)?;
        }
        fmt_bound(f, "behind position", read.after)?;
        fmt_bound(f, "up to position", read.until)?;
        fmt_bound(f, "from version", read.from_version)?;
        fmt_bound(f, "to version", read.to_version)?;
        fmt_bound(f, "recorded since", read.recorded_since)?;
        fmt_bound(f, "recorded until", read.recorded_until)?;
        if read.direction == Direction::Backward {
            f.write_str(", backward")?;
        }
        fmt_bound(f, "at most", read.limit)?;
        fmt_bound(f, "of log", read.log)
    }
}

fn fmt_scope(f: &mut fmt::Formatter<'_>, scope: Option<&Tenant>) -> fmt::Result {
    scope.map_or(Ok(()), |tenant| write!(f, " (through a handle for tenant {tenant})"))
}

fn fmt_bound(f: &mut fmt::Formatter<'_>, what: &str, bound: Option<impl Display>) -> fmt::Result {
    bound.map_or(Ok(()), |bound| write!(f, ", {what} {bound}"))
}

/// A payload, short enough for a line.
pub(super) fn shown(payload: &Payload) -> String {
    match std::str::from_utf8(payload.bytes()) {
        Ok(text) if *payload.content_type() == ContentType::JSON => shortened(text),
        Ok(text) => format!("{} {:?}", payload.content_type(), shortened(text)),
        Err(_) => format!("{} {} bytes", payload.content_type(), payload.bytes().len()),
    }
}

fn shortened(text: &str) -> String {
    const SHOWN: usize = 120;
    match text.char_indices().nth(SHOWN) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
    }
}

/// A query of these alternatives.
pub(super) fn query_of(items: impl Iterator<Item = (Vec<EventType>, Vec<Tag>)>) -> Query {
    let alternative = |(types, tags): (Vec<EventType>, Vec<Tag>)| {
        let any = Query::any();
        let query = if types.is_empty() { any } else { any.of_types(types) };
        tags.into_iter().fold(query, Query::and_tagged)
    };
    // None at all means that no event is meant.
    items.map(alternative).reduce(Query::or).unwrap_or_else(|| Query::any().of_types([]))
}
