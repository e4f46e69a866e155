//! An append made ready: whatever can be computed, allocated and looked up before the
//! writer's lock is taken.

use std::sync::Arc;

use es_core::{
    AppendRequest, Conflict, Envelope, ExpectedVersion, NewEvent, Position, Receipt, Result,
    StreamAppend, StreamId, Timestamp, Version,
};

use crate::{
    index::{Index, Label, Slot},
    log::{EventIds, HashedId, Log},
    shared::Shared,
};

/// An append made ready.
pub(super) struct Draft {
    streams: Vec<StreamDraft>,
    required: Vec<(Slot<StreamId>, ExpectedVersion)>,
    /// Room for those of the receipt.
    versions: Vec<(StreamId, Version)>,
    /// By the clock; the store may have to record it later.
    pub(super) now: Timestamp,
}

/// What goes into one stream, and the lists that all of it goes into.
struct StreamDraft {
    list: Slot<StreamId>,
    expected: ExpectedVersion,
    category: Slot<Label>,
    /// Those of its tenant, if it has one.
    tenant: Vec<Slot<Label>>,
    events: Vec<EventDraft>,
}

/// One event, complete but for place and time, and the lists that only it goes into.
pub(super) struct EventDraft {
    pub(super) id: HashedId,
    pub(super) envelope: Arc<Envelope>,
    event_type: Slot<Label>,
    tags: Vec<Slot<Label>>,
}

impl Draft {
    pub(super) fn new(shared: &Shared, request: AppendRequest) -> Self {
        let (streams, required, _) = request.into_parts();
        let index = &shared.index;
        let required = required
            .into_iter()
            .map(|demand| (index.streams.slot(demand.stream), demand.expected))
            .collect();
        Self {
            versions: Vec::with_capacity(streams.len()),
            streams: streams.into_iter().map(|write| StreamDraft::new(shared, write)).collect(),
            required,
            now: (shared.clock)(),
        }
    }

    pub(super) fn events(&self) -> impl Iterator<Item = &EventDraft> {
        self.streams.iter().flat_map(|stream| &stream.events)
    }

    pub(super) fn event_count(&self) -> usize {
        self.streams.iter().map(|stream| stream.events.len()).sum()
    }

    /// Checks what the append expects of the streams that it writes, then of the others.
    pub(super) fn check_versions(&mut self, index: &Index) -> Result<()> {
        let written = self.streams.iter_mut().map(|s| (&mut s.list, s.expected));
        let required = self.required.iter_mut().map(|(slot, e)| (slot, *e));
        for (slot, expected) in written.chain(required) {
            let actual = version(index, slot);
            if !expected.admits(actual) {
                return Err(Conflict::new(slot.key.clone(), expected, actual).into());
            }
        }
        Ok(())
    }

    /// Gives every event its place and its time, the first one the place behind `head`.
    pub(super) fn stamp(&mut self, shared: &Shared, head: u32, recorded_at: Timestamp) -> Receipt {
        let mut position = u64::from(head);
        for stream in &mut self.streams {
            let mut last = version(&shared.index, &mut stream.list);
            for event in &mut stream.events {
                position += 1;
                let version = last.map_or(Version::FIRST, Version::next);
                // Nobody shares the envelope yet, so this copies nothing.
                let envelope = Arc::make_mut(&mut event.envelope);
                envelope.version = version;
                envelope.position = Position::new(position);
                envelope.recorded_at = recorded_at;
                last = Some(version);
            }
            let last = last.unwrap_or(Version::FIRST);
            self.versions.push((stream.list.key.clone(), last));
        }
        let first = Position::new(u64::from(head) + 1);
        let last = Position::new(position);
        let versions = std::mem::take(&mut self.versions);
        Receipt::new(shared.id, first, last, recorded_at, versions)
    }

    /// Puts the stamped events behind `head` and into all of their lists. It cannot fail.
    pub(super) fn write(&mut self, log: &Log, index: &Index, head: u32) {
        let mut position = head;
        for stream in &mut self.streams {
            for event in &mut stream.events {
                position += 1;
                log.push(Arc::clone(&event.envelope));
                index.streams.make(&mut stream.list).push(position);
                index.labels.make(&mut stream.category).push(position);
                index.labels.make(&mut event.event_type).push(position);
                for label in event.tags.iter_mut().chain(&mut stream.tenant) {
                    index.labels.make(label).push(position);
                }
                index.push_tenancy(!stream.tenant.is_empty(), position);
            }
        }
    }
}

impl StreamDraft {
    fn new(shared: &Shared, write: StreamAppend) -> Self {
        let index = &shared.index;
        let list = index.streams.slot(write.stream);
        let name = &list.key;
        let category = name.category();
        let tenant = name.tenant().into_iter().flat_map(|tenant| {
            let both = Box::new((tenant.clone(), category.clone()));
            [Label::Tenant(tenant.clone()), Label::CategoryOf(both)]
        });
        let events = write.events.into_iter();
        Self {
            events: events.map(|event| EventDraft::new(shared, event, name)).collect(),
            expected: write.expected,
            category: index.labels.slot(Label::Category(category.clone())),
            tenant: tenant.map(|label| index.labels.slot(label)).collect(),
            list,
        }
    }
}

impl EventDraft {
    fn new(shared: &Shared, mut event: NewEvent, stream: &StreamId) -> Self {
        let index = &shared.index;
        let event_type = index.labels.slot(Label::Type(event.schema.name.clone()));
        if let Label::Type(name) = &event_type.key {
            event.schema.name = name.clone();
        }
        let tags = event.tags.iter();
        let tags = tags.map(|tag| index.labels.slot(Label::Tag(tag.clone())));
        Self {
            id: shared.id_hasher.hash(event.id),
            event_type,
            tags: tags.collect(),
            envelope: Arc::new(Envelope::record(
                event,
                stream.clone(),
                Version::FIRST,
                Position::START,
                Timestamp::EPOCH,
            )),
        }
    }

    /// Where the log has an event with this id.
    pub(super) fn known_at(&self, ids: &EventIds, log: &Log) -> Option<u32> {
        ids.find(self.id, log)
    }
}

/// The version of the last event of a stream.
fn version(index: &Index, slot: &mut Slot<StreamId>) -> Option<Version> {
    let count = index.streams.look_up(slot)?.len();
    Version::after(None, u64::from(count))
}
