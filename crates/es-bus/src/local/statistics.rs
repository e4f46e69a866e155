//! What can be counted on a bus in process.

use es_core::SubscriberName;

/// What a [`LocalBus`](crate::LocalBus) has done since it was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BusStatistics {
    /// Events that were published.
    pub published: u64,
    /// Of these, events that no subscription was about.
    pub unmatched: u64,
    /// Each subscription, in the order in which they came.
    pub subscriptions: Vec<SubscriptionStatistics>,
}

/// What one subscription of a [`LocalBus`](crate::LocalBus) has done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SubscriptionStatistics {
    /// Its name.
    pub subscription: SubscriberName,
    /// Events that wait in its queue now, or in the queue of the whole bus with
    /// [`Delivery::InOrder`](crate::Delivery).
    pub queued: usize,
    /// Events that were handled.
    pub handled: u64,
    /// Attempts that failed and were followed by another.
    pub retries: u64,
    /// Events that became dead letters, those that wait behind another included.
    pub dead_letters: u64,
    /// Of these, how many are kept now.
    pub dead_letters_kept: usize,
    /// Of these, how many are lost, because there was no room for more.
    pub dead_letters_displaced: u64,
    /// Streams whose later events wait behind a dead letter.
    pub parked_streams: usize,
    /// Events that were queued and not handled, because the subscription or the bus ended.
    pub undelivered: u64,
}
