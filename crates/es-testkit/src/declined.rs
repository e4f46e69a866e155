//! Cases that a store need not pass, because it says that it lacks the capability.

use es_core::Store;

/// A capability that some cases need.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Need {
    MultiStream,
    Conditions,
    TimeBounds,
    Shared,
}

/// Whether the store declines what the case needs. Then the case ends at once, and says
/// so: a case that is left out must be seen.
pub(crate) fn declines(store: &Store, need: Need) -> bool {
    let can = store.capabilities();
    let (has, name) = match need {
        Need::MultiStream => (can.multi_stream, "multi_stream"),
        Need::Conditions => (can.conditions, "conditions"),
        Need::TimeBounds => (can.time_bounds, "time_bounds"),
        Need::Shared => (can.shared, "shared"),
    };
    if !has {
        println!("declined: no {name}");
    }
    !has
}
