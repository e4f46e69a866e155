//! One handler for each event struct.

use std::{
    future::Future,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

use es_core::{Dispatch, Event, On};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Renamed(String);

#[derive(Event)]
struct Added {
    count: u32,
}

#[derive(Event)]
struct Cleared;

#[derive(Event)]
enum CounterEvent {
    #[event(transparent)]
    Added(Added),
    #[event(transparent)]
    Cleared(Cleared),
    Renamed(Renamed),
    /// The same type again: the handler is the same.
    RenamedAgain(Renamed),
}

struct Total<'a>(&'a mut u32);

impl On<'_, Added> for Total<'_> {
    type Output = ();
    fn on(self, event: &Added) {
        *self.0 += event.count;
    }
}

impl On<'_, Cleared> for Total<'_> {
    type Output = ();
    fn on(self, _: &Cleared) {
        *self.0 = 0;
    }
}

impl On<'_, Renamed> for Total<'_> {
    type Output = ();
    fn on(self, event: &Renamed) {
        *self.0 += u32::try_from(event.0.len()).unwrap();
    }
}

#[test]
fn an_enum_hands_what_it_holds_to_the_handler_for_it() {
    let mut total = 0;
    for (event, expected) in [
        (CounterEvent::Added(Added { count: 3 }), 3),
        (CounterEvent::Renamed(Renamed("ab".to_owned())), 5),
        (CounterEvent::RenamedAgain(Renamed("c".to_owned())), 6),
        (CounterEvent::Cleared(Cleared), 0),
    ] {
        event.dispatch(Total(&mut total));
        assert_eq!(total, expected);
    }
}

#[test]
fn a_struct_hands_itself() {
    let mut total = 1;
    Added { count: 3 }.dispatch(Total(&mut total));
    assert_eq!(total, 4);
    Cleared.dispatch(Total(&mut total));
    assert_eq!(total, 0);
}

/// A handler that waits, and borrows the event and the place it writes to meanwhile.
struct Writer<'a>(&'a mut Vec<String>);

type Boxed<'a> = Pin<Box<dyn Future<Output = usize> + Send + 'a>>;

impl<'a> On<'a, Added> for Writer<'a> {
    type Output = Boxed<'a>;
    fn on(self, event: &'a Added) -> Self::Output {
        Box::pin(async move {
            self.0.push(format!("added {}", event.count));
            self.0.len()
        })
    }
}

impl<'a> On<'a, Cleared> for Writer<'a> {
    type Output = Boxed<'a>;
    fn on(self, _: &'a Cleared) -> Self::Output {
        Box::pin(async move {
            self.0.push("cleared".to_owned());
            self.0.len()
        })
    }
}

impl<'a> On<'a, Renamed> for Writer<'a> {
    type Output = Boxed<'a>;
    fn on(self, event: &'a Renamed) -> Self::Output {
        Box::pin(async move {
            self.0.push(event.0.clone());
            self.0.len()
        })
    }
}

fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the future waits for nothing"),
    }
}

#[test]
fn a_handler_may_give_a_future_that_borrows_the_event() {
    let mut lines = Vec::new();
    let added = CounterEvent::Added(Added { count: 2 });
    let renamed = CounterEvent::Renamed(Renamed("r".to_owned()));
    assert_eq!(now(added.dispatch(Writer(&mut lines))), 1);
    assert_eq!(now(renamed.dispatch(Writer(&mut lines))), 2);
    assert_eq!(now(Cleared.dispatch(Writer(&mut lines))), 3);
    assert_eq!(lines, ["added 2", "r", "cleared"]);
}

/// How a crate that offers handlers would ask for them: for events of any lifetime.
fn fold<'e, E>(events: &'e [E], total: &mut u32)
where
    E: for<'v> Dispatch<'e, Total<'v>, Output = ()>,
{
    for event in events {
        event.dispatch(Total(total));
    }
}

#[test]
fn generic_code_may_ask_for_all_the_handlers_at_once() {
    let mut total = 0;
    let events = [1, 2, 3].map(|count| CounterEvent::Added(Added { count }));
    fold(&events, &mut total);
    assert_eq!(total, 6);
}
