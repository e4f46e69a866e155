//! What is known about an event besides the fact itself.

mod held;
mod written;

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use self::{
    held::{Held, Known, More},
    written::Written,
};
use super::Envelope;
use crate::{Tenant, Timestamp};

/// What is known about an event besides the fact itself: who, why, on behalf of what.
///
/// An append fills in what is missing: events that nothing caused are correlated by the
/// id of the first event of their append. A correlation lies inline and everything else
/// behind a pointer, because most events have nothing else.
///
/// ```
/// use es_core::Metadata;
///
/// let metadata = Metadata::new().with_actor("alice").with_extra("ip", "192.0.2.7");
/// assert_eq!(metadata.actor(), Some("alice"));
/// ```
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct Metadata(Held);

impl Metadata {
    /// Nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Held::NOTHING)
    }

    /// Metadata of something that `cause` brought about: the same correlation, caused by
    /// that event, within the same trace.
    #[must_use]
    pub fn caused_by(cause: &Envelope) -> Self {
        let theirs = &cause.metadata;
        let caused = Self::correlated_with(cause).with_causation_id(cause.id.as_uuid());
        match (theirs.traceparent(), theirs.tracestate()) {
            (Some(parent), Some(state)) => caused.with_trace(parent, Some(state)),
            (Some(parent), None) => caused.with_trace(parent, None),
            (None, _) => caused,
        }
    }

    /// Metadata of something that belongs together with `other` without being caused by it.
    #[must_use]
    pub fn correlated_with(other: &Envelope) -> Self {
        let correlation = other.metadata.correlation_id();
        Self::new().with_correlation_id(correlation.unwrap_or_else(|| other.id.as_uuid()))
    }

    /// What everything that one request set off has in common.
    #[must_use]
    pub fn correlation_id(&self) -> Option<Uuid> {
        not_nil(self.0.correlation())
    }

    /// The event or command that directly caused this event.
    #[must_use]
    pub fn causation_id(&self) -> Option<Uuid> {
        not_nil(self.0.causation())
    }

    /// Who did it.
    #[must_use]
    pub fn actor(&self) -> Option<&str> {
        self.0.more()?.actor.as_deref()
    }

    /// On whose behalf it was written, as the writer claimed; an append checks that it is
    /// the tenant of the stream. The tenant of a recorded event is its stream's.
    #[must_use]
    pub fn tenant(&self) -> Option<&Tenant> {
        self.0.more()?.tenant.as_ref()
    }

    /// The W3C trace context's `traceparent`.
    #[must_use]
    pub fn traceparent(&self) -> Option<&str> {
        self.0.more()?.traceparent.as_deref()
    }

    /// The W3C trace context's `tracestate`.
    #[must_use]
    pub fn tracestate(&self) -> Option<&str> {
        self.0.more()?.tracestate.as_deref()
    }

    /// When it happened in the world, where that differs from when it was recorded.
    #[must_use]
    pub fn occurred_at(&self) -> Option<Timestamp> {
        self.0.more()?.occurred_at
    }

    /// A value of the application's own.
    #[must_use]
    pub fn extra(&self, key: &str) -> Option<&Value> {
        self.0.more()?.extra.get(key)
    }

    /// All values of the application's own, by name.
    pub fn extras(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0
            .more()
            .into_iter()
            .flat_map(|more| &more.extra)
            .map(|(key, value)| (key.as_str(), value))
    }

    /// Sets the correlation; the nil UUID takes it away.
    #[must_use]
    pub fn with_correlation_id(self, id: Uuid) -> Self {
        Self(self.0.with_correlation(id))
    }

    /// Sets the cause; the nil UUID takes it away.
    #[must_use]
    pub fn with_causation_id(self, id: Uuid) -> Self {
        Self(self.0.with(|known| known.causation = id))
    }

    /// Says who did it.
    #[must_use]
    pub fn with_actor(self, actor: impl Into<String>) -> Self {
        self.with_more(|more| more.actor = Some(actor.into()))
    }

    /// Claims a tenant, which an append compares with that of the stream.
    #[must_use]
    pub fn with_tenant(self, tenant: Tenant) -> Self {
        self.with_more(|more| more.tenant = Some(tenant))
    }

    /// Keeps the W3C trace context within which the event was written.
    #[must_use]
    pub fn with_trace(self, parent: impl Into<String>, state: Option<&str>) -> Self {
        self.with_more(|more| {
            more.traceparent = Some(parent.into());
            more.tracestate = state.map(str::to_owned);
        })
    }

    /// Says when it happened in the world.
    #[must_use]
    pub fn with_occurred_at(self, at: impl Into<Timestamp>) -> Self {
        self.with_more(|more| more.occurred_at = Some(at.into()))
    }

    /// Adds a value of the application's own.
    #[must_use]
    pub fn with_extra(self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.with_more(|more| {
            more.extra.insert(key.into(), value.into());
        })
    }

    /// This metadata, with what it lacks taken from `defaults`.
    #[must_use]
    pub fn or(self, defaults: &Self) -> Self {
        Self(self.0.with(|known| {
            if known.correlation.is_nil() {
                known.correlation = defaults.0.correlation();
            }
            if known.causation.is_nil() {
                known.causation = defaults.0.causation();
            }
            if let Some(theirs) = defaults.0.more() {
                known.more_mut().fill_in(theirs);
            }
        }))
    }

    /// Whether there is nothing but the two ids, whose size is known.
    pub(crate) const fn is_small(&self) -> bool {
        self.0.more().is_none()
    }

    pub(crate) fn correlate(&mut self, id: Uuid) {
        if self.0.correlation().is_nil() {
            *self = std::mem::take(self).with_correlation_id(id);
        }
    }

    fn with_more(self, change: impl FnOnce(&mut More)) -> Self {
        Self(self.0.with(|known: &mut Known| change(known.more_mut())))
    }
}

impl More {
    /// Takes what is missing from `defaults`.
    fn fill_in(&mut self, defaults: &Self) {
        self.actor = self.actor.take().or_else(|| defaults.actor.clone());
        self.tenant = self.tenant.take().or_else(|| defaults.tenant.clone());
        if self.traceparent.is_none() {
            self.traceparent.clone_from(&defaults.traceparent);
            self.tracestate.clone_from(&defaults.tracestate);
        }
        self.occurred_at = self.occurred_at.or(defaults.occurred_at);
        for (key, value) in &defaults.extra {
            self.extra.entry(key.clone()).or_insert_with(|| value.clone());
        }
    }
}

impl Default for Metadata {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metadata")
            .field("correlation_id", &self.correlation_id())
            .field("causation_id", &self.causation_id())
            .field("more", &self.0.more())
            .finish()
    }
}

fn not_nil(id: Uuid) -> Option<Uuid> {
    (!id.is_nil()).then_some(id)
}
