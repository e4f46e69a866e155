//! What can go wrong with questions about the end of the log: the head, and waiting for it
//! to move.

use std::time::Duration;

use es_core::{Backend, ErrorKind, Head, Position, Result};

use super::{plan::Due, planned};

/// What can go wrong with a look at the head.
#[derive(Clone, Debug)]
pub struct HeadFault(Asking);

/// What can go wrong with waiting for the log to grow.
#[derive(Clone, Debug)]
pub struct WaitFault(Waiting);

#[derive(Clone, Debug)]
enum Asking {
    Fail(ErrorKind),
    Delay(Duration),
    Hang,
}

#[derive(Clone, Debug)]
enum Waiting {
    Fail(ErrorKind),
    WakeEarly,
    DelayBefore(Duration),
    DelayAfter(Duration),
    Hang,
}

impl HeadFault {
    /// It fails.
    #[must_use]
    pub const fn fail(kind: ErrorKind) -> Self {
        Self(Asking::Fail(kind))
    }

    /// It is handed on after this time.
    #[must_use]
    pub const fn delay(time: Duration) -> Self {
        Self(Asking::Delay(time))
    }

    /// It never returns.
    #[must_use]
    pub const fn hang() -> Self {
        Self(Asking::Hang)
    }
}

impl WaitFault {
    /// It fails. A temporary kind (`Busy`, `Unavailable`) leaves a follower usable; any
    /// other ends it.
    #[must_use]
    pub const fn fail(kind: ErrorKind) -> Self {
        Self(Waiting::Fail(kind))
    }

    /// It returns at once with the head as it is, whether or not the log has grown; the
    /// contract allows it.
    #[must_use]
    pub const fn wake_early() -> Self {
        Self(Waiting::WakeEarly)
    }

    /// It begins to wait after this time.
    #[must_use]
    pub const fn delay_before(time: Duration) -> Self {
        Self(Waiting::DelayBefore(time))
    }

    /// Its answer comes after this time, and is as old by then.
    #[must_use]
    pub const fn delay_after(time: Duration) -> Self {
        Self(Waiting::DelayAfter(time))
    }

    /// It never returns: the wake-up is lost.
    #[must_use]
    pub const fn hang() -> Self {
        Self(Waiting::Hang)
    }
}

pub(super) async fn spoilt_head(inner: &Backend, due: Due<HeadFault>) -> Result<Head> {
    match due.fault.0 {
        Asking::Fail(kind) => {
            due.tell();
            Err(planned(kind))
        }
        Asking::Delay(time) => {
            due.tell();
            tokio::time::sleep(time).await;
            inner.head().await
        }
        Asking::Hang => due.hang().await,
    }
}

pub(super) async fn spoilt_wait(
    inner: &Backend,
    after: Position,
    due: Due<WaitFault>,
) -> Result<Head> {
    match due.fault.0 {
        Waiting::Fail(kind) => {
            due.tell();
            Err(planned(kind))
        }
        Waiting::WakeEarly => {
            due.tell();
            inner.head().await
        }
        Waiting::DelayBefore(time) => {
            due.tell();
            tokio::time::sleep(time).await;
            inner.wait(after).await
        }
        Waiting::DelayAfter(time) => {
            let head = inner.wait(after).await;
            due.tell();
            tokio::time::sleep(time).await;
            head
        }
        Waiting::Hang => due.hang().await,
    }
}
