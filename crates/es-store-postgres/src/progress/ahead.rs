//! Statements that are sent ahead, and a task that takes their replies.
//!
//! *Hazard.* The driver hands replies out in order and keeps a few pieces of each: while nobody
//! takes those of one statement, no later statement of the connection is answered. A handler that
//! sent one and then waited for another would wait for ever, if the reply of the first came in
//! more pieces than are kept (an error, many rows).
//! *Mechanism.* A task takes the replies as they come, in the order of the statements.
//! *Why it is sound.* It holds the connection only as long as the transaction: what ends the
//! transaction is sent first, and who gets the connection next speaks behind that. A task that
//! was cut short is no success.
//! *Cost.* One task for each transaction that sends something ahead.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use es_core::{Error, Result};
use futures_util::{FutureExt, future::BoxFuture};
use tokio::{
    runtime::Handle,
    sync::Notify,
    task::{AbortHandle, JoinHandle},
};

/// What comes back for one statement.
pub(super) type Reply = BoxFuture<'static, Result<u64, tokio_postgres::Error>>;

/// The replies of one transaction.
pub(super) struct Ahead {
    shared: Arc<Shared>,
    runtime: Handle,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    more: Notify,
}

#[derive(Default)]
struct State {
    /// Bounded by what one transaction sends.
    replies: VecDeque<Reply>,
    /// Whether no more are to come.
    is_over: bool,
    first_failure: Option<tokio_postgres::Error>,
    task: Option<JoinHandle<()>>,
    abort: Option<AbortHandle>,
}

impl Ahead {
    /// # Errors
    /// `Fault` outside of a runtime.
    pub(super) fn new() -> Result<Self> {
        let runtime = Handle::try_current()
            .map_err(|error| Error::fault("a transaction needs a tokio runtime", error))?;
        Ok(Self { shared: Arc::default(), runtime })
    }

    /// Sends a statement by polling its reply once, and has the reply taken when it comes.
    pub(super) fn send(&self, mut reply: Reply) {
        let reply = match (&mut reply).now_or_never() {
            Some(early) => futures_util::future::ready(early).boxed(),
            None => reply,
        };
        let mut state = self.shared.lock();
        state.replies.push_back(reply);
        state.is_over = false;
        if state.task.is_none() {
            let task = self.runtime.spawn(Arc::clone(&self.shared).take_replies());
            state.abort = Some(task.abort_handle());
            state.task = Some(task);
        }
        drop(state);
        self.shared.more.notify_one();
    }

    /// Waits for all replies. The first failure is the cause of the others.
    ///
    /// # Errors
    /// `Fault` when they were not all taken, since the runtime has ended.
    pub(super) async fn settle(&self) -> Result<Option<tokio_postgres::Error>> {
        let task = {
            let mut state = self.shared.lock();
            state.is_over = true;
            state.task.take()
        };
        self.shared.more.notify_one();
        if let Some(task) = task {
            let taken = task.await;
            taken.map_err(|error| Error::fault("nobody took what PostgreSQL replied", error))?;
        }
        Ok(self.shared.lock().first_failure.take())
    }

    /// Takes no more replies.
    pub(super) fn end(&self) {
        if let Some(abort) = self.shared.lock().abort.take() {
            abort.abort();
        }
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    async fn take_replies(self: Arc<Self>) {
        loop {
            let next = {
                let mut state = self.lock();
                match state.replies.pop_front() {
                    None if state.is_over => return,
                    next => next,
                }
            };
            match next {
                None => self.more.notified().await,
                Some(reply) => {
                    if let Err(error) = reply.await {
                        self.lock().first_failure.get_or_insert(error);
                    }
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that can panic happens under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
