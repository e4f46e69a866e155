//! Appends without the lock: behind the position that the writer believes to be the last.
//!
//! # Mechanism
//! One statement looks whether there is an event at that position, whether the log is the one that is
//! meant, and whether each stream is as its append expects; if so it inserts the events behind
//! it, else nothing. Who is wrong about the end of the log meets the unique index of the
//! positions. In both cases the same appends go the way with the lock, which tells what was
//! wrong; nothing is decided here but success.
//! # Why it is sound
//! *The statement has seen all of the log.* Whoever writes position `p + 1` here has seen the event
//! at `p` committed; whoever writes it with the lock has seen everything. So what sees `p` sees all
//! below it, and what goes behind `p` and is taken by the unique index stands where nobody else was:
//! what it saw was the whole log up to its own events. Positions are dense and in the order of
//! the commits, as with the lock, and an append cannot be refused or taken by an old view.
//! *It does not disturb the lock.* The statement locks the same table in a mode that only the
//! lock conflicts with. It waits for a transaction that holds the lock, and such a transaction
//! waits for it: behind the lock nothing changes.
//! *Sent into the void it does no harm.* Carried out late, after its reply was given up, it
//! depends on the log ending at `p`: once anything was written behind `p`, by the same appends sent
//! again as well, it does nothing.
//! # What it costs
//! Who is wrong pays for a round trip and, at the unique index, leaves a dead row. With several
//! writers on one log most would be, so that it is tried less and less often; see [`Odds`].
//! It needs plans that were made once and kept, so it is not for poolers of transactions, nor
//! for logs in partitions (whose indexes are of one partition each) or with tenants kept apart
//! (whose readers do not see all).

use std::sync::{Mutex, MutexGuard, PoisonError};

use deadpool_postgres::Object;
use es_core::{LogId, Position, Result};
use tokio_postgres::SimpleQueryMessage;

use super::batch::signed;
use crate::{
    ask::Sent,
    error::{from_driver, is_lost},
    names::{Layout, Names},
};

/// How a connection for appends is set up for all of them: each statement has to see what is
/// committed by then, whatever the session's default was.
const COMMITTED: &str = "SET default_transaction_isolation = 'read committed'; \
                         SHOW default_transaction_isolation";

/// The same for those without the lock, besides.
///
/// The tables may be tiny when a plan is made and large when it is used, so the plan must go by
/// the indexes; a table of one row it still reads as a whole, which costs so much by the
/// planner's rule for what is switched off that it would compile the plan.
const SET_UP: &str = "SET enable_seqscan = off; SET jit = off; \
                                 SET plan_cache_mode = force_generic_plan; ";

/// Makes a connection ready, and says whether it can append without the lock: each of its
/// statements has to see what is committed by then.
///
/// # Errors
/// `Unavailable` when the connection is gone.
pub(super) async fn set_up(client: &Object, log: LogId, odds: &Odds) -> Result<bool> {
    if odds.sent == Sent::ByText {
        // What is set would be another program's in a moment.
        return Ok(false);
    }
    let plans = if odds.is_allowed { SET_UP } else { "" };
    let said = match client.simple_query(&format!("{plans}{COMMITTED}")).await {
        Ok(said) => said,
        Err(error) if is_lost(&error) => return Err(from_driver(Some(log), error)),
        // The lock needs none of it.
        Err(_) => return Ok(false),
    };
    let isolation = said.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    Ok(odds.is_allowed && isolation == Some("read committed"))
}

/// What lines of SQL begin with that are only for events with tags.
const TAGGED: &str = "--tagged: ";

/// The statements, with the names of the tables in them.
#[derive(Debug)]
pub(crate) struct Lockless {
    pub(super) one: String,
    pub(super) one_tagged: String,
    pub(super) many: String,
    pub(super) many_tagged: String,
}

impl Lockless {
    pub(super) fn new(names: &Names) -> Self {
        let (one, many) = (include_str!("optimistic_one.sql"), include_str!("optimistic.sql"));
        let tagged = |text: &str| names.sql(&text.replace(TAGGED, ""));
        Self {
            one: names.sql(&one.replace("{tags}", "NULL")),
            one_tagged: tagged(&one.replace("{tags}", "string_to_array($17::text, E'\\n')")),
            many: names.sql(many),
            many_tagged: tagged(many),
        }
    }
}

/// Most calls that go by the lock before it is tried without once more.
const MOST: u32 = 63;

/// Whether it is worth while to append without the lock.
pub(crate) struct Odds {
    sent: Sent,
    /// Whether this store may at all.
    is_allowed: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// How many calls go by the lock after the next failure.
    span: u32,
    /// How many are still to do so.
    left: u32,
    /// Whether the last batch needed the lock for what it asks.
    is_passed_over: bool,
    /// Whether the connection cannot.
    is_off: bool,
}

impl Odds {
    pub(crate) fn of(sent: Sent, names: &Names) -> Self {
        let is_allowed = sent == Sent::ByName && names.layout() == Layout::default();
        Self { sent, is_allowed, state: Mutex::default() }
    }

    /// The position to append behind, if it is worth trying. `known` is the last one that was
    /// heard of.
    pub(super) fn behind(&self, known: Position) -> Option<i64> {
        let mut state = self.state();
        if !self.is_allowed || state.is_off || known == Position::START {
            return None;
        }
        if state.left > 0 {
            state.left -= 1;
            return None;
        }
        Some(signed(known.get()))
    }

    /// Whether the next call is likely to be taken without the lock.
    pub(super) fn are_good(&self) -> bool {
        let state = self.state();
        self.is_allowed && !state.is_off && !state.is_passed_over && state.span == 0
    }

    pub(super) fn won(&self) {
        let mut state = self.state();
        state.span /= 2;
        state.is_passed_over = false;
    }

    /// The batch cannot be decided without the lock, whatever its chances.
    pub(super) fn passed_over(&self) {
        self.state().is_passed_over = true;
    }

    pub(super) fn lost(&self) {
        let mut state = self.state();
        state.span = (state.span * 2 + 1).min(MOST);
        state.left = state.span;
    }

    /// The connection at hand can do it, or cannot.
    pub(super) fn set(&self, can: bool) {
        self.state().is_off = !can;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
