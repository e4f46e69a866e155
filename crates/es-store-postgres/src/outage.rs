//! Whether what a handler failed with was an outage: for those who judge errors, and know the
//! driver by nothing but this crate.

use std::{error::Error as StdError, io};

use es_core::{Error, ErrorKind};

use crate::error::{in_handler, is_cut};

/// Whether an error says that PostgreSQL, or what else a handler needs, was out of reach, so that
/// the event is not to blame: for `Retry::with_outage` of the bus and `Policy::with_temporary` of
/// a reactor, in whose handlers the driver's own errors come up.
///
/// The first error of a known kind in the chain of causes decides: one of the driver about a
/// connection that was refused, cut or closed, or a server that starts, stops or has run out of
/// room; an [`es_core::Error`] that is `Unavailable` or `OutcomeUnknown`; an [`std::io::Error`] of
/// a connection or a time-out. What a statement did wrong is none of these, nor is a lock that
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
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(verdict) = judged(error) {
            return verdict;
        }
        next = error.source();
    }
    false
}

fn judged(error: &(dyn StdError + 'static)) -> Option<bool> {
    if let Some(error) = error.downcast_ref::<Error>() {
        return Some(matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::OutcomeUnknown));
    }
    if let Some(error) = error.downcast_ref::<tokio_postgres::Error>() {
        return Some(is_cut(error) || in_handler(error) == Some(ErrorKind::Unavailable));
    }
    let error = error.downcast_ref::<io::Error>()?;
    Some(matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::NotConnected
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::TimedOut
            | io::ErrorKind::UnexpectedEof
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown
    ))
}
