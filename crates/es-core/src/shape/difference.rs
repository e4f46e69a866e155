//! One difference between two shapes, and what it means for payloads that are written.

use std::fmt;

/// One difference between two shapes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShapeDifference {
    /// Where: `lines[].sku`, `status<Closed>.reason`; empty for the payload itself.
    pub path: String,
    /// What is different there.
    pub change: ShapeChange,
}

/// What is different.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShapeChange {
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

impl ShapeDifference {
    /// Whether every payload that fitted before fits now, with nothing passed over.
    #[must_use]
    pub const fn is_safe(&self) -> bool {
        match &self.change {
            ShapeChange::FieldAdded { required } => !*required,
            ShapeChange::FieldRenamed { aliased, .. } => *aliased,
            ShapeChange::TypeChanged { widened, .. } => *widened,
            ShapeChange::BecameOptional
            | ShapeChange::BecameNullable
            | ShapeChange::VariantAdded
            | ShapeChange::BecameOpen => true,
            ShapeChange::FieldRemoved
            | ShapeChange::AliasRemoved { .. }
            | ShapeChange::BecameRequired
            | ShapeChange::BecameNotNull
            | ShapeChange::VariantRemoved
            | ShapeChange::BecameClosed => false,
        }
    }
}

/// What happened, and for a change that is not safe what to do.
impl fmt::Display for ShapeDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "the payload" } else { &self.path };
        write!(f, "{path} ")?;
        match &self.change {
            ShapeChange::FieldAdded { required: false } => f.write_str("is new and may be missing"),
            ShapeChange::FieldAdded { required: true } => f.write_str(
                "is new and required, and payloads that are written lack it: give it \
                 `#[serde(default)]`, or raise the version and fill it in by an upcaster",
            ),
            ShapeChange::FieldRemoved => f.write_str(
                "is gone, and what written payloads say there would be passed over: keep it, or \
                 raise the version and take it out by an upcaster",
            ),
            ShapeChange::FieldRenamed { to, aliased: true } => {
                write!(f, "is now called `{to}` and still read under its old name")
            }
            ShapeChange::FieldRenamed { to, aliased: false } => write!(
                f,
                "seems to be called `{to}` now, and written payloads have the old name: put \
                 `#[serde(alias = \"..\")]` with the old name on it, or raise the version and \
                 rename it by an upcaster",
            ),
            ShapeChange::AliasRemoved { alias } => write!(
                f,
                "is no longer read under the name `{alias}`, which written payloads may have: \
                 keep the alias, or raise the version and rename it by an upcaster",
            ),
            ShapeChange::BecameRequired => f.write_str(
                "must be there, and written payloads may lack it: give it `#[serde(default)]`, \
                 or raise the version and fill it in by an upcaster",
            ),
            ShapeChange::BecameOptional => f.write_str("may be missing"),
            ShapeChange::BecameNotNull => f.write_str(
                "may not be null, and written payloads may have null there: keep the `Option`, \
                 or raise the version and replace null by an upcaster",
            ),
            ShapeChange::BecameNullable => f.write_str("may be null"),
            ShapeChange::TypeChanged { from, to, widened: true } => {
                write!(f, "was {from} and is {to}, which takes all that was written")
            }
            ShapeChange::TypeChanged { from, to, widened: false } => write!(
                f,
                "was {from} and is {to}: keep the type, or raise the version and change the \
                 value by an upcaster",
            ),
            ShapeChange::VariantAdded => f.write_str("is a new variant"),
            ShapeChange::VariantRemoved => f.write_str(
                "is a variant that is gone, and written payloads may hold it: keep it, or raise \
                 the version and change the value by an upcaster",
            ),
            ShapeChange::BecameClosed => f.write_str(
                "refuses fields that it does not know, and written payloads may have some: leave \
                 `deny_unknown_fields` out, or raise the version and take them out by an upcaster",
            ),
            ShapeChange::BecameOpen => {
                f.write_str("no longer refuses fields that it does not know")
            }
        }
    }
}
