//! An error and what caused it.

use std::{
    error::Error as StdError,
    fmt::Write as _,
    iter::successors,
    panic::{AssertUnwindSafe, catch_unwind},
};

use super::panic_text;

/// The error, what caused it, what caused that, and so on.
///
/// ```
/// use es_core::{Error, ErrorKind, causes};
///
/// let error = Error::new(ErrorKind::Unavailable, "no connection").with_source("no route");
/// let told: Vec<_> = causes(&error).map(|error| error.to_string()).collect();
/// assert_eq!(told, ["no connection", "no route"]);
/// ```
pub fn causes<'e>(
    error: &'e (dyn StdError + 'static),
) -> impl Iterator<Item = &'e (dyn StdError + 'static)> {
    successors(Some(error), |&error| error.source())
}

/// The error and its causes in one line.
///
/// The errors of handlers are others' code: one that panics when it is written down does not end
/// whoever asks.
///
/// ```
/// use es_core::{Error, ErrorKind, with_causes};
///
/// let error = Error::new(ErrorKind::Unavailable, "no connection").with_source("no route");
/// assert_eq!(with_causes(&error), "no connection: no route");
/// ```
#[must_use]
pub fn with_causes(error: &(dyn StdError + 'static)) -> String {
    let writing = AssertUnwindSafe(|| {
        let mut text = error.to_string();
        for cause in causes(error).skip(1) {
            // Writing to a string cannot fail.
            let _ = write!(text, ": {cause}");
        }
        text
    });
    catch_unwind(writing).unwrap_or_else(|panic| {
        format!("an error that cannot be written down: it panicked: {}", panic_text(&*panic))
    })
}
