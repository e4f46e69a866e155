//! Wire names: how they follow from Rust names, and what they may look like.

#[cfg(test)]
mod tests;

use syn::{Ident, ext::IdentExt};

/// The same limit as `es_core::limits::MAX_EVENT_TYPE_BYTES`; a test compares the two.
const MAX_EVENT_TYPE_BYTES: usize = 128;

/// What `es_core::limits::MAX_TAG_BYTES` leaves when the colon and one byte of value are
/// taken off.
const MAX_TAG_NAME_BYTES: usize = 254;

/// An identifier in snake_case: `MoneyDeposited` as `money_deposited`, `SKUAdded` as
/// `sku_added`.
pub(crate) fn snake_case(ident: &Ident) -> String {
    let text: Vec<char> = ident.unraw().to_string().chars().collect();
    let mut snake = String::with_capacity(text.len() + 4);
    for (at, &c) in text.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| text.get(at));
        let after = text.get(at + 1);
        // A word begins at a capital behind a small letter or a digit, and at the last
        // capital of a run that a small letter follows: the A of `SKUAdded`.
        let begins = c.is_uppercase()
            && before.is_some_and(|before| {
                before.is_lowercase()
                    || before.is_numeric()
                    || (before.is_uppercase() && after.is_some_and(|after| after.is_lowercase()))
            });
        if begins {
            snake.push('_');
        }
        snake.extend(c.to_lowercase());
    }
    snake
}

/// The prefix that an enum gives its events when it names none: `AccountEvent` gives
/// `account`.
pub(crate) fn default_prefix(ident: &Ident) -> String {
    let snake = snake_case(ident);
    ["_events", "_event"]
        .iter()
        .find_map(|end| snake.strip_suffix(end))
        .filter(|rest| !rest.is_empty())
        .map_or_else(|| snake.clone(), str::to_owned)
}

/// Checks the wire name of an event; says what is wrong and what to do.
pub(crate) fn check_event_type(name: &str) -> Result<(), String> {
    let what = "an event's name";
    check_length(what, name, MAX_EVENT_TYPE_BYTES)?;
    check_first(what, name)?;
    check_characters(what, name)
}

/// Checks what stands before the dot of a wire name.
pub(crate) fn check_prefix(prefix: &str) -> Result<(), String> {
    if let Some(rest) = prefix.strip_suffix('.') {
        return Err(format!(
            "the dot between the prefix and the name is put there anyway: write `prefix = \"{rest}\"`"
        ));
    }
    let what = "a prefix";
    check_length(what, prefix, MAX_EVENT_TYPE_BYTES)?;
    check_first(what, prefix)?;
    check_characters(what, prefix)
}

/// Checks the name of a tag.
pub(crate) fn check_tag_name(name: &str) -> Result<(), String> {
    let what = "a tag's name";
    check_length(what, name, MAX_TAG_NAME_BYTES)?;
    check_characters(what, name)
}

fn check_length(what: &str, text: &str, max: usize) -> Result<(), String> {
    match text.len() {
        0 => Err(format!("{what} may not be empty: leave it out instead")),
        len if len > max => Err(format!("{what} has room for {max} bytes, and this has {len}")),
        _ => Ok(()),
    }
}

fn check_first(what: &str, text: &str) -> Result<(), String> {
    match text.chars().next() {
        Some(first @ ('-' | '.')) => Err(format!(
            "{what} begins with a letter, a digit or `_`, and `{text}` begins with `{first}`"
        )),
        _ => Ok(()),
    }
}

fn check_characters(what: &str, text: &str) -> Result<(), String> {
    let wrong = |c: &char| !(c.is_alphanumeric() || "_-.".contains(*c));
    match text.chars().find(wrong) {
        None => Ok(()),
        Some(found) => Err(format!(
            "{what} is made of letters, digits, `_`, `-` and `.`, and `{text}` has `{}`",
            found.escape_debug()
        )),
    }
}
