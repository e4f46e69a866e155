//! The connections that appends are sent on: two at most, kept, and lent to one call each.
//!
//! *Hazard.* A lone caller sends for itself, and holds its place for as long as its future is not
//! polled, while others wait. *Mechanism.* After a moment they get a second place, whatever the
//! number of connections. *Why it is sound.* What was sent is carried out and lets go of the lock,
//! whether anybody takes the reply or not.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use deadpool_postgres::Object;
use tokio::sync::Notify;

/// A connection that is kept, while it works.
pub(super) type Connection = Option<Object>;

/// How many connections there must be for two of them to append: readers need some as well,
/// and what is kept here is never given back.
const FOR_TWO: usize = 4;
/// How long a lone caller may have its place before others no longer wait for it.
const STALLED: Duration = Duration::from_millis(100);

/// The places for connections that are not in use.
pub(crate) struct Slots {
    /// How many calls may be in flight.
    most: usize,
    state: Mutex<State>,
    returned: Notify,
}

#[derive(Default)]
struct State {
    idle: Vec<Connection>,
    lent: usize,
    /// Since when a caller that sends for itself has had a place.
    alone: Option<Instant>,
    /// How many appends the last call had, and how many wait.
    last: usize,
    waiting: usize,
}

/// A place that is lent; dropping it gives it back, also when a call is given up: whoever
/// has it next speaks behind that call, in the order of the connection.
pub(super) struct Slot<'s> {
    slots: &'s Slots,
    pub(super) connection: Connection,
    is_alone: bool,
}

impl Slots {
    /// Places out of so many connections.
    pub(crate) fn of(connections: usize) -> Self {
        let most = if connections >= FOR_TWO { 2 } else { 1 };
        Self { most, state: Mutex::default(), returned: Notify::new() }
    }

    /// A place for a caller who is alone: nobody else sends or waits, and nobody did just
    /// now, whose companions might come back.
    pub(super) fn alone(&self) -> Option<Slot<'_>> {
        let mut state = self.state();
        if state.lent > 0 || state.waiting > 0 || state.last > 1 {
            return None;
        }
        state.last = 1;
        state.alone = Some(Instant::now());
        let mut slot = self.lend(&mut state);
        slot.is_alone = true;
        Some(slot)
    }

    /// A place for a batch, if `waiting` appends deserve one: the second only for many, or where
    /// the first is not given back.
    pub(super) fn for_batch(&self, waiting: usize, second: usize) -> Option<Slot<'_>> {
        let mut state = self.state();
        match state.lent {
            0 => Some(self.lend(&mut state)),
            lent if lent < self.most && waiting >= second => Some(self.lend(&mut state)),
            1 if state.alone.is_some_and(|since| since.elapsed() >= STALLED) => {
                Some(self.lend(&mut state))
            }
            _ => None,
        }
    }

    /// Notes an append that waits.
    pub(super) fn wait(&self) {
        self.state().waiting += 1;
    }

    /// Notes that a batch was taken from those who wait, and how many came with it.
    pub(super) fn took(&self, taken: usize, sent: usize) {
        let mut state = self.state();
        state.waiting = state.waiting.saturating_sub(taken);
        state.last = sent;
    }

    /// Whether one call is all that is in flight.
    pub(super) fn is_only_one(&self) -> bool {
        self.state().lent == 1
    }

    pub(super) fn last(&self) -> usize {
        self.state().last
    }

    /// Waits until a place is given back, which may be one that was given back before, or until
    /// nobody is to wait for that any longer.
    pub(super) async fn returned(&self) {
        let stalls = {
            let state = self.state();
            state.alone.filter(|_| state.lent == 1).and_then(|since| since.checked_add(STALLED))
        };
        let returned = self.returned.notified();
        match stalls {
            Some(moment) => drop(tokio::time::timeout_at(moment.into(), returned).await),
            None => returned.await,
        }
    }

    fn lend(&self, state: &mut State) -> Slot<'_> {
        state.lent += 1;
        Slot { slots: self, connection: state.idle.pop().flatten(), is_alone: false }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slots {
    /// They are set up for appends: whoever else uses the pool must not get them.
    fn drop(&mut self) {
        let idle = std::mem::take(&mut self.state().idle);
        idle.into_iter().flatten().for_each(|client| drop(Object::take(client)));
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        let mut state = self.slots.state();
        state.lent -= 1;
        if self.is_alone {
            state.alone = None;
        }
        let connection = self.connection.take();
        if state.lent + state.idle.len() < self.slots.most {
            state.idle.push(connection);
        } else {
            // One more than are kept; it is set up for appends, and so not for the pool.
            drop(connection.map(Object::take));
        }
        drop(state);
        self.slots.returned.notify_one();
    }
}
