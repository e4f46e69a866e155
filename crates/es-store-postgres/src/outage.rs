//! Whether what a handler failed with was an outage: for those who judge errors, and know the
//! driver by nothing but this crate.

use std::error::Error as StdError;

use es_core::{ErrorKind, causes, says_out_of_reach};

use crate::error::{in_handler, is_cut};

/// Whether an error says that PostgreSQL, or what else a handler needs, was out of reach, so that
/// the event is not to blame: for `Retry::with_outage` of the bus and `Policy::with_temporary` of
/// a reactor, in whose handlers the driver's own errors come up.
///
/// The first error of a known kind in the chain of causes decides: one of the driver about a
/// connection that was refused, cut or closed, or a server that starts, stops or has run out of
/// room; an [`es_core::Error`] that is `Unavailable` or `OutcomeUnknown`; an [`std::io::Error`] of
/// a connection, a network or a time-out. What a statement did wrong is none of these, nor is a lock that
/// another one has.
///
/// ```
/// use es_store_postgres::is_out_of_reach;
///
/// let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
/// assert!(is_out_of_reach(&refused));
/// ```
#[must_use]
pub fn is_out_of_reach(error: &(dyn StdError + 'static)) -> bool {
    causes(error).find_map(judged).unwrap_or(false)
}

fn judged(error: &(dyn StdError + 'static)) -> Option<bool> {
    match error.downcast_ref::<tokio_postgres::Error>() {
        Some(error) => Some(is_cut(error) || in_handler(error) == Some(ErrorKind::Unavailable)),
        None => says_out_of_reach(error),
    }
}
