//! A connection that is lent for one call, and where it goes when that call ends.
//!
//! # Hazard
//! A call is dropped before it was answered: its caller's patience was over, since the server, or
//! the network to it, has died in silence. Given back, its connection would be the next caller's,
//! who would wait for ever, and so on. Or the call had set something up, or had begun a
//! transaction, and whoever has the connection next works within that.
//! # Mechanism
//! A connection goes back to its pool when its caller says that it was answered. If the caller is
//! gone before that, a task asks once more, and gives it back when it is answered, or closes it
//! when it is not in time. What is in a state that nobody else may meet is closed at once.
//! # Why it is sound
//! A server answers what it is asked in order: who is answered has nothing of before in the way.
//! # What it costs
//! For a call that is dropped, a round trip, and a place in the pool until then.

use std::{
    ops::{Deref, DerefMut},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use deadpool_postgres::Object;
use tokio::runtime::Handle;

/// A connection for one call.
pub(crate) struct Lent {
    client: Option<Object>,
    /// How long it may take to answer once its caller has gone; without, it is closed then.
    patience: Option<Duration>,
}

impl Lent {
    pub(crate) const fn new(client: Object, patience: Duration) -> Self {
        Self { client: Some(client), patience: Some(patience) }
    }

    /// The same for a call that nobody else may come behind unless it is done.
    pub(crate) fn closing(mut self) -> Self {
        self.patience = None;
        self
    }

    /// All that was asked has been answered: nothing keeps it from whoever has it next.
    #[expect(clippy::expect_used, reason = "only what consumes the value takes the client")]
    pub(crate) fn answered(mut self) -> Object {
        self.client.take().expect("a connection that is lent")
    }

    /// Closes it.
    pub(crate) fn close(mut self) {
        drop(self.client.take().map(Object::take));
    }
}

impl Deref for Lent {
    type Target = Object;

    #[expect(clippy::expect_used, reason = "only what consumes the value takes the client")]
    fn deref(&self) -> &Object {
        self.client.as_ref().expect("a connection that is lent")
    }
}

impl DerefMut for Lent {
    #[expect(clippy::expect_used, reason = "only what consumes the value takes the client")]
    fn deref_mut(&mut self) -> &mut Object {
        self.client.as_mut().expect("a connection that is lent")
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let Some(client) = self.client.take() else { return };
        match (self.patience, Handle::try_current()) {
            (Some(patience), Ok(runtime)) => {
                runtime.spawn(async move {
                    if !answers(&client, patience).await {
                        drop(Object::take(client));
                    }
                });
            }
            _ => drop(Object::take(client)),
        }
    }
}

/// Whether a connection answers in time.
pub(crate) async fn answers(client: &Object, patience: Duration) -> bool {
    let asked = tokio::time::timeout(patience, client.batch_execute(""));
    matches!(asked.await, Ok(Ok(())))
}

/// A connection that several hold. It goes back to its pool when the last of them lets go, unless
/// it was given up: then it is closed.
pub(crate) struct Held {
    client: Option<Object>,
    is_given_up: AtomicBool,
}

impl Held {
    pub(crate) const fn new(client: Object) -> Self {
        Self { client: Some(client), is_given_up: AtomicBool::new(false) }
    }

    /// Keeps it from whoever would have it next: it is cut, or leads to a server that takes no
    /// writes, or does not answer.
    pub(crate) fn give_up(&self) {
        self.is_given_up.store(true, Ordering::Relaxed);
    }

    /// Gives it up unless it answers in time. Nobody waits for that.
    pub(crate) fn give_up_unless_it_answers(self: Arc<Self>, patience: Duration) {
        let Ok(runtime) = Handle::try_current() else { return self.give_up() };
        runtime.spawn(async move {
            if !answers(&self, patience).await {
                self.give_up();
            }
        });
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
