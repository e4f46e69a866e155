//! A subscription: a name, an interest, a handler and what happens when that fails.

use std::{fmt, future::Future, sync::Arc};

use es_core::{BoxError, Category, Event, EventType, Recorded, Result, SubscriberName, Tenant};

use crate::{
    EventHandler, Interest, Retry,
    handler::{ByAsync, BySync, ByTrait, Call, Decode},
};

/// Who is given which events, and what happens when that fails: for the bus in process and
/// for consumers of a transport alike.
///
/// It begins with one of the functions here, goes on with the methods of [`Subscribe`], and
/// ends with the handler. Its first error is kept until it is used.
///
/// Streams that belong to a tenant are left out, as in a read of the log, unless
/// [`Subscribe::of_tenant`] or [`Subscribe::of_all_tenants`] says otherwise.
///
/// ```
/// use es_bus::{Retry, Subscription};
/// use es_core::{Event, Recorded};
///
/// #[derive(Event)]
/// enum OrderEvent {
///     Placed { email: String },
/// }
///
/// let mailer = Subscription::to::<OrderEvent>("mailer")
///     .with_retry(Retry::default().with_attempts(10))
///     .run(|event: Recorded<OrderEvent>| async move {
///         let OrderEvent::Placed { email } = &event.event;
///         println!("to {email}: thank you");
///         Ok(())
///     });
///
/// let audit = Subscription::to_everything("audit").call(|event| {
///     println!("{} {}", event.position, event.schema.name);
///     Ok(())
/// });
/// ```
#[must_use = "a subscription does nothing until it is handed to a bus"]
pub struct Subscription {
    pub(crate) name: Result<SubscriberName>,
    pub(crate) interest: Interest,
    pub(crate) retry: Retry,
    pub(crate) handler: Arc<dyn Call>,
}

impl Subscription {
    /// To the events that `E` knows, decoded.
    pub fn to<E: Event>(name: impl AsRef<str>) -> Subscribe<E> {
        Subscribe::new(name.as_ref(), Interest::events::<E>(), Recorded::decode::<E>)
    }

    /// To every event of a category, decoded. One that `E` does not know is a failure: it is
    /// parked, and not passed over.
    pub fn to_all_of<E: Event>(name: impl AsRef<str>, category: Category) -> Subscribe<E> {
        Subscribe::new(name.as_ref(), Interest::category(category), Recorded::decode::<E>)
    }

    /// To the events of these types, not decoded.
    pub fn to_types(
        name: impl AsRef<str>,
        types: impl IntoIterator<Item = EventType>,
    ) -> Subscribe {
        Self::to_interest(name, Interest::types(types))
    }

    /// To the events of a category, not decoded.
    pub fn to_category(name: impl AsRef<str>, category: Category) -> Subscribe {
        Self::to_interest(name, Interest::category(category))
    }

    /// To every event, not decoded. Those of tenants come with
    /// [`Subscribe::of_all_tenants`].
    pub fn to_everything(name: impl AsRef<str>) -> Subscribe {
        Self::to_interest(name, Interest::everything())
    }

    /// To the events that `interest` covers, not decoded.
    pub fn to_interest(name: impl AsRef<str>, interest: Interest) -> Subscribe {
        Subscribe::new(name.as_ref(), interest, |event| Ok(event.clone()))
    }

    /// Which events it is given.
    pub const fn interest(&self) -> &Interest {
        &self.interest
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("name", &self.name)
            .field("interest", &self.interest)
            .field("retry", &self.retry)
            .finish_non_exhaustive()
    }
}

/// A [`Subscription`] that lacks its handler.
#[must_use = "end it with a handler"]
pub struct Subscribe<E = ()> {
    name: Result<SubscriberName>,
    interest: Interest,
    retry: Retry,
    decode: Decode<E>,
}

impl<E: Send + Sync + 'static> Subscribe<E> {
    fn new(name: &str, interest: Interest, decode: Decode<E>) -> Self {
        Self { name: SubscriberName::new(name), interest, retry: Retry::default(), decode }
    }

    /// Of these events, only those of this category. Said again, those of either.
    pub fn in_category(mut self, category: Category) -> Self {
        self.interest = self.interest.in_category(category);
        self
    }

    /// Those of the streams of this tenant.
    pub fn of_tenant(mut self, tenant: Tenant) -> Self {
        self.interest = self.interest.tenant(tenant);
        self
    }

    /// Those of the streams of every tenant, and of none.
    pub fn of_all_tenants(mut self) -> Self {
        self.interest = self.interest.all_tenants();
        self
    }

    /// How often the handler is tried again, and what comes after that.
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// Handled by a value that has state.
    pub fn handled_by(self, handler: impl EventHandler<E>) -> Subscription {
        let handler = Arc::new(ByTrait(self.decode, handler));
        self.ended(handler)
    }

    /// Handled by a function that does not wait. It runs on a worker of the runtime, so it
    /// must not block for long.
    pub fn call<F>(self, handler: F) -> Subscription
    where
        F: Fn(&Recorded<E>) -> std::result::Result<(), BoxError> + Send + Sync + 'static,
    {
        let handler = Arc::new(BySync(self.decode, handler));
        self.ended(handler)
    }

    /// Handled by an asynchronous function.
    pub fn run<F, Made>(self, handler: F) -> Subscription
    where
        F: Fn(Recorded<E>) -> Made + Send + Sync + 'static,
        Made: Future<Output = std::result::Result<(), BoxError>> + Send + 'static,
    {
        let handler = Arc::new(ByAsync(self.decode, handler));
        self.ended(handler)
    }

    fn ended(self, handler: Arc<dyn Call>) -> Subscription {
        let Self { name, interest, retry, .. } = self;
        Subscription { name, interest, retry, handler }
    }
}

impl<E> fmt::Debug for Subscribe<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscribe")
            .field("name", &self.name)
            .field("interest", &self.interest)
            .field("retry", &self.retry)
            .finish_non_exhaustive()
    }
}
