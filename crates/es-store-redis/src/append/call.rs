//! One append as a command: its keys and arguments, in the order of the script.

use bytes::Bytes;
use es_core::{AppendRequest, ExpectedVersion, Position, QueryItem, Result, StreamId, Tenant};
use es_redis::{Argument, Command, Script};

use crate::{
    keys::Keys,
    read::{Anchor, Source},
    record,
};

/// Where the key of the anchor stands.
const ANCHOR: usize = 3;

/// An append made ready; it can be sent more than once.
pub(super) struct Call {
    keys: Vec<String>,
    /// Everything between what [`Call::command`] puts in front and the conditions.
    middle: Vec<Bytes>,
    conditions: Vec<Condition>,
    tenant: String,
}

struct Condition {
    after: Position,
    alternatives: Vec<(usize, usize)>,
}

impl Call {
    pub(super) fn new(keys: &Keys, request: &AppendRequest) -> Result<Self> {
        let tenant = request.tenant();
        let mut call = Self {
            keys: vec![keys.meta.clone(), keys.log.clone(), keys.tenants.clone(), String::new()],
            middle: Vec::with_capacity(8 + 4 * request.event_count()),
            conditions: Vec::new(),
            tenant: tenant.map_or(String::new(), |tenant| tenant.as_str().to_owned()),
        };
        call.streams(keys, request);
        for write in request.streams() {
            call.keys.push(keys.category(tenant, write.stream.category()));
        }
        for (_, event) in request.events() {
            call.keys.push(keys.ids(event.id));
            call.keys.push(keys.event_type(tenant, &event.schema.name));
            call.keys.extend(event.tags.iter().map(|tag| keys.tag(tenant, tag)));
            call.push(Bytes::copy_from_slice(event.id.as_uuid().as_bytes()));
            call.push(event.tags.len());
            call.push(record::encode(event)?);
        }
        for unless in request.unless() {
            let items = unless.query.items();
            let alternatives = items.iter().map(|item| call.alternative(keys, tenant, item));
            let alternatives = alternatives.collect();
            call.conditions.push(Condition { after: unless.after, alternatives });
        }
        Ok(call)
    }

    fn streams(&mut self, keys: &Keys, request: &AppendRequest) {
        self.push(request.streams().len());
        for write in request.streams() {
            self.keys.push(keys.stream(&write.stream));
            self.push(write.stream.to_string());
            self.push(expected(write.expected));
            self.push(write.events.len());
        }
        self.push(request.required().len());
        for demand in request.required() {
            self.keys.push(keys.stream(&demand.stream));
            self.push(expected(demand.expected));
        }
    }

    fn alternative(
        &mut self,
        keys: &Keys,
        tenant: Option<&Tenant>,
        item: &QueryItem,
    ) -> (usize, usize) {
        self.keys.extend(item.tags.iter().map(|tag| keys.tag(tenant, tag)));
        self.keys.extend(item.types.iter().map(|name| keys.event_type(tenant, name)));
        (item.tags.len(), item.types.len())
    }

    fn push(&mut self, argument: impl Argument) {
        self.middle.push(argument.into_bytes());
    }

    /// The conditions hold up to `position`: only what comes behind it is to be looked at.
    pub(super) fn looked_up_to(&mut self, position: Position) {
        for condition in &mut self.conditions {
            condition.after = condition.after.max(position);
        }
    }

    /// The command, for a log that was seen up to `seen` and has `anchor` where it was, and
    /// whether it looks at the rights of the user.
    pub(super) fn command(
        &mut self,
        script: &Script,
        source: &Source,
        seen: Position,
        anchor: Option<Anchor>,
        rights: bool,
    ) -> Command {
        let (keys, log) = (&source.keys, source.log);
        let (id, at, bucket) = match anchor {
            Some(Anchor { id, position }) => {
                let bytes = Bytes::copy_from_slice(id.as_uuid().as_bytes());
                (bytes, position.get(), keys.ids(id))
            }
            None => (Bytes::new(), 0, keys.meta.clone()),
        };
        if let Some(key) = self.keys.get_mut(ANCHOR) {
            *key = bucket;
        }
        let command = script.on(&self.keys).with_room(self.middle.len() + 9);
        let command = command.arg(log.as_uuid().to_string()).arg(seen.get());
        let command = command.arg(id).arg(at).arg(&self.tenant);
        let command = command.arg(if rights { "1" } else { "" });
        let mut command = command.args(&self.middle).arg(self.conditions.len());
        for condition in &self.conditions {
            command = command.arg(condition.after.get()).arg(condition.alternatives.len());
            for (tags, types) in &condition.alternatives {
                command = command.arg(*tags).arg(*types);
            }
        }
        command
    }
}

fn expected(version: ExpectedVersion) -> Bytes {
    match version {
        ExpectedVersion::Any => Bytes::from_static(b"*"),
        ExpectedVersion::Exists => Bytes::from_static(b"+"),
        ExpectedVersion::NoStream => Bytes::from_static(b"0"),
        ExpectedVersion::Exact(version) => version.get().into_bytes(),
    }
}

/// The stream of this number among those that are written, then those that are required.
pub(super) fn demand(request: &AppendRequest, at: usize) -> Option<(&StreamId, ExpectedVersion)> {
    let written = request.streams().iter().map(|write| (&write.stream, write.expected));
    let required = request.required().iter().map(|demand| (&demand.stream, demand.expected));
    written.chain(required).nth(at)
}
