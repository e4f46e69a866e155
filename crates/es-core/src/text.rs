//! Strings that are either part of the program or shared at run time.
//!
//! Names travel with every event; most of them are literals, so keeping the literal
//! spares an allocation and a copy for each.

use std::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
};

/// A cheap-to-clone string; equal, ordered and hashed as its text. `S` is how a text is
/// shared that is no literal.
#[derive(Clone)]
pub(crate) enum Text<S = Arc<str>> {
    Static(&'static str),
    Shared(S),
}

/// A shared text behind one word, so that a [`Text`] takes two: for those that stand in
/// every envelope. It costs a second allocation where a text is not a literal.
#[derive(Clone)]
pub(crate) struct Thin(Arc<Box<str>>);

impl<S: AsRef<str>> Text<S> {
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Static(text) => text,
            Self::Shared(text) => text.as_ref(),
        }
    }
}

impl<S> Text<S> {
    /// The text, if it is part of the program. For constants, which hold no other.
    pub(crate) const fn as_static(&self) -> Option<&'static str> {
        match self {
            Self::Static(text) => Some(text),
            Self::Shared(_) => None,
        }
    }
}

impl AsRef<str> for Thin {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Thin {
    fn from(text: &str) -> Self {
        Self(Arc::new(Box::from(text)))
    }
}

impl<'a, S: From<&'a str>> From<&'a str> for Text<S> {
    fn from(text: &'a str) -> Self {
        Self::Shared(S::from(text))
    }
}

impl<S: AsRef<str>> PartialEq for Text<S> {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl<S: AsRef<str>> Eq for Text<S> {}

impl<S: AsRef<str>> PartialOrd for Text<S> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<S: AsRef<str>> Ord for Text<S> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl<S: AsRef<str>> Hash for Text<S> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl<S: AsRef<str>> fmt::Debug for Text<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl<S: AsRef<str>> fmt::Display for Text<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
