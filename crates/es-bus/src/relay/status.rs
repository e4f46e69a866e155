//! What can be seen of a relay.

use es_core::Position;
use tokio::time::Instant;

/// What a relay is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RelayState {
    /// It claims its checkpoint and opens its transports.
    #[default]
    Starting,
    /// Another relay of the same name is active; this one takes over when that stops or falls
    /// silent.
    Standby,
    /// It publishes.
    Active,
    /// Something is out of reach; it tries again.
    Retrying,
    /// Another relay of the same name has taken over, and there is no lease to wait for.
    Fenced,
    /// Something failed that cannot heal by itself; see [`RelayStatus::last_error`].
    Failed,
    /// It was stopped.
    Stopped,
}

/// What a relay has done since it was started, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RelayStatus {
    /// What it is doing.
    pub state: RelayState,
    /// Its epoch; 0 before the first claim.
    pub epoch: u64,
    /// Everything up to here has been published or parked, and that is saved.
    pub position: Position,
    /// Where the log ended when it last looked.
    pub head: Position,
    /// Everything up to here has been consumed by everyone, and that is saved; the start of
    /// the log where no transport tells.
    pub consumed: Position,
    /// Events that were handed to transports, each once per transport.
    pub published: u64,
    /// Streams that wait behind an event that a transport refused.
    pub parked_streams: usize,
    /// How often something failed and was tried again.
    pub retries: u64,
    /// How often a transport had lost what it had, and was given it again.
    pub rewinds: u64,
    /// The last error, with what it came from.
    pub last_error: Option<String>,
    /// When its position moved last, or it was started.
    pub(super) moved_at: Instant,
}

impl RelayState {
    /// Whether it does nothing any more, and never will.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Fenced | Self::Failed | Self::Stopped)
    }
}

impl RelayStatus {
    pub(super) fn new() -> Self {
        Self {
            state: RelayState::Starting,
            epoch: 0,
            position: Position::START,
            head: Position::START,
            consumed: Position::START,
            published: 0,
            parked_streams: 0,
            retries: 0,
            rewinds: 0,
            last_error: None,
            moved_at: Instant::now(),
        }
    }

    /// How many places of the log it is behind, as far as it has looked.
    #[must_use]
    pub const fn lag(&self) -> u64 {
        self.head.get().saturating_sub(self.position.get())
    }
}
