//! What can be wrong with a set of upcasters: found when it is built, not when an event is
//! read.

use crate::{EventType, Schema};

/// What is wrong with a set of upcasters. Nothing was read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BrokenChain {
    /// A step leads to a form that nobody reads and that no other step starts from.
    #[error(
        "the step from {from} leads to {to}, which is neither current nor the start of a \
         step: declare it by `current`, or add the step that leads on from it"
    )]
    Gap {
        /// Where the step starts.
        from: Schema,
        /// Where it leads.
        to: Schema,
    },
    /// Steps lead back to where they started.
    #[error("the steps {} lead in a circle: let each lead to a newer form", arrows(circle))]
    Cycle {
        /// The forms in the circle; the first is the last again.
        circle: Vec<Schema>,
    },
    /// Two steps start from one form.
    #[error("two steps start from {from}: make one of them")]
    Duplicate {
        /// Where both start.
        from: Schema,
    },
    /// All versions of a type are dropped, and a step or another drop takes one of them.
    #[error(
        "all versions of {event_type} are dropped, and a step starts from version {version} \
         of it too: drop the versions one by one, or leave that step out"
    )]
    DroppedBesides {
        /// The type.
        event_type: EventType,
        /// The version that is taken twice.
        version: u32,
    },
    /// A step starts from a form that is still written.
    #[error(
        "a step starts from {from}, which is declared current: raise the version of the \
         current form, or leave the step out"
    )]
    FromCurrent {
        /// Where it starts.
        from: Schema,
    },
}

fn arrows(circle: &[Schema]) -> String {
    let each: Vec<String> = circle.iter().map(|s| format!("{} v{}", s.name, s.version)).collect();
    each.join(" -> ")
}
