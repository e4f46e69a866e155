//! The connection of a transaction, and where it goes afterwards.

use std::{
    ops::Deref,
    sync::atomic::{AtomicBool, Ordering},
};

use deadpool_postgres::Object;

/// A connection that goes back to its pool when the last who holds it lets go, unless it was
/// given up: then it is closed.
pub(super) struct Held {
    client: Option<Object>,
    is_given_up: AtomicBool,
}

impl Held {
    pub(super) fn new(client: Object) -> Self {
        Self { client: Some(client), is_given_up: AtomicBool::new(false) }
    }

    /// Keeps it from whoever would have it next: it is cut, or leads to a server that takes no
    /// writes.
    pub(super) fn give_up(&self) {
        self.is_given_up.store(true, Ordering::Relaxed);
    }
}

impl Deref for Held {
    type Target = Object;

    #[expect(clippy::expect_used, reason = "only dropping the value takes the client")]
    fn deref(&self) -> &Object {
        self.client.as_ref().expect("a connection that is held")
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.is_given_up.load(Ordering::Relaxed) {
            drop(self.client.take().map(Object::take));
        }
    }
}
