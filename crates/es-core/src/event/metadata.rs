//! What is known about an event besides the fact itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::{NonNilUuid, Uuid};

use super::Envelope;
use crate::{Tenant, Timestamp};

/// What is known about an event besides the fact itself: who, why, on behalf of what.
///
/// An append fills in what is missing: events that nothing caused are correlated by the
/// id of the first event of their append. The two ids lie inline and everything else
/// behind one pointer, because most events have nothing else.
///
/// ```
/// use es_core::Metadata;
///
/// let metadata = Metadata::new().with_actor("alice").with_extra("ip", "192.0.2.7");
/// assert_eq!(metadata.actor(), Some("alice"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Flat", into = "Flat")]
pub struct Metadata {
    correlation_id: Option<NonNilUuid>,
    causation_id: Option<NonNilUuid>,
    more: Option<Box<More>>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct More {
    actor: Option<String>,
    tenant: Option<Tenant>,
    traceparent: Option<String>,
    tracestate: Option<String>,
    occurred_at: Option<Timestamp>,
    extra: BTreeMap<String, Value>,
}

impl Metadata {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Metadata of something that `cause` brought about: the same correlation, caused by
    /// that event, within the same trace.
    #[must_use]
    pub fn caused_by(cause: &Envelope) -> Self {
        let theirs = &cause.metadata;
        let caused = Self {
            correlation_id: theirs.correlation_id.or(NonNilUuid::new(cause.id.as_uuid())),
            causation_id: NonNilUuid::new(cause.id.as_uuid()),
            more: None,
        };
        match (theirs.traceparent(), theirs.tracestate()) {
            (Some(parent), Some(state)) => caused.with_trace(parent, Some(state)),
            (Some(parent), None) => caused.with_trace(parent, None),
            (None, _) => caused,
        }
    }

    /// Metadata of something that belongs together with `other` without being caused by it.
    #[must_use]
    pub fn correlated_with(other: &Envelope) -> Self {
        Self { causation_id: None, more: None, ..Self::caused_by(other) }
    }

    /// What everything that one request set off has in common.
    #[must_use]
    pub fn correlation_id(&self) -> Option<Uuid> {
        self.correlation_id.map(Uuid::from)
    }

    /// The event or command that directly caused this event.
    #[must_use]
    pub fn causation_id(&self) -> Option<Uuid> {
        self.causation_id.map(Uuid::from)
    }

    /// Who did it.
    #[must_use]
    pub fn actor(&self) -> Option<&str> {
        self.more.as_ref()?.actor.as_deref()
    }

    /// On whose behalf it was written, as the writer claimed; an append checks that it is
    /// the tenant of the stream. The tenant of a recorded event is its stream's.
    #[must_use]
    pub fn tenant(&self) -> Option<&Tenant> {
        self.more.as_ref()?.tenant.as_ref()
    }

    /// The W3C trace context's `traceparent`.
    #[must_use]
    pub fn traceparent(&self) -> Option<&str> {
        self.more.as_ref()?.traceparent.as_deref()
    }

    /// The W3C trace context's `tracestate`.
    #[must_use]
    pub fn tracestate(&self) -> Option<&str> {
        self.more.as_ref()?.tracestate.as_deref()
    }

    /// When it happened in the world, where that differs from when it was recorded.
    #[must_use]
    pub fn occurred_at(&self) -> Option<Timestamp> {
        self.more.as_ref()?.occurred_at
    }

    /// A value of the application's own.
    #[must_use]
    pub fn extra(&self, key: &str) -> Option<&Value> {
        self.more.as_ref()?.extra.get(key)
    }

    /// All values of the application's own, by name.
    pub fn extras(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.more.iter().flat_map(|more| &more.extra).map(|(key, value)| (key.as_str(), value))
    }

    /// Sets the correlation; the nil UUID takes it away.
    #[must_use]
    pub fn with_correlation_id(mut self, id: Uuid) -> Self {
        self.correlation_id = NonNilUuid::new(id);
        self
    }

