//! The wire shape of a type: what its payload is made of, as serde sees it.
//!
//! Here is the public face. `trace` finds a shape, `json` writes and reads it, `compare`
//! says what a change of it means, `example` makes a payload that fits it.

mod access;
mod compare;
mod difference;
mod dummies;
mod example;
mod form;
mod json;
mod node;
mod step;
mod struct_plan;
mod trace;

#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

pub use self::difference::{ShapeChange, ShapeDifference};
use self::form::Form;

/// The wire shape of a type: its fields, their types, which of them may be missing.
///
/// It is found by running the type's own `Deserialize` without data: whatever it asks for is
/// written down and answered by a dummy. So it sees what serde sees (`rename`, `alias`,
/// `default`, `deny_unknown_fields`), and it knows no names of Rust types: renaming a struct
/// changes nothing on the wire, and nothing here.
///
/// As JSON, which is how it is printed and kept:
///
/// | JSON | means |
/// |---|---|
/// | `"u64"`, `"string"`, `"bool"` | a plain value |
/// | `"string:date-time"` | a text that must have a form; this is the first that was taken |
/// | `"u64?"`, `{"?": ..}` | the same or `null` |
/// | `["string"]` | a list |
/// | `{"()": ["u8", "string"]}` | a tuple |
/// | `{"*": "u64"}` | a map by strings; `{"*": [key, value]}` by something else |
/// | `{"cents": "u64", "note?": "string?"}` | an object; `note` may be missing |
/// | `{"cents\|amount": "u64"}` | a field with an alias |
/// | `{"!": true, ..}` | an object that refuses other fields |
/// | `{"\|": {"Open": null, "Closed": {..}}}` | an enum; `Open` holds nothing |
/// | `"^1"` | again the type that is so many levels up |
/// | `"any"` | whatever it is, the type takes it as it comes |
/// | `"unknown"` | the walk did not get there |
///
/// ```
/// use es_core::Shape;
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// struct Line {
///     sku: String,
/// }
///
/// #[derive(Deserialize)]
/// struct Placed {
///     cents: u64,
///     lines: Vec<Line>,
///     note: Option<String>,
///     #[serde(default)]
///     gift: bool,
/// }
///
/// assert_eq!(
///     Shape::of::<Placed>().to_string(),
///     r#"{"cents":"u64","lines":[{"sku":"string"}],"note?":"string?","gift?":"bool"}"#,
/// );
/// ```
///
/// # Limits
/// Where a type refuses every dummy, the shape is partial: what lies behind is `unknown`.
/// What serde reads without saying what it looks for is `any`: `#[serde(flatten)]`, untagged
/// and internally tagged enums. Two types of the same name and the same fields that are
/// nested three deep are taken for one that recurses. So a shape sees most changes, not all;
/// payloads that were really written see the rest.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Shape(Form);

impl Shape {
    /// Traces the shape of `T`. It takes some microseconds to a few milliseconds.
    #[must_use]
    pub fn of<T: DeserializeOwned>() -> Self {
        Self(trace::trace(&|step| T::deserialize(step).map(drop)).0)
    }

    /// The shape of a payload without fields: the empty object.
    #[must_use]
    pub fn empty() -> Self {
        Self(Form::empty())
    }

    /// A hash of the shape, stable between compilers and releases. The order of fields is
    /// part of it.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        // FNV-1a with 64 bits.
        self.to_string().bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        })
    }

    /// What has changed from `old` to `new`, field by field; nothing when only the order of
    /// fields did.
    ///
    /// A change is safe when every payload that fitted the old shape fits the new one, and
    /// nothing of it is passed over. Whether programs that know the old shape read new
    /// payloads is not asked: to them, a new version would be just as unreadable.
    #[must_use]
    pub fn compare(old: &Self, new: &Self) -> Vec<ShapeDifference> {
        compare::compare(&old.0, &new.0)
    }

    /// A payload that fits the shape, as far as the shape tells; `None` where it does not,
    /// as when a part of it is `unknown`.
    #[must_use]
    pub fn example(&self) -> Option<Value> {
        example::example(&self.0)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = serde_json::to_string(self).map_err(|_| fmt::Error)?;
        f.write_str(&text)
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shape({self})")
    }
}
