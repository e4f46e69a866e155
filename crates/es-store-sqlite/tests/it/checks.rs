//! What must hold of a log whatever happened to it.

use std::collections::HashMap;

use es_core::{EventId, Position, Read, Recorded, Store, StreamId};

/// The log behind `after`: dense, each event once, versions without holes. `versions` holds
/// the last version of each stream up to there, and is moved on.
pub(crate) async fn dense(
    store: &Store,
    after: Position,
    versions: &mut HashMap<StreamId, u64>,
) -> Vec<Recorded> {
    let events = store.read(Read::all().after(after)).into_vec().await.unwrap();
    for (event, position) in events.iter().zip(after.get() + 1..) {
        assert_eq!(event.position.get(), position, "positions are dense");
        let last = versions.entry(event.stream.clone()).or_default();
        *last += 1;
        assert_eq!(event.version.get(), *last, "versions of {} are dense", event.stream);
    }
    events
}

/// Every acknowledged append is there once, whole and in order.
pub(crate) fn all_there(events: &[Recorded], acknowledged: &[Vec<EventId>]) {
    let mut places = HashMap::new();
    for event in events {
        let doubled = places.insert(event.id, event.position.get());
        assert_eq!(doubled, None, "event {} is there twice", event.id);
    }
    for append in acknowledged {
        let at: Vec<_> = append.iter().map(|id| places.get(id).copied()).collect();
        let first = at[0].unwrap_or_else(|| panic!("{append:?} was acknowledged and is lost"));
        let whole: Vec<_> = (first..).take(append.len()).map(Some).collect();
        assert_eq!(at, whole, "an append is whole and in one piece");
    }
}
