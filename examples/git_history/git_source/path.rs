//! Paths as text: git's are bytes, and ours name streams.

use std::fmt::Write;

use uuid::Uuid;

/// The path, or of one with more than `max` bytes the start and a hash, which is no other
/// path's text: in those a number follows each `%`. There must be room for the hash.
#[must_use]
pub fn shortened(path: &str, max: usize) -> String {
    if path.len() <= max {
        return path.to_owned();
    }
    let hash = Uuid::new_v5(&Uuid::NAMESPACE_URL, path.as_bytes());
    let end = format!("%-{hash}");
    let fits = |at: &usize| path.is_char_boundary(*at);
    let start = (0..=max.saturating_sub(end.len())).rev().find(fits);
    format!("{}{end}", &path[..start.unwrap_or(0)])
}

/// The path as text, from which it could be read back: control characters, `%`, white
/// space other than inner spaces, and what is not UTF-8 stand as `%XX`.
pub(crate) fn encoded(path: &[u8]) -> String {
    let mut text = String::with_capacity(path.len());
    for chunk in path.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c == '%' || c.is_control() || (c.is_whitespace() && c != ' ') {
                escape(&mut text, c.encode_utf8(&mut [0; 4]).as_bytes());
            } else {
                text.push(c);
            }
        }
        escape(&mut text, chunk.invalid());
    }
    // No other character can stand at an end and be white space.
    if text.starts_with(' ') {
        text.replace_range(..1, "%20");
    }
    if text.ends_with(' ') {
        text.replace_range(text.len() - 1.., "%20");
    }
    text
}

fn escape(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(text, "%{byte:02X}");
    }
}
