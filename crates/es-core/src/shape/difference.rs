//! One difference between two shapes, and what it means for payloads that are written.

use std::fmt;

/// One difference between two shapes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// Where: `lines[].sku`, `status<Closed>.reason`; empty for the payload itself.
    pub path: String,
    /// What is different there.
    pub change: Change,
}

/// What is different.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// A field is new.
    FieldAdded {
        /// Whether a payload must have it.
        required: bool,
    },
    /// A field is gone.
    FieldRemoved,
    /// A field is gone, and one of the same form is new.
    FieldRenamed {
        /// The name of the new one.
        to: String,
        /// Whether it is still read under the old name.
        aliased: bool,
    },
    /// A field is no longer read under one of its other names.
    AliasRemoved {
        /// That name.
        alias: String,
    },
    /// A field that could be missing is required.
    BecameRequired,
    /// A field that was required may be missing.
    BecameOptional,
    /// A value that could be `null` may not be.
    BecameNotNull,
    /// A value that could not be `null` may be.
    BecameNullable,
    /// A value is of another type.
    TypeChanged {
        /// What it was, in a word.
        from: String,
        /// What it is.
        to: String,
        /// Whether the new type holds all values of the old one.
        widened: bool,
    },
    /// A variant is new.
    VariantAdded,
    /// A variant is gone.
    VariantRemoved,
    /// An object now refuses fields that it does not have.
    BecameClosed,
    /// An object no longer refuses fields that it does not have.
    BecameOpen,
}

impl Difference {
    /// Whether every payload that fitted before fits now, with nothing passed over.
    #[must_use]
    pub const fn is_safe(&self) -> bool {
        match &self.change {
            Change::FieldAdded { required } => !*required,
            Change::FieldRenamed { aliased, .. } => *aliased,
            Change::TypeChanged { widened, .. } => *widened,
            Change::BecameOptional
            | Change::BecameNullable
            | Change::VariantAdded
            | Change::BecameOpen => true,
            Change::FieldRemoved
            | Change::AliasRemoved { .. }
            | Change::BecameRequired
            | Change::BecameNotNull
            | Change::VariantRemoved
            | Change::BecameClosed => false,
        }
    }
}

/// What happened, and for a change that is not safe what to do.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "the payload" } else { &self.path };
        write!(f, "{path} ")?;
        match &self.change {
            Change::FieldAdded { required: false } => f.write_str("is new and may be missing"),
            Change::FieldAdded { required: true } => f.write_str(
                "is new and required, and payloads that are written lack it: give it \
                 `#[serde(default)]`, or raise the version and fill it in by an upcaster",
            ),
            Change::FieldRemoved => f.write_str(
                "is gone, and what written payloads say there would be passed over: keep it, or \
                 raise the version and take it out by an upcaster",
            ),
            Change::FieldRenamed { to, aliased: true } => {
                write!(f, "is now called `{to}` and still read under its old name")
            }
            Change::FieldRenamed { to, aliased: false } => write!(
                f,
                "seems to be called `{to}` now, and written payloads have the old name: put \
                 `#[serde(alias = \"..\")]` with the old name on it, or raise the version and \
                 rename it by an upcaster",
            ),
            Change::AliasRemoved { alias } => write!(
                f,
                "is no longer read under the name `{alias}`, which written payloads may have: \
                 keep the alias, or raise the version and rename it by an upcaster",
            ),
            Change::BecameRequired => f.write_str(
                "must be there, and written payloads may lack it: give it `#[serde(default)]`, \
                 or raise the version and fill it in by an upcaster",
            ),
            Change::BecameOptional => f.write_str("may be missing"),
            Change::BecameNotNull => f.write_str(
                "may not be null, and written payloads may have null there: keep the `Option`, \
                 or raise the version and replace null by an upcaster",
            ),
            Change::BecameNullable => f.write_str("may be null"),
            Change::TypeChanged { from, to, widened: true } => {
                write!(f, "was {from} and is {to}, which takes all that was written")
            }
            Change::TypeChanged { from, to, widened: false } => write!(
                f,
                "was {from} and is {to}: keep the type, or raise the version and change the \
                 value by an upcaster",
            ),
            Change::VariantAdded => f.write_str("is a new variant"),
            Change::VariantRemoved => f.write_str(
                "is a variant that is gone, and written payloads may hold it: keep it, or raise \
                 the version and change the value by an upcaster",
            ),
            Change::BecameClosed => f.write_str(
                "refuses fields that it does not know, and written payloads may have some: leave \
                 `deny_unknown_fields` out, or raise the version and take them out by an upcaster",
            ),
            Change::BecameOpen => f.write_str("no longer refuses fields that it does not know"),
        }
    }
}
