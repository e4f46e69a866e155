//! The names of all keys: in one slot, so that one script reaches them.

use es_core::{Category, EventId, EventType, StreamId, Tag, Tenant};

/// How many hashes the ids of events are spread over. Each stays in Redis's compact form
/// until it has 512 of them.
const BUCKETS: u16 = 4_096;

/// The keys of one log. Everything begins with `{name}:`, and only what stands in the braces
/// decides about the slot.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    prefix: String,
    /// What appends touch whatever they write.
    pub(crate) meta: String,
    pub(crate) log: String,
    pub(crate) tenants: String,
}

impl Keys {
    /// The keys of the log of this name, which holds no braces.
    pub(crate) fn new(name: &str) -> Self {
        let prefix = format!("{{{name}}}:");
        Self {
            meta: format!("{prefix}meta"),
            log: format!("{prefix}log"),
            tenants: format!("{prefix}tenants"),
            prefix,
        }
    }

    /// What every key begins with.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The list of a stream's records.
    pub(crate) fn stream(&self, stream: &StreamId) -> String {
        format!("{}s:{stream}", self.prefix)
    }

    /// The hash with the position of an event, and of others.
    pub(crate) fn ids(&self, id: EventId) -> String {
        // The end of an id is random in every version that is made; the beginning is not.
        let bytes = id.as_uuid().into_bytes();
        let bucket = u16::from_be_bytes([bytes[14], bytes[15]]) % BUCKETS;
        format!("{}ids:{bucket:03x}", self.prefix)
    }

    /// The list of the positions of a category's events, within a tenant.
    pub(crate) fn category(&self, tenant: Option<&Tenant>, category: &Category) -> String {
        self.of("c", tenant, category.as_str())
    }

    /// The list of the positions of a type's events, within a tenant.
    pub(crate) fn event_type(&self, tenant: Option<&Tenant>, event_type: &EventType) -> String {
        self.of("t", tenant, event_type.as_str())
    }

    /// The list of the positions of the events with a tag, within a tenant.
    pub(crate) fn tag(&self, tenant: Option<&Tenant>, tag: &Tag) -> String {
        self.of("g", tenant, tag.as_str())
    }

    fn of(&self, kind: &str, tenant: Option<&Tenant>, name: &str) -> String {
        // A tenant holds no `@`, so no two pairs have one key.
        let tenant = tenant.map_or("", Tenant::as_str);
        format!("{}{kind}:{tenant}@{name}", self.prefix)
    }
}
