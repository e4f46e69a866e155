//! The trait that ties a Rust type to its wire form.

use super::{Payload, Schema, Tags};
use crate::{Error, Result, Shape};

/// A Rust type that can be written to the log and read back from it.
///
/// `#[derive(Event)]` implements it: for an enum with one schema per variant, for a struct
/// with one schema. What the derive writes is not more than this:
///
/// ```
/// use es_core::{Error, Event, Payload, Result, Schema};
///
/// struct Deposited {
///     amount: u64,
/// }
///
/// impl Event for Deposited {
///     const SCHEMAS: &'static [Schema] = &[Schema::from_static("account.deposited", 1)];
///
///     fn schema(&self) -> &'static Schema {
///         &Self::SCHEMAS[0]
///     }
///
///     fn encode(&self) -> Result<Payload> {
///         Payload::json(&self.amount)
///     }
///
///     fn decode(schema: &Schema, payload: &Payload) -> Result<Self> {
///         if *schema != Self::SCHEMAS[0] {
///             return Err(Error::unknown_event(schema, Self::SCHEMAS));
///         }
///         let amount = payload.to_json().map_err(|e| Error::undecodable(schema, e))?;
///         Ok(Self { amount })
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event",
    label = "this type has no wire form",
    note = "write `#[derive(Event)]` on it"
)]
pub trait Event: Sized + Send + Sync + 'static {
    /// The wire forms that this type can take, each name once.
    const SCHEMAS: &'static [Schema];

    /// The wire form of this value: one of [`Event::SCHEMAS`].
    fn schema(&self) -> &'static Schema;

    /// Writes the value's fields.
    ///
    /// # Errors
    /// [`Invalid::Payload`](crate::Invalid::Payload) when they have no JSON form, as a NaN
    /// has none.
    fn encode(&self) -> Result<Payload>;

    /// Reads a value back.
    ///
    /// # Errors
    /// `UnknownEvent` when the schema is none of [`Event::SCHEMAS`]; `Undecodable` when the
    /// payload does not fit it. [`Error::unknown_event`] and [`Error::undecodable`] make
    /// the two.
    fn decode(schema: &Schema, payload: &Payload) -> Result<Self>;

    /// The indexed labels of this value.
    ///
    /// # Errors
    /// [`Invalid`](crate::Invalid) when a field's text cannot be a tag.
    fn tags(&self) -> Result<Tags> {
        Ok(Tags::NONE)
    }

    /// The wire shape of each of [`Event::SCHEMAS`], for tools that notice when a payload
    /// changes without a new version. The derive traces them; without it none are known,
    /// and a tool takes an event that has none as it is.
    #[must_use]
    fn wire_shapes() -> Vec<(Schema, Shape)> {
        Vec::new()
    }
}

/// What [`Event::decode`] answers to a schema that it does not know.
impl Error {
    /// An event whose schema is none of `known`.
    #[must_use]
    pub fn unknown_event(found: &Schema, known: &[Schema]) -> Self {
        Self::from(crate::UnknownEvent {
            schema: found.clone(),
            known: known.to_vec(),
            position: None,
        })
    }

    /// A payload that does not fit its schema.
    #[must_use]
    pub fn undecodable(schema: &Schema, source: impl Into<crate::BoxError>) -> Self {
        let (schema, event, stream, position) = (schema.clone(), None, None, None);
        Self::from(crate::Undecodable { schema, event, stream, position }).with_source(source)
    }
}
