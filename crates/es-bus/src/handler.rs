//! What a program does with an event, and one call of it behind a pointer.

use std::{
    any::Any,
    error::Error as StdError,
    fmt,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use es_core::{BoxError, Error, Recorded, Result, panic_text};
use futures_util::{FutureExt, future::BoxFuture};

/// Does something because of an event. For handlers that have state; a closure will do
/// where there is none.
///
/// **At-least-once.** A handler may be called again for the same event: after an error of
/// its own, and, where a transport or a relay is between, after a crash. The event's id is
/// the same each time.
///
/// `EventHandler<OrderEvent>` is given decoded events, `EventHandler` (of `()`) events as
/// the log has them. A type may be a handler of several event types.
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// use es_bus::EventHandler;
/// use es_core::{BoxError, Event, Recorded};
///
/// #[derive(Event)]
/// enum OrderEvent {
///     Placed { cents: u64 },
/// }
///
/// #[derive(Default)]
/// struct Turnover(AtomicU64);
///
/// impl EventHandler<OrderEvent> for Turnover {
///     async fn handle(&self, event: &Recorded<OrderEvent>) -> Result<(), BoxError> {
///         let OrderEvent::Placed { cents } = event.event;
///         self.0.fetch_add(cents, Ordering::Relaxed);
///         Ok(())
///     }
/// }
/// ```
pub trait EventHandler<E = ()>: Send + Sync + 'static {
    /// Handles one event.
    ///
    /// # Errors
    /// Whatever goes wrong. What happens then is up to [`Retry`](crate::Retry).
    ///
    /// # Cancel safety
    /// It may be dropped between two awaits when the program stops before it is done.
    fn handle(
        &self,
        event: &Recorded<E>,
    ) -> impl Future<Output = std::result::Result<(), BoxError>> + Send;
}

impl<E: Send + Sync + 'static, H: EventHandler<E>> EventHandler<E> for Arc<H> {
    async fn handle(&self, event: &Recorded<E>) -> std::result::Result<(), BoxError> {
        (**self).handle(event).await
    }
}

/// What a call of a handler comes to.
pub(crate) enum Called<'a> {
    Done(std::result::Result<(), BoxError>),
    Later(BoxFuture<'a, std::result::Result<(), BoxError>>),
    Undecodable(Error),
}

/// A handler whose types are erased. Synchronous handlers need no box per call.
pub(crate) trait Call: Send + Sync {
    fn call<'a>(&'a self, event: &'a Recorded) -> Called<'a>;
}

/// How a recorded event becomes what the handler takes.
pub(crate) type Decode<E> = fn(&Recorded) -> Result<Recorded<E>>;

pub(crate) struct ByTrait<E, H>(pub(crate) Decode<E>, pub(crate) H);

impl<E: Send + Sync + 'static, H: EventHandler<E>> Call for ByTrait<E, H> {
    fn call<'a>(&'a self, event: &'a Recorded) -> Called<'a> {
        match (self.0)(event) {
            Ok(decoded) => Called::Later(Box::pin(async move { self.1.handle(&decoded).await })),
            Err(error) => Called::Undecodable(error),
        }
    }
}

pub(crate) struct BySync<E, F>(pub(crate) Decode<E>, pub(crate) F);

impl<E, F> Call for BySync<E, F>
where
    E: Send + Sync + 'static,
    F: Fn(&Recorded<E>) -> std::result::Result<(), BoxError> + Send + Sync,
{
    fn call<'a>(&'a self, event: &'a Recorded) -> Called<'a> {
        match (self.0)(event) {
            Ok(decoded) => Called::Done((self.1)(&decoded)),
            Err(error) => Called::Undecodable(error),
        }
    }
}

pub(crate) struct ByAsync<E, F>(pub(crate) Decode<E>, pub(crate) F);

impl<E, F, Made> Call for ByAsync<E, F>
where
    E: Send + Sync + 'static,
    F: Fn(Recorded<E>) -> Made + Send + Sync,
    Made: Future<Output = std::result::Result<(), BoxError>> + Send + 'static,
{
    fn call<'a>(&'a self, event: &'a Recorded) -> Called<'a> {
        match (self.0)(event) {
            Ok(decoded) => Called::Later(Box::pin((self.1)(decoded))),
            Err(error) => Called::Undecodable(error),
        }
    }
}

/// Why one attempt failed.
pub(crate) struct Failed {
    pub(crate) error: BoxError,
    /// The event does not decode: it would fail the same way again.
    pub(crate) is_undecodable: bool,
}

/// A call of a handler that has been made.
pub(crate) enum Begun<'a> {
    Done(std::result::Result<(), Failed>),
    Later(BoxFuture<'a, std::result::Result<(), BoxError>>),
}

/// Calls the handler. A panic in it is an error here and goes no further.
pub(crate) fn begin<'a>(handler: &'a dyn Call, event: &'a Recorded) -> Begun<'a> {
    match catch_unwind(AssertUnwindSafe(|| handler.call(event))) {
        Ok(Called::Done(Ok(()))) => Begun::Done(Ok(())),
        Ok(Called::Done(Err(error))) => Begun::Done(Err(Failed::by(error))),
        Ok(Called::Later(future)) => Begun::Later(future),
        Ok(Called::Undecodable(error)) => {
            Begun::Done(Err(Failed { error: error.into(), is_undecodable: true }))
        }
        Err(panic) => Begun::Done(Err(Failed::by_panic(&*panic))),
    }
}

impl Begun<'_> {
    /// Waits until it is done, whatever becomes of it.
    pub(crate) async fn done(self) -> std::result::Result<(), Failed> {
        match self {
            Self::Done(done) => done,
            Self::Later(mut future) => {
                let returned = AssertUnwindSafe(&mut future).catch_unwind().await;
                // What it held is the handler's, too.
                let dropped = catch_unwind(AssertUnwindSafe(|| drop(future)));
                match returned.and_then(|returned| dropped.map(|()| returned)) {
                    Ok(returned) => returned.map_err(Failed::by),
                    Err(panic) => Err(Failed::by_panic(&*panic)),
                }
            }
        }
    }
}

impl Failed {
    const fn by(error: BoxError) -> Self {
        Self { error, is_undecodable: false }
    }

    fn by_panic(panic: &(dyn Any + Send)) -> Self {
        Self::by(Box::new(Panicked(panic_text(panic).to_owned())))
    }
}

/// A handler panicked.
#[derive(Debug)]
struct Panicked(String);

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the handler panicked: {}", self.0)
    }
}

impl StdError for Panicked {}
