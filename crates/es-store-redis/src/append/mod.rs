//! Appending: what the script is given, what it answers, and what becomes of lost replies.
//!
//! *Group commit.* Appends of any number of tasks follow each other on one connection
//! without waiting: the server runs all that have arrived in one turn, syncs its file once
//! behind them, and answers each. No queue of ours gathers them, so a lone caller waits for
//! nobody.

mod answer;
mod call;
mod repeat;
mod settle;

pub(crate) use settle::{Appender, too_late};
