//! What can go wrong with an append.

use std::{fmt, sync::Arc, time::Duration};

use es_core::{Append, AppendRequest, Backend, Conflict, Error, ErrorKind, Receipt, Result, Store};

use super::{plan::Due, planned};

/// What can go wrong with an append.
#[derive(Clone)]
pub struct AppendFault(Fault);

#[derive(Clone)]
enum Fault {
    Fail(ErrorKind),
    LoseReply(ErrorKind),
    Conflict,
    DelayBefore(Duration),
    DelayAfter(Duration),
    HangBefore,
    HangAfter,
    Overtake(Overtaking),
}

type Overtaking = Arc<dyn Fn(&AppendRequest) -> Append + Send + Sync>;

impl AppendFault {
    /// It fails and nothing is written.
    ///
    /// The error has no details; [`AppendFault::conflict`] makes a conflict that has them.
    #[must_use]
    pub const fn fail(kind: ErrorKind) -> Self {
        Self(Fault::Fail(kind))
    }

    /// It is committed and the reply is lost: `OutcomeUnknown`. If the store refuses it,
    /// the refusal comes through.
    #[must_use]
    pub const fn lose_reply() -> Self {
        Self::lose_reply_as(ErrorKind::OutcomeUnknown)
    }

    /// It is committed and fails nevertheless, with an error of this kind: what a store
    /// must never do, unless the kind is `OutcomeUnknown`.
    #[must_use]
    pub const fn lose_reply_as(kind: ErrorKind) -> Self {
        Self(Fault::LoseReply(kind))
    }

    /// It fails with a conflict on the first stream that it writes, as if somebody had been
    /// quicker. The conflict names what was expected and the version that the stream really
    /// has. Nothing is written.
    #[must_use]
    pub const fn conflict() -> Self {
        Self(Fault::Conflict)
    }

    /// It is handed on after this time.
    #[must_use]
    pub const fn delay_before(time: Duration) -> Self {
        Self(Fault::DelayBefore(time))
    }

    /// Its answer comes after this time.
    #[must_use]
    pub const fn delay_after(time: Duration) -> Self {
        Self(Fault::DelayAfter(time))
    }

    /// It never returns, and nothing is written.
    #[must_use]
    pub const fn hang_before() -> Self {
        Self(Fault::HangBefore)
    }

    /// It never returns, but it is committed. If the store refuses it, the refusal comes
    /// through.
    #[must_use]
    pub const fn hang_after() -> Self {
        Self(Fault::HangAfter)
    }

    /// Another append goes first, made anew for each call; then this one is handed on.
    ///
    /// Where the other one fails, this one fails with a `Fault` that has the reason as its
    /// source, and is not handed on.
    ///
    /// ```
    /// use es_core::{Append, ExpectedVersion, NewEvent, Payload, Schema};
    /// use es_testkit::AppendFault;
    ///
    /// let overtake = AppendFault::overtake(|append| {
    ///     let note = NewEvent::raw(Schema::from_static("noted", 1), Payload::json(&1).unwrap());
    ///     Append::to(append.streams()[0].stream.clone(), ExpectedVersion::Any).event(note)
    /// });
    /// ```
    #[must_use]
    pub fn overtake(other: impl Fn(&AppendRequest) -> Append + Send + Sync + 'static) -> Self {
        Self(Fault::Overtake(Arc::new(other)))
    }
}

pub(super) async fn spoilt(
    inner: &Backend,
    request: AppendRequest,
    due: Due<AppendFault>,
) -> Result<Receipt> {
    match &due.fault.0 {
        Fault::Fail(kind) => {
            due.tell();
            Err(planned(*kind))
        }
        Fault::LoseReply(kind) => {
            inner.append(request).await?;
            due.tell();
            Err(planned(*kind))
        }
        Fault::Conflict => {
            let conflict = conflict(inner, &request).await?;
            due.tell();
            Err(conflict)
        }
        Fault::DelayBefore(time) => {
            due.tell();
            tokio::time::sleep(*time).await;
            inner.append(request).await
        }
        Fault::DelayAfter(time) => {
            let answer = inner.append(request).await;
            due.tell();
            tokio::time::sleep(*time).await;
            answer
        }
        Fault::HangBefore => due.hang().await,
        Fault::HangAfter => {
            inner.append(request).await?;
            due.hang().await
        }
        Fault::Overtake(other) => {
            let failed = |error| Error::fault("the append that was to go first failed", error);
            let other = other(&request).build().map_err(failed)?;
            inner.append(other).await.map_err(failed)?;
            due.tell();
            inner.append(request).await
        }
    }
}

/// The conflict of somebody who was overtaken.
async fn conflict(inner: &Backend, request: &AppendRequest) -> Result<Error> {
    let Some(write) = request.streams().first() else {
        return Ok(planned(ErrorKind::Conflict)); // cannot be: a request writes a stream
    };
    let store = Store::from_backend(Backend::clone(inner));
    let actual = store.version(&write.stream).await?;
    Ok(Conflict::new(write.stream.clone(), write.expected, actual).into())
}

impl fmt::Debug for AppendFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Fault::Fail(kind) => write!(f, "Fail({kind:?})"),
            Fault::LoseReply(kind) => write!(f, "LoseReply({kind:?})"),
            Fault::Conflict => f.write_str("Conflict"),
            Fault::DelayBefore(time) => write!(f, "DelayBefore({time:?})"),
            Fault::DelayAfter(time) => write!(f, "DelayAfter({time:?})"),
            Fault::HangBefore => f.write_str("HangBefore"),
            Fault::HangAfter => f.write_str("HangAfter"),
            Fault::Overtake(_) => f.write_str("Overtake(..)"),
        }
    }
}
