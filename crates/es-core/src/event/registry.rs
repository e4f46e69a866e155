//! Decoding for readers that do not know beforehand which types they will meet.

use std::{any::Any, collections::BTreeMap, fmt};

use super::{Event, Recorded, Schema};
use crate::{Error, EventType, Invalid, Result};

type Decode = fn(&Recorded) -> Result<Box<dyn Any + Send + Sync>>;

/// The event types that a program knows, by wire name.
///
/// For readers of an open world: bus consumers, replay tools, schema export. It is a value
/// like any other, built where it is needed; nothing is registered globally.
///
/// ```
/// # use es_core::{Error, Event, Payload, Schema};
/// # #[derive(Debug, PartialEq)]
/// # struct Deposited;
/// # impl Event for Deposited {
/// #     const SCHEMAS: &'static [Schema] = &[Schema::from_static("account.deposited", 1)];
/// #     fn schema(&self) -> &'static Schema { &Self::SCHEMAS[0] }
/// #     fn encode(&self) -> es_core::Result<Payload> { Payload::json(&()) }
/// #     fn decode(_: &Schema, _: &Payload) -> es_core::Result<Self> { Ok(Self) }
/// # }
/// use es_core::Registry;
///
/// let registry = Registry::new().with::<Deposited>()?;
/// assert_eq!(registry.schemas().next().unwrap().name, "account.deposited");
/// assert!(registry.with::<Deposited>().is_err(), "each name once");
/// # Ok::<(), es_core::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Registry {
    entries: BTreeMap<EventType, Entry>,
}

#[derive(Clone)]
struct Entry {
    schema: &'static Schema,
    rust_type: &'static str,
    decode: Decode,
}

impl Registry {
    /// Knows nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds every schema of `E`.
    ///
    /// # Errors
    /// [`Invalid::DuplicateEventType`] when a name is taken; the error lists what is known.
    pub fn with<E: Event>(mut self) -> Result<Self> {
        for schema in E::SCHEMAS {
            let rust_type = std::any::type_name::<E>();
            if let Some(first) = self.entries.get(&schema.name) {
                return Err(Invalid::DuplicateEventType {
                    event_type: schema.name.clone(),
                    first: first.rust_type,
                    second: rust_type,
                    known: self.entries.keys().cloned().collect(),
                }
                .into());
            }
            let decode: Decode = |recorded| Ok(Box::new(recorded.decode::<E>()?.event));
            self.entries.insert(schema.name.clone(), Entry { schema, rust_type, decode });
        }
        Ok(self)
    }

    /// The known schemas, by name.
    pub fn schemas(&self) -> impl Iterator<Item = &'static Schema> {
        self.entries.values().map(|entry| entry.schema)
    }

    /// Decodes an event as whichever type is registered for its name.
    ///
    /// # Errors
    /// `UnknownEvent`, which lists what is known, or `Undecodable`; either with the event's
    /// position. An event that an upcaster dropped is `UnknownEvent`: reads of one stream
    /// or one event hand such out, so look at its [`part`](crate::Envelope::part) first.
    pub fn decode(&self, recorded: &Recorded) -> Result<DecodedEvent> {
        let Some(entry) = self.entries.get(&recorded.schema.name) else {
            let known: Vec<_> = self.schemas().cloned().collect();
            return Err(Error::unknown_event(&recorded.schema, &known).at_event(recorded));
        };
        Ok(DecodedEvent { rust_type: entry.rust_type, value: (entry.decode)(recorded)? })
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries = self.entries.values();
        f.debug_map().entries(entries.map(|e| (e.schema.to_string(), e.rust_type))).finish()
    }
}

/// An event that a [`Registry`] has decoded.
pub struct DecodedEvent {
    rust_type: &'static str,
    value: Box<dyn Any + Send + Sync>,
}

impl DecodedEvent {
    /// The value, if it is an `E`.
    #[must_use]
    pub fn downcast_ref<E: Event>(&self) -> Option<&E> {
        self.value.downcast_ref()
    }

    /// The value, if it is an `E`; else all of it back.
    ///
    /// # Errors
    /// This, unchanged, when the value is of another type.
    pub fn downcast<E: Event>(self) -> Result<E, Self> {
        let Self { rust_type, value } = self;
        match value.downcast() {
            Ok(event) => Ok(*event),
            Err(value) => Err(Self { rust_type, value }),
        }
    }

    /// The name of the Rust type that it was decoded as.
    #[must_use]
    pub const fn rust_type(&self) -> &'static str {
        self.rust_type
    }
}

impl fmt::Debug for DecodedEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DecodedEvent").field(&self.rust_type).finish()
    }
}
