//! Appending: a queue, one thread that writes, one transaction for all that wait.

mod ahead;
mod decide;
mod insert;
mod inside;
mod observe;
mod queue;
mod repeat;
mod streams;
mod writer;

pub(crate) use ahead::look;
pub(crate) use inside::{check_open, inside};
pub(crate) use observe::QueueGauge;
pub(crate) use queue::{Command, Pending};
pub(crate) use writer::run;
