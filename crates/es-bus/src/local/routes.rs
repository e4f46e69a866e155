//! Which seats an event goes to.

use std::{collections::HashMap, sync::Arc};

use es_core::{EventType, Recorded};

use super::seat::Seat;

/// The seats in the order in which they subscribed, with an index by event type. It is
/// replaced whole when somebody comes or goes, so that publishers share it without a lock.
#[derive(Default)]
pub(super) struct Routes {
    seats: Vec<Arc<Seat>>,
    by_type: HashMap<EventType, Vec<Arc<Seat>>>,
    /// Those that name no types: all that an event of any other type can go to.
    broad: Vec<Arc<Seat>>,
}

impl Routes {
    pub(super) fn of(seats: Vec<Arc<Seat>>) -> Self {
        let mut by_type: HashMap<EventType, Vec<Arc<Seat>>> = HashMap::new();
        let named: Vec<_> = seats.iter().map(|seat| seat.interest.named_types()).collect();
        for event_type in named.iter().flatten().flatten() {
            by_type.entry(event_type.clone()).or_default();
        }
        for (event_type, list) in &mut by_type {
            let takes = |types: &Option<Vec<_>>| {
                types.as_ref().is_none_or(|types| types.contains(event_type))
            };
            let taking = seats.iter().zip(&named).filter(|(_, types)| takes(types));
            list.extend(taking.map(|(seat, _)| Arc::clone(seat)));
        }
        let is_broad = named.iter().map(Option::is_none);
        let broad = seats.iter().zip(is_broad).filter(|(_, broad)| *broad);
        let broad = broad.map(|(seat, _)| Arc::clone(seat)).collect();
        Self { seats, by_type, broad }
    }

    pub(super) fn seats(&self) -> &[Arc<Seat>] {
        &self.seats
    }

    pub(super) fn find(&self, name: &str) -> Option<&Arc<Seat>> {
        self.seats.iter().find(|seat| seat.name == *name)
    }

    pub(super) fn of_event(&self, event: &Recorded) -> impl Iterator<Item = &Arc<Seat>> {
        let list = self.by_type.get(&event.schema.name).unwrap_or(&self.broad);
        list.iter().filter(|seat| seat.interest.covers(event))
    }
}
