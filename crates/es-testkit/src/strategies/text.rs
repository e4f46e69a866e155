//! Texts by the bytes that they may have and the characters that they may be made of.

use proptest::{collection::vec, prelude::Just, prop_oneof, strategy::Strategy};

/// A character that may stand anywhere in a name, its first place included.
pub(super) fn letter() -> impl Strategy<Value = char> + Clone {
    let others = vec!['ä', 'ß', 'Ω', 'ж', 'İ', 'ı', '字', 'ﬁ', '٣', '𝔄'];
    prop_oneof![
        8 => proptest::char::range('a', 'z'),
        1 => proptest::char::range('A', 'Z'),
        1 => proptest::char::range('0', '9'),
        1 => Just('_'),
        1 => proptest::sample::select(others),
    ]
}

/// A character of a name that is not its first.
pub(super) fn inner() -> impl Strategy<Value = char> + Clone {
    prop_oneof![8 => letter(), 1 => Just('-'), 1 => Just('.')]
}

/// A character that is neither white space nor a control character.
pub(super) fn visible() -> impl Strategy<Value = char> + Clone {
    let reserved = "/:@%_*?'\"`\\;,|&<>(){}[]#$".chars().collect::<Vec<_>>();
    // Among them a combining accent, a joiner, a byte-order mark and a private character.
    let odd = vec!['é', '\u{301}', '\u{200d}', '\u{feff}', '\u{e000}', '🦀', '\u{10ffff}'];
    prop_oneof![
        6 => letter(),
        2 => proptest::sample::select(reserved),
        1 => proptest::sample::select(odd),
        1 => proptest::char::any().prop_map(|c| if is_visible(c) { c } else { '-' }),
    ]
}

/// The same, and spaces.
pub(super) fn printable() -> impl Strategy<Value = char> + Clone {
    prop_oneof![8 => visible(), 1 => Just(' '), 1 => Just('\u{a0}')]
}

fn is_visible(c: char) -> bool {
    !c.is_control() && !c.is_whitespace()
}

/// A short text with these characters at its ends and between them.
pub(super) fn short(
    end: impl Strategy<Value = char> + Clone,
    inner: impl Strategy<Value = char>,
) -> impl Strategy<Value = String> {
    let rest = proptest::option::of((vec(inner, 0..10), end.clone()));
    (end, rest).prop_map(|(first, rest)| {
        let (inner, last) = rest.unzip();
        [first].into_iter().chain(inner.into_iter().flatten()).chain(last).collect()
    })
}

/// `text`, repeated and cut to exactly `bytes` bytes.
pub(super) fn filled(text: &str, bytes: usize) -> String {
    let mut filled = String::with_capacity(bytes);
    for c in text.chars().cycle() {
        if filled.len() + c.len_utf8() > bytes {
            break;
        }
        filled.push(c);
    }
    // A character of several bytes may leave a gap.
    filled.extend(std::iter::repeat_n('x', bytes - filled.len()));
    filled
}
