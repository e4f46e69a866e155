//! Appending: a queue, one task that sends batches, and what becomes of lost replies.

mod answer;
mod batch;
mod call;
mod entry;
mod inside;
mod one;
mod optimistic;
mod queue;
mod repeat;
mod sender;
mod slots;

pub(crate) use batch::signed;
pub(crate) use inside::{append_in, lock_in};
pub(crate) use optimistic::Odds;
pub(crate) use queue::{Looked, Pending, too_late};
pub(crate) use sender::{Sender, Statements};
pub(crate) use slots::Slots;
