//! A visitor that has no handler for one of the events.

use es_core::{Dispatch, Event, On};

#[derive(Event)]
struct Added {
    count: u32,
}

#[derive(Event)]
struct Cleared;

#[derive(Event)]
#[event(transparent)]
enum CounterEvent {
    Added(Added),
    Cleared(Cleared),
}

struct Total<'a>(&'a mut u32);

impl On<'_, Added> for Total<'_> {
    type Output = ();
    fn on(self, event: &Added) {
        *self.0 += event.count;
    }
}

fn main() {
    let mut total = 0;
    CounterEvent::Cleared(Cleared).dispatch(Total(&mut total));
    Cleared.dispatch(Total(&mut total));
}
