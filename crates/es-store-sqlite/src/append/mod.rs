//! Appending: a queue, one thread that writes, one transaction for all that wait; and callers that
//! are alone, who write for themselves.

mod ahead;
mod decide;
mod desk;
mod insert;
mod inside;
mod observe;
mod pen;
mod queue;
mod repeat;
mod streams;
mod writer;

pub(crate) use ahead::look;
pub(crate) use desk::{Attempt, Desk};
pub(crate) use inside::{check_open, inside};
pub(crate) use observe::QueueGauge;
pub(crate) use pen::Pen;
pub(crate) use queue::{Command, Pending, too_late};
pub(crate) use writer::run;
