//! Which seats an event goes to.

use std::{cmp::Ordering, sync::Arc};

use es_core::{EventType, Recorded};

use super::{
    lane::Lane,
    outcome::{Outcome, Pending},
    seat::Seat,
    statistics::SubscriptionStatistics,
};

/// A subscription as publishers see it.
pub(super) struct Place {
    pub(super) seat: Arc<Seat>,
    pub(super) lane: Arc<Lane>,
    /// Whether the lane serves others, too.
    pub(super) is_shared: bool,
}

impl Place {
    pub(super) fn statistics(&self) -> SubscriptionStatistics {
        self.seat.statistics(self.lane.queued())
    }

    /// An event on its way to it.
    pub(super) fn pending(
        &self,
        event: &Recorded,
        outcome: Option<&Arc<Outcome>>,
        is_history: bool,
    ) -> Pending {
        let seat = self.is_shared.then(|| Arc::clone(&self.seat));
        Pending::new(seat, event.clone(), outcome.cloned(), is_history)
    }
}

/// The seats in the order in which they subscribed, with an index by event type. It is
/// replaced whole when somebody comes or goes, so that publishers share it without a lock.
#[derive(Default)]
pub(super) struct Routes {
    places: Vec<Arc<Place>>,
    /// Sorted by [`order`]: to hash the name of a type costs more than to look for it here.
    by_type: Vec<(EventType, Vec<Arc<Place>>)>,
    /// Those that name no types: all that an event of any other type can go to.
    broad: Vec<Arc<Place>>,
}

/// Names of other lengths are told apart without being looked at.
fn order(one: &str, other: &str) -> Ordering {
    one.len().cmp(&other.len()).then_with(|| one.cmp(other))
}

impl Routes {
    pub(super) fn of(places: Vec<Arc<Place>>) -> Self {
        let named: Vec<_> = places.iter().map(|place| place.seat.interest.named_types()).collect();
        let mut types: Vec<EventType> = named.iter().flatten().flatten().cloned().collect();
        types.sort_unstable_by(|one, other| order(one.as_str(), other.as_str()));
        types.dedup();
        let taking = |event_type: &EventType| {
            let takes = |types: &Option<Vec<_>>| {
                types.as_ref().is_none_or(|types| types.contains(event_type))
            };
            let taking = places.iter().zip(&named).filter(|(_, types)| takes(types));
            taking.map(|(place, _)| Arc::clone(place)).collect()
        };
        let by_type = types.into_iter().map(|name| (name.clone(), taking(&name))).collect();
        let broad = places.iter().zip(&named).filter(|(_, types)| types.is_none());
        let broad = broad.map(|(place, _)| Arc::clone(place)).collect();
        Self { places, by_type, broad }
    }

    pub(super) fn places(&self) -> &[Arc<Place>] {
        &self.places
    }

    pub(super) fn find(&self, name: &str) -> Option<&Arc<Place>> {
        self.places.iter().find(|place| place.seat.name == *name)
    }

    pub(super) fn of_event(&self, event: &Recorded) -> impl Iterator<Item = &Arc<Place>> {
        let name = event.schema.name.as_str();
        let found = self.by_type.binary_search_by(|(known, _)| order(known.as_str(), name));
        let known = found.ok().and_then(|at| self.by_type.get(at)).map(|(_, places)| places);
        known.unwrap_or(&self.broad).iter().filter(|place| place.seat.interest.covers(event))
    }
}
