//! What somebody who subscribed holds.

use std::{fmt, sync::Weak};

use es_core::SubscriberName;
use tokio::sync::oneshot;

use super::{
    Inner,
    lane::{Item, is_in_handler_of},
};

/// A subscription on a [`LocalBus`](crate::LocalBus), to be ended. Dropping it leaves the
/// subscription in place; [`Registration::until_dropped`] makes that otherwise.
#[derive(Clone)]
pub struct Registration {
    bus: Weak<Inner>,
    number: u64,
    name: SubscriberName,
}

impl Registration {
    pub(super) const fn new(bus: Weak<Inner>, number: u64, name: SubscriberName) -> Self {
        Self { bus, number, name }
    }

    /// The name of the subscription.
    #[must_use]
    pub const fn name(&self) -> &SubscriberName {
        &self.name
    }

    /// Ends the subscription and waits for the handler to return, if it is running: after
    /// that it is not called any more. What was queued for it is dropped, and so are its dead
    /// letters. Says whether the subscription was still there.
    ///
    /// A handler of the same bus may call it; then nothing is waited for.
    ///
    /// # Cancel safety
    /// The subscription ends; only the waiting is left out.
    pub async fn unsubscribe(&self) -> bool {
        let Some(bus) = self.bus.upgrade() else {
            return false;
        };
        let Some(place) = bus.leave(self.number, &self.name) else {
            return false;
        };
        if !is_in_handler_of(bus.number) {
            let (reached, mark) = oneshot::channel();
            // A lane that is closed runs no handler.
            if place.lane.send(Item::Mark(reached)).await.is_ok() {
                let _ = mark.await;
            }
        }
        true
    }

    /// Ends the subscription when what this returns is dropped: no delivery begins after
    /// that, and one that has begun goes on to its end.
    #[must_use = "the subscription ends at once if this is dropped"]
    pub const fn until_dropped(self) -> RegistrationGuard {
        RegistrationGuard(self)
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Registration").field(&self.name).finish()
    }
}

/// A subscription that ends when this is dropped.
#[derive(Debug)]
pub struct RegistrationGuard(Registration);

impl Drop for RegistrationGuard {
    fn drop(&mut self) {
        if let Some(bus) = self.0.bus.upgrade() {
            bus.leave(self.0.number, &self.0.name);
        }
    }
}
