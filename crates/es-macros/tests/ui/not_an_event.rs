//! Appending what is no event.

use es_core::{Append, ExpectedVersion, NewEvent, StreamId};

struct Opened;

fn append(stream: StreamId) {
    let _ = Append::to(stream, ExpectedVersion::Any).event(Opened);
    let _ = NewEvent::of(&Opened);
}

fn main() {}
