//! The port through which recorded events leave the log for the rest of the system.

use std::{
    fmt::{Debug, Display},
    sync::Arc,
};

use async_trait::async_trait;

use crate::{Recorded, Result};

/// Takes recorded events and brings them to whoever subscribed.
///
/// The message id is the event id. How one subscribes differs from bus to bus and is not
/// part of the port.
#[async_trait]
pub trait EventBus: Debug + Display + Send + Sync + 'static {
    /// Publishes `events` in order.
    ///
    /// # Errors
    /// `Busy`, `Unavailable` or `Fault`. Some of the events may have been published;
    /// publishing them again is safe, because receivers know them by id.
    ///
    /// # Cancel safety
    /// Some of the events may have been published.
    async fn publish(&self, events: &[Recorded]) -> Result<()>;
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<T: EventBus + ?Sized> EventBus for Arc<T> {
    async fn publish(&self, events: &[Recorded]) -> Result<()> {
        (**self).publish(events).await
    }
}
