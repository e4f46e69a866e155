//! What a shape is made of.

use std::borrow::Cow;

/// What a value looks like on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A plain value by its name, or one of the names below.
    Plain(Cow<'static, str>),
    /// The same or `null`.
    Nullable(Box<Self>),
    List(Box<Self>),
    Tuple(Vec<Self>),
    Map(Box<Self>, Box<Self>),
    Object(Object),
    Enum(Vec<Variant>),
}

/// A value with named fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Object {
    /// In the order of their declaration.
    pub(super) fields: Vec<Field>,
    /// Whether other fields are refused.
    pub(super) is_closed: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) name: String,
    /// The other names that are read as this one.
    pub(super) aliases: Vec<String>,
    pub(super) is_required: bool,
    pub(super) form: Form,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Variant {
    pub(super) name: String,
    /// What it holds.
    pub(super) form: Option<Form>,
}

impl Form {
    /// A value of which serde does not say what it looks for.
    pub(super) const ANY: &'static str = "any";
    /// A value that the walk did not come to.
    pub(super) const UNKNOWN: &'static str = "unknown";
    /// Before the number of levels up to a type that comes again.
    pub(super) const AGAIN: char = '^';

    pub(super) const fn plain(name: &'static str) -> Self {
        Self::Plain(Cow::Borrowed(name))
    }

    pub(super) fn empty() -> Self {
        Self::Object(Object::default())
    }

    /// A word for it in a sentence.
    pub(super) fn word(&self) -> String {
        match self {
            Self::Plain(name) => name.to_string(),
            Self::Nullable(inner) => format!("{} or null", inner.word()),
            Self::List(_) => "a list".to_owned(),
            Self::Tuple(parts) => format!("a tuple of {}", parts.len()),
            Self::Map(..) => "a map".to_owned(),
            Self::Object(_) => "an object".to_owned(),
            Self::Enum(_) => "an enum".to_owned(),
        }
    }
}

impl Field {
    /// Whether a payload may have it under this name.
    pub(super) fn is_read_from(&self, name: &str) -> bool {
        self.name == name || self.aliases.iter().any(|alias| alias == name)
    }
}