    /// Sets the cause; the nil UUID takes it away.
    #[must_use]
    pub fn with_causation_id(mut self, id: Uuid) -> Self {
        self.causation_id = NonNilUuid::new(id);
        self
    }

    /// Says who did it.
    #[must_use]
    pub fn with_actor(mut self, actor: impl Into<String>) -> Self {
        self.more().actor = Some(actor.into());
        self
    }

    /// Claims a tenant, which an append compares with that of the stream.
    #[must_use]
    pub fn with_tenant(mut self, tenant: Tenant) -> Self {
        self.more().tenant = Some(tenant);
        self
    }

    /// Keeps the W3C trace context within which the event was written.
    #[must_use]
    pub fn with_trace(mut self, parent: impl Into<String>, state: Option<&str>) -> Self {
        let more = self.more();
        more.traceparent = Some(parent.into());
        more.tracestate = state.map(str::to_owned);
        self
    }

    /// Says when it happened in the world.
    #[must_use]
    pub fn with_occurred_at(mut self, at: impl Into<Timestamp>) -> Self {
        self.more().occurred_at = Some(at.into());
        self
    }

    /// Adds a value of the application's own.
    #[must_use]
    pub fn with_extra(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.more().extra.insert(key.into(), value.into());
        self
    }

    /// This metadata, with what it lacks taken from `defaults`.
    #[must_use]
    pub fn or(mut self, defaults: &Self) -> Self {
        self.correlation_id = self.correlation_id.or(defaults.correlation_id);
        self.causation_id = self.causation_id.or(defaults.causation_id);
        if let Some(theirs) = &defaults.more {
            let own = self.more();
            own.actor = own.actor.take().or_else(|| theirs.actor.clone());
            own.tenant = own.tenant.take().or_else(|| theirs.tenant.clone());
            if own.traceparent.is_none() {
                own.traceparent.clone_from(&theirs.traceparent);
                own.tracestate.clone_from(&theirs.tracestate);
            }
            own.occurred_at = own.occurred_at.or(theirs.occurred_at);
            for (key, value) in &theirs.extra {
                own.extra.entry(key.clone()).or_insert_with(|| value.clone());
            }
        }
        self
    }

    /// Whether there is more than the two ids, whose size is known.
    pub(crate) const fn is_small(&self) -> bool {
        self.more.is_none()
    }

    pub(crate) fn correlate(&mut self, id: Uuid) {
        if self.correlation_id.is_none() {
            self.correlation_id = NonNilUuid::new(id);
        }
    }

    fn more(&mut self) -> &mut More {
        self.more.get_or_insert_default()
    }
}

/// The written form: what is not there is left out.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Flat {
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    causation_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<Tenant>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tracestate: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    occurred_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    extra: BTreeMap<String, Value>,
}

impl From<Metadata> for Flat {
    fn from(metadata: Metadata) -> Self {
        let more = metadata.more.map_or_else(More::default, |more| *more);
        let More { actor, tenant, traceparent, tracestate, occurred_at, extra } = more;
        Self {
            correlation_id: metadata.correlation_id.map(Uuid::from),
            causation_id: metadata.causation_id.map(Uuid::from),
            actor,
            tenant,
            traceparent,
            tracestate,
            occurred_at,
            extra,
        }
    }
}

impl From<Flat> for Metadata {
    fn from(flat: Flat) -> Self {
        let Flat { actor, tenant, traceparent, tracestate, occurred_at, extra, .. } = flat;
        let more = More { actor, tenant, traceparent, tracestate, occurred_at, extra };
        Self {
            correlation_id: flat.correlation_id.and_then(NonNilUuid::new),
            causation_id: flat.causation_id.and_then(NonNilUuid::new),
            more: (more != More::default()).then(|| Box::new(more)),
        }
    }
}
