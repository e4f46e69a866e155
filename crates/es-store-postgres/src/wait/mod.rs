//! Waking those who wait: what this store appends is published at once, what others append
//! is told by a notification, and underneath everyone looks for themselves.

mod listen;
mod notify;

pub(crate) use listen::listen;
pub(crate) use notify::{Heard, notify};
