//! How a bus in process delivers.

use es_core::{Invalid, Result};

/// How a [`LocalBus`](crate::LocalBus) delivers, and how much it holds.
///
/// ```
/// use es_bus::{Delivery, LocalBus, LocalOptions, WhenFull};
///
/// let options = LocalOptions::default()
///     .with_queue(64)
///     .with_delivery(Delivery::InOrder)
///     .with_when_full(WhenFull::Busy);
/// let bus = LocalBus::with_options(options)?;
/// assert_eq!(bus.statistics().subscriptions.len(), 0);
/// # Ok::<(), es_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LocalOptions {
    /// How many events wait for a handler, at most, before its publishers have to; 1,024
    /// unless set.
    pub queue: usize,
    /// Whether handlers run beside each other; they do unless set.
    pub delivery: Delivery,
    /// What a publisher does when a queue is full; it waits unless set.
    pub when_full: WhenFull,
    /// How many dead letters each subscription keeps, at most; 10,000 unless set. One more
    /// displaces the oldest, which is counted and logged as an error.
    pub dead_letters: usize,
}

/// Whether the handlers of one event run beside each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Delivery {
    /// Each subscription has a queue and a task of its own: it is given events in the order
    /// in which they were published, beside all others, and a slow one holds up only itself
    /// until its queue is full.
    #[default]
    Concurrent,
    /// One queue and one task for all: the handlers of an event run one after the other, in
    /// the order in which they subscribed, before the next event's. One that is slow, or
    /// waits before another attempt, holds up all.
    InOrder,
}

/// What a publisher does when a queue is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WhenFull {
    /// It waits for room.
    #[default]
    Wait,
    /// It is answered `Busy`, and none of its events is published.
    Busy,
}

impl Default for LocalOptions {
    fn default() -> Self {
        Self {
            queue: 1_024,
            delivery: Delivery::default(),
            when_full: WhenFull::default(),
            dead_letters: 10_000,
        }
    }
}

impl LocalOptions {
    /// The same with room for so many events in each queue, from 1 to 1,000,000.
    #[must_use]
    pub const fn with_queue(mut self, events: usize) -> Self {
        self.queue = events;
        self
    }

    /// The same with another way to deliver.
    #[must_use]
    pub const fn with_delivery(mut self, delivery: Delivery) -> Self {
        self.delivery = delivery;
        self
    }

    /// The same with another answer to a full queue.
    #[must_use]
    pub const fn with_when_full(mut self, when_full: WhenFull) -> Self {
        self.when_full = when_full;
        self
    }

    /// The same with room for so many dead letters of each subscription; at least 1.
    #[must_use]
    pub const fn with_dead_letters(mut self, letters: usize) -> Self {
        self.dead_letters = letters;
        self
    }

    pub(super) fn check(&self) -> Result<()> {
        let setting = |setting, value: usize, remedy| Invalid::Setting {
            setting,
            value: value.to_string(),
            remedy,
        };
        if !(1..=1_000_000).contains(&self.queue) {
            let remedy = "use 1 to 1000000";
            return Err(setting("the room in a queue of the bus", self.queue, remedy).into());
        }
        if self.dead_letters == 0 {
            let remedy = "use 1 or more";
            return Err(setting("the room for dead letters", self.dead_letters, remedy).into());
        }
        Ok(())
    }
}
