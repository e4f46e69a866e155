//! A transparent variant that holds what is no event.

struct Opened;

#[derive(es_core::Event)]
#[event(transparent)]
enum AccountEvent {
    Opened(Opened),
}

fn main() {}
