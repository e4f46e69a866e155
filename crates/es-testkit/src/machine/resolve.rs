//! From a plan to what it means now: with the names of the history and what the model has.

use es_core::{
    ContentType, EventId, EventType, ExpectedVersion, Metadata, NewEvent, Payload, Position, Query,
    Read, Schema, StreamId, Tags, Tenant, TenantScope, Timestamp, Version,
};

use super::{
    draft::{Draft, Wanted, Write, query_of},
    model::Model,
    names::Names,
    operation::{
        AppendPlan, Change, EventPlan, Limit, NotePlan, Pick, Place, QueryPlan, ReadPlan,
        RetryPlan, Select, StreamAt, Tenants, Whose,
    },
};
use crate::Ids;

/// What plans are resolved with.
pub(super) struct Resolver<'a> {
    pub(super) names: &'a Names,
    pub(super) ids: &'a Ids,
    pub(super) model: &'a Model,
}

impl Resolver<'_> {
    pub(super) fn append(&self, plan: &AppendPlan) -> Draft {
        let mut named: Vec<StreamId> = Vec::new();
        let mut is_new = |stream: &StreamId| {
            let is_new = !named.contains(stream);
            named.push(stream.clone());
            is_new
        };
        let mut writes = Vec::new();
        for write in &plan.writes {
            let stream = self.names.stream(write.stream, plan.whose);
            if is_new(&stream) {
                let expected = write.expect.of(self.model.version(&stream));
                let events = write.events.iter().map(|event| self.event(event)).collect();
                writes.push(Write { stream, expected, events });
            }
        }
        let mut required = Vec::new();
        for (stream, expect) in &plan.required {
            let stream = self.names.stream(*stream, plan.whose);
            if is_new(&stream) {
                let expected = expect.of(self.model.version(&stream));
                required.push((stream, expected));
            }
        }
        let unless = plan.unless.iter();
        let unless = unless.map(|(query, place)| (self.query(query), self.position(*place)));
        Draft { scope: self.scope(plan.whose), writes, required, unless: unless.collect() }
    }

    pub(super) fn note(&self, plan: &NotePlan) -> Draft {
        let write = Write {
            stream: self.names.stream(plan.stream, plan.whose),
            expected: ExpectedVersion::Any,
            events: vec![self.event(&plan.event)],
        };
        let scope = self.scope(plan.whose);
        Draft { scope, writes: vec![write], required: Vec::new(), unless: Vec::new() }
    }

    /// Events that differ in type and tags, numbered by their payloads.
    pub(super) fn bulk(&self, whose: Whose, at: StreamAt, count: u16) -> Draft {
        let event = |number: u16| {
            let [name, tag] = [number % 3, number % 8].map(|at| u8::try_from(at).unwrap_or(0));
            let plan = EventPlan {
                name,
                version: 1,
                payload: Payload::json(&number).unwrap(),
                metadata: Metadata::new(),
                tags: if tag < 4 { vec![tag] } else { Vec::new() },
            };
            self.event(&plan)
        };
        let write = Write {
            stream: self.names.stream(at, whose),
            expected: ExpectedVersion::Any,
            events: (0..count).map(event).collect(),
        };
        let scope = self.scope(whose);
        Draft { scope, writes: vec![write], required: Vec::new(), unless: Vec::new() }
    }

    fn event(&self, plan: &EventPlan) -> NewEvent {
        let schema = Schema::new(self.names.event_type(plan.name).clone(), plan.version);
        let tags: Tags = plan.tags.iter().map(|tag| self.names.tag(*tag).clone()).collect();
        NewEvent::raw(schema, plan.payload.clone())
            .with_id(self.ids.draw())
            .with_metadata(plan.metadata.clone())
            .with_tags(tags)
    }

    /// An earlier append, changed; nothing, where there is none.
    pub(super) fn retry(&self, plan: &RetryPlan) -> Option<Draft> {
        let mut draft = plan.of.of(self.model.appends())?.draft.clone();
        self.change(&mut draft, &plan.change);
        Some(draft)
    }

    fn change(&self, draft: &mut Draft, change: &Change) {
        match change {
            Change::Nothing => {}
            Change::Expectations(expect) => {
                for write in &mut draft.writes {
                    write.expected = expect.of(self.model.version(&write.stream));
                }
                for (stream, expected) in &mut draft.required {
                    *expected = expect.of(self.model.version(stream));
                }
            }
            Change::NoDemands => {
                draft.required.clear();
                draft.unless.clear();
            }
            Change::OtherMetadata => {
                for event in draft.writes.iter_mut().flat_map(|write| &mut write.events) {
                    event.metadata = Metadata::new().with_actor("somebody else");
                }
            }
            Change::OtherPayload(at) => of_one(draft, *at, |event| {
                let other = Payload::json(&"other").unwrap();
                event.payload = other;
            }),
            Change::OtherContentType(at) => of_one(draft, *at, |event| {
                let other = if *event.payload.content_type() == ContentType::BINARY {
                    ContentType::new("application/cbor").unwrap()
                } else {
                    ContentType::BINARY
                };
                let bytes = event.payload.bytes().clone();
                event.payload = Payload::new(other, bytes).unwrap();
            }),
            Change::OtherType(at) => of_one(draft, *at, |event| {
                event.schema.name = self.other_type(event);
            }),
            Change::OtherSchemaVersion(at) => of_one(draft, *at, |event| {
                event.schema.version += 1;
            }),
            Change::OtherTags(at) => of_one(draft, *at, |event| {
                let first = self.names.tag(0).clone();
                event.tags =
                    if event.tags.is_empty() { Tags::NONE.with(first) } else { Tags::NONE };
            }),
            Change::NewId(at) => of_one(draft, *at, |event| event.id = self.ids.draw()),
            Change::WithoutFirst | Change::WithoutLast => {
                let at_front = matches!(change, Change::WithoutFirst);
                without_one(draft, at_front);
            }
            Change::NewFirst(plan) => draft.writes[0].events.insert(0, self.event(plan)),
            Change::NewLast(plan) => {
                let event = self.event(plan);
                draft.writes.last_mut().into_iter().for_each(|w| w.events.push(event.clone()));
            }
            Change::Reversed => draft.writes.iter_mut().for_each(|write| write.events.reverse()),
            Change::StreamsReversed => draft.writes.reverse(),
            Change::OtherStream(at) => {
                let whose = Whose { tenant: None, scoped: false };
                let mut other = self.names.stream(*at, whose);
                if let Some(tenant) = draft.tenant() {
                    other = other.with_tenant(tenant.clone());
                }
                if !is_named(draft, &other) {
                    draft.writes[0].stream = other;
                }
            }
            Change::OtherTenant(whose) => self.give_to(draft, *whose),
            Change::With(other) => self.with(draft, *other),
        }
    }

    fn other_type(&self, event: &NewEvent) -> EventType {
        let mut names = self.names.types.iter();
        names.find(|name| **name != event.schema.name).unwrap_or(&event.schema.name).clone()
    }

    /// The same streams of somebody else.
    fn give_to(&self, draft: &mut Draft, whose: Whose) {
        let give = |stream: &StreamId| {
            let stream = StreamId::of(stream.category().clone(), stream.key().clone());
            match whose.tenant {
                Some(tenant) => stream.with_tenant(self.names.tenant(tenant).clone()),
                None => stream,
            }
        };
        draft.writes.iter_mut().for_each(|write| write.stream = give(&write.stream));
        draft.required.iter_mut().for_each(|(stream, _)| *stream = give(stream));
        draft.scope = self.scope(whose);
    }

    /// With the events of another append, as far as they are the same tenant's.
    fn with(&self, draft: &mut Draft, other: Pick) {
        let Some(other) = other.of(self.model.appends()) else {
            return;
        };
        if other.draft.tenant() != draft.tenant() {
            return;
        }
        let known: Vec<EventId> = draft.events().map(|(_, event)| event.id).collect();
        for write in &other.draft.writes {
            let mut write = write.clone();
            write.events.retain(|event| !known.contains(&event.id));
            if write.events.is_empty() {
                continue;
            }
            match draft.writes.iter_mut().find(|mine| mine.stream == write.stream) {
                Some(mine) => mine.events.extend(write.events),
                None => {
                    draft.required.retain(|(stream, _)| *stream != write.stream);
                    draft.writes.push(write);
                }
            }
        }
    }

    pub(super) fn read(&self, plan: &ReadPlan) -> Wanted {
        let scope = self.scope(plan.whose);
        let mut read = match plan.select {
            Select::All => Read::all(),
            Select::Category(at) => Read::category(self.names.category(at).clone()),
            Select::Stream(at) => {
                // A scoped handle adds the tenant itself.
                let tenant = plan.whose.tenant.filter(|_| !plan.whose.scoped);
                let whose = Whose { tenant, scoped: false };
                let mut read = Read::stream(self.names.stream(at, whose));
                let version = |number: Option<u8>| Version::new(u64::from(number?)).ok();
                (read.from_version, read.to_version) =
                    (version(plan.versions.0), version(plan.versions.1));
                read
            }
            Select::Event(pick) => Read::event(self.event_id(pick)),
        };
        read.tenants = match (plan.tenants, &scope) {
            (Tenants::Untenanted, _) | (Tenants::All, Some(_)) => TenantScope::Untenanted,
            (Tenants::All, None) => TenantScope::All,
            (Tenants::One(_), Some(scope)) => TenantScope::One(scope.clone()),
            (Tenants::One(at), None) => TenantScope::One(self.names.tenant(at).clone()),
        };
        if let Some(query) = &plan.query {
            read.query = self.query(query);
        }
        read.after = plan.after.map(|place| self.position(place));
        read.until = plan.until.map(|place| self.position(place));
        read.recorded_since = self.moment(plan.since);
        read.recorded_until = self.moment(plan.before);
        read.limit = plan.limit.map(|limit| match limit {
            Limit::Events(count) => u64::from(count),
            Limit::AllBut(count) => {
                (self.model.events().len() as u64).saturating_sub(u64::from(count))
            }
        });
        read.log = plan.of_log.then(|| self.model.log());
        if plan.backward {
            read = read.backward();
        }
        Wanted { scope, read }
    }

    pub(super) fn scope(&self, whose: Whose) -> Option<Tenant> {
        whose.scope().map(|tenant| self.names.tenant(tenant).clone())
    }

    /// One that the log has; any other, as long as it has none.
    pub(super) fn event_id(&self, pick: Pick) -> EventId {
        let event = pick.of(self.model.events());
        event.map_or_else(|| self.absent_id(pick), |event| event.id)
    }

    /// One that no log has: they are drawn from the other end.
    pub(super) fn absent_id(&self, pick: Pick) -> EventId {
        self.ids.nth(u64::MAX - u64::from(pick.0))
    }

    fn query(&self, plan: &QueryPlan) -> Query {
        query_of(plan.0.iter().map(|(types, tags)| {
            let types = types.iter().map(|at| self.names.event_type(*at).clone());
            let tags = tags.iter().map(|at| self.names.tag(*at).clone());
            (types.collect(), tags.collect())
        }))
    }

    fn position(&self, place: Place) -> Position {
        let at = |pick: Pick| pick.of(self.model.events()).map_or(0, |event| event.position.get());
        Position::new(match place {
            Place::Start => 0,
            Place::Head => self.model.head().get(),
            Place::At(pick) => at(pick),
            Place::Before(pick) => at(pick).saturating_sub(1),
            Place::Beyond(0) => u64::MAX,
            Place::Beyond(by) => self.model.head().get().saturating_add(u64::from(by)),
        })
    }

    fn moment(&self, moment: Option<(Pick, i8)>) -> Option<Timestamp> {
        let (pick, by) = moment?;
        let recorded_at = pick.of(self.model.events())?.recorded_at;
        Some(Timestamp::from_micros(recorded_at.as_micros().saturating_add(i64::from(by))))
    }
}

fn of_one(draft: &mut Draft, at: Pick, change: impl FnOnce(&mut NewEvent)) {
    if let Some(event) = draft.event_mut(usize::from(at.0)) {
        change(event);
    }
}

/// Takes out the first event or the last, and its stream if it has no other; never the
/// only one.
fn without_one(draft: &mut Draft, at_front: bool) {
    if draft.event_count() < 2 {
        return;
    }
    let at = if at_front { 0 } else { draft.writes.len() - 1 };
    let events = &mut draft.writes[at].events;
    if at_front {
        events.remove(0);
    } else {
        events.pop();
    }
    draft.writes.retain(|write| !write.events.is_empty());
}

fn is_named(draft: &Draft, stream: &StreamId) -> bool {
    draft.writes.iter().any(|write| write.stream == *stream)
        || draft.required.iter().any(|(named, _)| named == stream)
}
