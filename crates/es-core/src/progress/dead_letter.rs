//! Events that a subscriber could not handle: parked, listed, released.

use std::{
    fmt::{Debug, Display},
    sync::Arc,
};

use async_trait::async_trait;

use crate::{EventId, Position, Result, StreamId, SubscriberName, Timestamp};

/// An event that a subscriber could not handle, or a later one of the same stream that
/// waits behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeadLetter {
    /// Who could not handle it.
    pub subscriber: SubscriberName,
    /// Where it is in the log.
    pub position: Position,
    /// Which event it is.
    pub event: EventId,
    /// The stream that it belongs to; all later events of it wait as well.
    pub stream: StreamId,
    /// Why, with all causes; `None` for one that only waits behind another.
    pub cause: Option<String>,
    /// How often it was tried; 0 for one that only waits.
    pub attempts: u32,
    /// When it was parked.
    pub first_failed_at: Timestamp,
    /// When it failed last.
    pub last_failed_at: Timestamp,
}

impl DeadLetter {
    /// An event that waits behind another of its stream, not tried yet.
    #[must_use]
    pub fn waiting(
        subscriber: SubscriberName,
        position: Position,
        event: EventId,
        stream: StreamId,
    ) -> Self {
        let now = Timestamp::now();
        Self {
            subscriber,
            position,
            event,
            stream,
            cause: None,
            attempts: 0,
            first_failed_at: now,
            last_failed_at: now,
        }
    }

    /// The same after `attempts` tries, the last of which failed with `cause`.
    #[must_use]
    pub fn failed(mut self, cause: impl Into<String>, attempts: u32) -> Self {
        self.cause = Some(cause.into());
        self.attempts = attempts;
        self.last_failed_at = Timestamp::now();
        self
    }
}

/// The end of a dead letter.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Release {
    /// It was handled after all.
    Handled(Position),
    /// It is given up, for a reason that is kept beside it.
    Skipped(Position, String),
}

impl Release {
    /// Where the event is.
    #[must_use]
    pub const fn position(&self) -> Position {
        match self {
            Self::Handled(position) | Self::Skipped(position, _) => *position,
        }
    }
}

/// Keeps dead letters. Parking and releasing go through
/// [`Progress`](crate::Progress), so that they commit together with the checkpoint.
#[async_trait]
pub trait DeadLetterStore: Debug + Display + Send + Sync + 'static {
    /// The subscriber's dead letters behind `after`, by position, at most `limit`.
    ///
    /// # Errors
    /// `Unavailable` or `Fault`.
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    async fn dead_letters(
        &self,
        subscriber: &SubscriberName,
        after: Position,
        limit: usize,
    ) -> Result<Vec<DeadLetter>>;

    /// The streams that wait, each with the position of its first dead letter.
    ///
    /// # Errors
    /// `Unavailable` or `Fault`.
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    async fn parked_streams(
        &self,
        subscriber: &SubscriberName,
    ) -> Result<Vec<(StreamId, Position)>>;

    /// What was given up, with the reasons, by position, at most `limit`.
    ///
    /// # Errors
    /// `Unavailable` or `Fault`.
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    async fn skipped(
        &self,
        subscriber: &SubscriberName,
        after: Position,
        limit: usize,
    ) -> Result<Vec<(DeadLetter, String)>>;
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<T: DeadLetterStore + ?Sized> DeadLetterStore for Arc<T> {
    async fn dead_letters(
        &self,
        subscriber: &SubscriberName,
        after: Position,
        limit: usize,
    ) -> Result<Vec<DeadLetter>> {
        (**self).dead_letters(subscriber, after, limit).await
    }

    async fn parked_streams(
        &self,
        subscriber: &SubscriberName,
    ) -> Result<Vec<(StreamId, Position)>> {
        (**self).parked_streams(subscriber).await
    }

    async fn skipped(
        &self,
        subscriber: &SubscriberName,
        after: Position,
        limit: usize,
    ) -> Result<Vec<(DeadLetter, String)>> {
        (**self).skipped(subscriber, after, limit).await
    }
}
