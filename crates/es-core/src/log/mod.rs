//! The log as a whole: its identity, the places in it, and its clock.

mod head;
mod identity;
mod position;
mod timestamp;

pub use head::Head;
pub use identity::LogId;
pub use position::Position;
pub use timestamp::Timestamp;
