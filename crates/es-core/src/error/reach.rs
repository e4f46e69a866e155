//! Whether an error says that something was out of reach.

use std::{error::Error as StdError, io};

use super::{Error, ErrorKind, causes};

/// Whether an error says that something could not be reached, and nothing of what was asked of it:
/// for those who judge the errors of handlers, which wrap others' errors.
///
/// The first of these in the chain of causes decides: an [`Error`], which does if it is
/// `Unavailable` or `OutcomeUnknown`, and an [`std::io::Error`], which does if it is of a
/// connection, a network or a time-out. Where there is none of them, nothing is said.
///
/// ```
/// use std::io;
///
/// use es_core::{Error, is_out_of_reach};
///
/// let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
/// assert!(is_out_of_reach(&refused()));
/// // An error of ours says itself what it is, whatever it came from.
/// assert!(!is_out_of_reach(&Error::fault("it cannot be written", refused())));
/// ```
#[must_use]
pub fn is_out_of_reach(error: &(dyn StdError + 'static)) -> bool {
    causes(error).find_map(says_out_of_reach).unwrap_or(false)
}

/// What one error says of that, without its causes; `None` for a kind that is not known. For
/// judges that know further kinds, such as those of a driver.
#[doc(hidden)]
#[must_use]
pub fn says_out_of_reach(error: &(dyn StdError + 'static)) -> Option<bool> {
    use io::ErrorKind as Io;
    if let Some(error) = error.downcast_ref::<Error>() {
        return Some(matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::OutcomeUnknown));
    }
    let error = error.downcast_ref::<io::Error>()?;
    Some(matches!(
        error.kind(),
        Io::ConnectionRefused
            | Io::ConnectionReset
            | Io::ConnectionAborted
            | Io::NotConnected
            | Io::BrokenPipe
            | Io::TimedOut
            | Io::UnexpectedEof
            | Io::HostUnreachable
            | Io::NetworkUnreachable
            | Io::NetworkDown
    ))
}
