//! What a panic said.

use std::any::Any;

/// What a panic said, as whoever caught it has it: the text of `panic!`, or `no text` where the
/// panic carried something else.
///
/// ```
/// let panic = std::panic::catch_unwind(|| panic!("at {}", 7)).unwrap_err();
/// assert_eq!(es_core::panic_text(&*panic), "at 7");
/// ```
#[must_use]
pub fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&'static str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no text")
}
