//! One life of a program.

use std::{
    fmt::{self, Display},
    future::{Future, pending},
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use es_core::{Backend, Layer, Store};
use futures_util::future::{Either, select};
use tokio::sync::watch;

use super::Mortal;

/// One life of a program in a [`Simulation`](super::Simulation): what it writes with goes through
/// this, and nothing of that reaches the outside any more once it has died.
///
/// It is a [`Layer`] as well.
#[derive(Clone)]
pub struct Process(Arc<Life>);

struct Life {
    /// The number of the write behind which it dies.
    dies_behind: Option<u64>,
    writes: Mutex<Writes>,
    is_dead: watch::Sender<bool>,
}

#[derive(Default)]
struct Writes {
    count: u64,
    /// The one behind which it was killed.
    last: Option<String>,
}

impl Process {
    pub(super) fn new(dies_behind: Option<u64>) -> Self {
        let (writes, is_dead) = (Mutex::default(), watch::Sender::new(false));
        Self(Arc::new(Life { dies_behind, writes, is_dead }))
    }

    /// What the program has of the log.
    #[must_use]
    pub fn store(&self, log: &Store) -> Store {
        log.clone().layer(self)
    }

    /// What the program has of `inner`: a backend, a read model, checkpoints, dead letters or
    /// snapshots. Each call that writes is one behind which the program may be killed.
    pub fn guard<T>(&self, inner: T) -> Mortal<T> {
        Mortal::new(inner, self.clone())
    }

    /// A write of another kind, a mail or a call to somebody else: the program may be killed behind
    /// it, before it knows the answer. `what` it is is told when a test fails.
    ///
    /// # Cancel safety
    /// That of `write`.
    pub async fn effect<T>(
        &self,
        what: impl Display + Send,
        write: impl Future<Output = T> + Send,
    ) -> T
    where
        T: Send,
    {
        let answer = self.while_alive(write).await;
        if self.is_last(what) {
            self.kill();
        }
        // Nobody is told any more.
        self.while_alive(async { answer }).await
    }

    /// Counts a write, and says whether it is the one behind which the program dies.
    fn is_last(&self, what: impl Display) -> bool {
        let mut writes = self.written();
        writes.count += 1;
        let is_last = self.0.dies_behind == Some(writes.count);
        if is_last {
            writes.last = Some(format!("write {} ({what})", writes.count));
        }
        is_last
    }

    pub(super) fn writes(&self) -> u64 {
        self.written().count
    }

    /// The write behind which it was killed, if it was.
    pub(super) fn killed_behind(&self) -> Option<String> {
        self.written().last.clone()
    }

    pub(super) fn kill(&self) {
        self.0.is_dead.send_replace(true);
    }

    /// Returns when it has died.
    pub(super) async fn death(&self) {
        let mut is_dead = self.0.is_dead.subscribe();
        // The sender is ours, so it lives.
        drop(is_dead.wait_for(|is_dead| *is_dead).await);
    }

    /// The outcome of `call`; if the process dies before that, `call` is dropped, and this never
    /// returns.
    pub(super) async fn while_alive<T>(&self, call: impl Future<Output = T>) -> T {
        let outcome = {
            let (death, call) = (pin!(self.death()), pin!(call));
            match select(death, call).await {
                Either::Left(_) => None,
                Either::Right((outcome, _)) => Some(outcome),
            }
        };
        match outcome {
            Some(outcome) => outcome,
            None => pending().await,
        }
    }

    fn written(&self) -> MutexGuard<'_, Writes> {
        self.0.writes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One that nobody kills, for what takes a process outside of a simulation.
impl Default for Process {
    fn default() -> Self {
        Self::new(None)
    }
}

impl Layer for Process {
    fn layer(&self, inner: Backend) -> Backend {
        Arc::new(self.guard(inner))
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process")
            .field("writes", &self.writes())
            .field("is_dead", &*self.0.is_dead.borrow())
            .finish_non_exhaustive()
    }
}
