//! What a subscriber is doing, how far it is behind, and whether that is well.

mod health;
mod kept;
mod rate;
mod whole;

use std::{fmt, time::Duration};

use es_core::{Owner, Position, SubscriberName, Timestamp};

use crate::Slice;

pub use es_core::Health;
pub(crate) use health::health_of;
pub(crate) use kept::{Kept, Who};
pub(crate) use rate::Rate;

/// What a subscriber is doing, how far it is behind, and whether that is well (P4).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Status {
    /// What people call it.
    pub name: String,
    /// Its version.
    pub version: u32,
    /// The name that its progress is kept under.
    pub subscriber: SubscriberName,
    /// Which slice it is, if it is one.
    pub slice: Option<Slice>,
    /// What it is doing; of a whole in slices, the worst of what they do.
    pub state: State,
    /// Everything up to here is handled, parked, or none of its business.
    pub position: Position,
    /// Where the log ends; `None` when the log could not be asked.
    pub head: Option<Position>,
    /// How far it is behind; `None` when the log could not be asked, which is not the same
    /// as not being behind.
    pub lag: Option<Lag>,
    /// When it last showed a sign of life to other processes; of a whole in slices, the
    /// longest ago of those.
    pub alive_at: Option<Timestamp>,
    /// Events that it handles in a second, over the last seconds; zero for what another
    /// process does.
    pub rate: f64,
    /// Events that it has handled since it was started; in this process.
    pub handled: u64,
    /// Events that are parked.
    pub parked: u64,
    /// Streams that wait because of that.
    pub parked_streams: u64,
    /// Who works on it; `None` when nobody does, or several on its slices.
    pub owner: Option<Owner>,
    /// The epoch that the owner holds; of a whole in slices, the highest.
    pub epoch: u64,
    /// What went wrong last; of what another process does, why the last event was parked.
    pub last_error: Option<Trouble>,
    /// Whether all is well.
    pub health: Health,
    /// Its slices, if it is in slices.
    pub slices: Vec<Self>,
}

/// What a subscriber is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// It claims its checkpoint.
    Starting,
    /// Another owner is at work, or nobody, and it waits for its turn. What else the status
    /// says is about the one at work.
    Standby,
    /// It works on what is in the log already.
    CatchingUp,
    /// It has everything, and handles what comes when it comes.
    Live,
    /// It was asked to wait.
    Paused,
    /// It was asked to stop, or was never started.
    Stopped,
    /// Another owner has taken over. It stays as it is until it is started again.
    Fenced,
    /// It met something that trying again does not mend, and has stopped.
    Failed,
}

impl State {
    /// Whether nobody works, and nobody will without being asked to.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Stopped | Self::Fenced | Self::Failed)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Starting => "starting",
            Self::Standby => "standing by",
            Self::CatchingUp => "catching up",
            Self::Live => "live",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
            Self::Fenced => "fenced",
            Self::Failed => "failed",
        })
    }
}

/// How far a subscriber is behind the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lag {
    /// Places of the log that it has not looked at. Not all of them need hold an event that
    /// it wants.
    pub events: u64,
    /// How old the first event is that it wants and has not handled; zero when there is
    /// none.
    pub time: Duration,
}

impl Lag {
    pub(crate) const fn new(events: u64, time: Duration) -> Self {
        Self { events, time }
    }
}

/// Something that went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Trouble {
    /// What it was, with all causes.
    pub message: String,
    /// When it was noticed.
    pub at: Timestamp,
}

impl Trouble {
    pub(crate) const fn new(message: String, at: Timestamp) -> Self {
        Self { message, at }
    }
}
