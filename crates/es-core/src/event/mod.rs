//! Events: what a program says happened, and what the log gives back.

mod bare;
mod content;
mod finite;
mod id;
mod metadata;
mod nesting;
mod new_event;
mod part;
mod payload;
mod recorded;
mod registry;
mod schema;
mod tag;
mod typed;

#[cfg(test)]
mod tests;

pub use bare::{BareEvent, BareEvents, FoldEvent, FoldPage};
pub use content::ContentType;
pub use id::EventId;
pub use metadata::Metadata;
pub use new_event::{ByReference, ByValue, Encoded, IntoNewEvent, NewEvent};
pub use part::Part;
pub use payload::Payload;
pub use recorded::{Envelope, Recorded};
pub use registry::{DecodedEvent, Registry};
pub use schema::Schema;
pub use tag::{Tag, Tags};
pub use typed::Event;
