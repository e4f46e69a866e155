//! What was looked at, and what follows for the process as a whole.

use std::time::Duration;

use serde::{Serialize, Serializer, ser::SerializeStruct};

use super::Health;
use crate::Position;

/// What was found when one thing was looked at: a log, a projection.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Check {
    /// What was looked at.
    pub name: String,
    /// Whether it is well.
    pub health: Health,
    /// Whether it is at an end in this process, so that only a new start brings it back.
    /// What is out of reach is not dead: a new start would not bring it nearer.
    pub is_dead: bool,
    /// How far it has got, or where it ends.
    pub position: Option<Position>,
    /// Places of the log that it has not looked at; `None` when that is not known, or makes
    /// no sense.
    pub lag: Option<u64>,
    /// The age of the first event that it wants and has not handled; `None` likewise.
    pub lag_time: Option<Duration>,
    /// Events that are parked.
    pub parked: Option<u64>,
}

/// Whether the process is alive, and whether it can do its work: the answers to the two
/// questions that an orchestrator asks.
///
/// It is *alive* unless a part of it is at an end that only a new start changes. It is
/// *ready* when something was looked at and nothing is unhealthy. A log that cannot be reached
/// makes it not ready; it stays alive, because starting it again would not help.
///
/// ```
/// use es_core::{Check, Health, HealthReport};
///
/// let log = Check::new("log", Health::Healthy);
/// let orders = Check::new("orders-v1", Health::Unhealthy("stuck at 7".to_owned()));
/// let report = HealthReport::new(vec![log, orders]);
/// assert!(report.is_live() && !report.is_ready());
/// assert_eq!(report.status(), 503);
/// assert!(serde_json::to_string(&report)?.contains(r#""reason":"stuck at 7""#));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct HealthReport {
    /// What was looked at.
    pub checks: Vec<Check>,
}

impl Check {
    /// What was found, and nothing else that is known.
    #[must_use]
    pub fn new(name: impl Into<String>, health: Health) -> Self {
        let (position, lag, lag_time, parked) = (None, None, None, None);
        Self { name: name.into(), health, is_dead: false, position, lag, lag_time, parked }
    }
}

impl HealthReport {
    /// A report of these.
    #[must_use]
    pub const fn new(checks: Vec<Check>) -> Self {
        Self { checks }
    }

    /// Adds what else was looked at.
    #[must_use]
    pub fn with(mut self, checks: impl IntoIterator<Item = Check>) -> Self {
        self.checks.extend(checks);
        self
    }

    /// Whether a new start would change nothing.
    #[must_use]
    pub fn is_live(&self) -> bool {
        !self.checks.iter().any(|check| check.is_dead)
    }

    /// Whether it can do its work. A report of nothing is not ready: nobody has looked.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let is_well = |check: &Check| !check.is_dead && !check.health.is_unhealthy();
        !self.checks.is_empty() && self.checks.iter().all(is_well)
    }

    /// The status of HTTP that answers whether it is ready: 200 or 503.
    #[must_use]
    pub fn status(&self) -> u16 {
        if self.is_ready() { 200 } else { 503 }
    }
}

impl Serialize for HealthReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("HealthReport", 3)?;
        fields.serialize_field("live", &self.is_live())?;
        fields.serialize_field("ready", &self.is_ready())?;
        fields.serialize_field("checks", &self.checks)?;
        fields.end()
    }
}

impl Serialize for Check {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Check", 8)?;
        fields.serialize_field("name", &self.name)?;
        fields.serialize_field("health", self.health.as_str())?;
        fields.serialize_field("reason", &self.health.reason())?;
        fields.serialize_field("dead", &self.is_dead)?;
        fields.serialize_field("position", &self.position.map(Position::get))?;
        fields.serialize_field("lag_events", &self.lag)?;
        fields.serialize_field("lag_seconds", &self.lag_time.map(|time| time.as_secs_f64()))?;
        fields.serialize_field("parked", &self.parked)?;
        fields.end()
    }
}
