//! The dummies that a walk answers with. Where one is refused the next is tried.

/// Texts by the form that they have; the first has none. A text that must have a form is
/// named after the first that is taken.
pub(super) const TEXTS: [(&str, &str); 17] = [
    ("string", "a"),
    ("string:uuid", "00000000-0000-0000-0000-000000000000"),
    ("string:uri", "https://example.org/"),
    ("string:date-time", "1970-01-01T00:00:00Z"),
    ("string:date", "1970-01-01"),
    ("string:time", "00:00:00"),
    ("string:number", "1"),
    ("string:ipv4", "127.0.0.1"),
    ("string:ipv6", "::1"),
    ("string:email", "a@example.org"),
    ("string:path", "a/b"),
    ("string:pair", "a:b"),
    ("string:code", "EUR"),
    ("string:duration", "1s"),
    ("string:iso-duration", "PT1S"),
    ("string:hex", "00000000000000000000000000000000"),
    ("string:ulid", "00000000000000000000000000"),
];

/// A text that must have a form which is none of those.
pub(super) const OTHER_TEXT: &str = "string:other";

/// Numbers, small enough for every type of number.
pub(super) const NUMBERS: [u8; 4] = [1, 0, 2, 100];

/// Bytes by their length.
pub(super) const BYTES: [&[u8]; 4] = [&[], &[0], &[0; 16], &[0; 32]];

/// The text of a form, for examples.
pub(super) fn text_of(form: &str) -> Option<&'static str> {
    TEXTS.iter().find(|(name, _)| *name == form).map(|(_, text)| *text)
}
