//! A read model whose calls fail when they are told to, before or after they take place.

use std::{
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use es_core::{
    Checkpoint, CheckpointStore, DeadLetter, DeadLetterStore, Error, ErrorKind, LogId, Owner,
    Position, Progress, ReadModel, Result, StreamId, SubscriberName, Timestamp,
};
use es_store_memory::{MemoryReadModel, MemoryTx};

/// A call that can be spoilt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Claim,
    Look,
    Advance,
    Begin,
    Commit,
    List,
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// It does not take place, and fails.
    Before(ErrorKind),
    /// It takes place, and fails.
    After(ErrorKind),
    /// It never returns, and does not take place.
    Hang,
    /// It takes place after so long.
    Slow(Duration),
    /// It panics.
    Panic,
    /// A commit is kept back, and its outcome is unknown; see [`Spoilt::late`].
    Late,
    /// The model loses all that the subscriber has committed, and the outcome is unknown.
    Wiped,
    /// Just before a claim, somebody else claims and moves the checkpoint to this position.
    Overtaken(u64),
    /// What a look finds was written so much later.
    Ahead(Duration),
    /// What a look finds was written so much earlier.
    Behind(Duration),
}

type Plan = Box<dyn FnMut(Call, usize) -> Option<Fault> + Send>;

/// The memory model, spoilt by plan. Clones share the plan.
#[derive(Clone)]
pub(crate) struct Spoilt {
    pub(crate) inner: MemoryReadModel,
    plan: Arc<Mutex<(Plan, Vec<Call>)>>,
    /// The commits that were kept back.
    pub(crate) late: Arc<Mutex<Vec<(MemoryTx, Progress)>>>,
}

impl Spoilt {
    pub(crate) fn new() -> Self {
        let plan: Plan = Box::new(|_, _| None);
        let plan = Arc::new(Mutex::new((plan, Vec::new())));
        Self { inner: MemoryReadModel::new(), plan, late: Arc::default() }
    }

    /// Sets the plan: it is told the call, and how many calls of its kind there were since,
    /// itself included.
    pub(crate) fn plan(&self, plan: impl FnMut(Call, usize) -> Option<Fault> + Send + 'static) {
        *self.plan.lock().unwrap() = (Box::new(plan), Vec::new());
    }

    /// How many calls of this kind there were since the plan was set.
    pub(crate) fn count(&self, call: Call) -> usize {
        self.plan.lock().unwrap().1.iter().filter(|made| **made == call).count()
    }

    fn fault(&self, call: Call) -> Option<Fault> {
        let mut plan = self.plan.lock().unwrap();
        plan.1.push(call);
        let count = plan.1.iter().filter(|made| **made == call).count();
        plan.0(call, count)
    }

    async fn spoil<T>(
        &self,
        call: Call,
        real: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        spoil(self.fault(call), call, real).await
    }
}

async fn spoil<T>(
    fault: Option<Fault>,
    call: Call,
    real: impl Future<Output = Result<T>> + Send,
) -> Result<T> {
    let failure = |kind| Err(Error::new(kind, format!("{call:?} fails by plan")));
    match fault {
        None => real.await,
        Some(Fault::Before(kind)) => failure(kind),
        Some(Fault::After(kind)) => {
            real.await?;
            failure(kind)
        }
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::Slow(time)) => {
            let nothing = std::future::pending::<()>();
            let _ = tokio::time::timeout(time, nothing).await;
            real.await
        }
        Some(Fault::Panic) => panic!("{call:?} panics by plan"),
        Some(
            Fault::Late | Fault::Wiped | Fault::Overtaken(_) | Fault::Ahead(_) | Fault::Behind(_),
        ) => failure(ErrorKind::OutcomeUnknown),
    }
}

#[async_trait]
impl CheckpointStore for Spoilt {
    async fn claim(&self, name: &SubscriberName, log: LogId, owner: &Owner) -> Result<Checkpoint> {
        let (fault, real) = (self.fault(Call::Claim), self.inner.claim(name, log, owner));
        if let Some(Fault::Overtaken(to)) = fault {
            let rival = self.inner.claim(name, log, &Owner::new("rival")).await?;
            self.inner.advance(&Progress::from(&rival, Position::new(to))).await?;
            return real.await;
        }
        spoil(fault, Call::Claim, real).await
    }

    async fn advance(&self, progress: &Progress) -> Result<()> {
        self.spoil(Call::Advance, self.inner.advance(progress)).await
    }

    async fn checkpoint(&self, name: &SubscriberName) -> Result<Option<Checkpoint>> {
        let fault = self.fault(Call::Look);
        if let Some(Fault::Ahead(time)) = fault {
            let mut known = self.inner.checkpoint(name).await?;
            if let Some(known) = &mut known {
                known.updated_at = known.updated_at.plus(time);
            }
            return Ok(known);
        }
        if let Some(Fault::Behind(time)) = fault {
            let mut known = self.inner.checkpoint(name).await?;
            if let Some(known) = &mut known {
                let micros = i64::try_from(time.as_micros()).unwrap();
                known.updated_at = Timestamp::from_micros(known.updated_at.as_micros() - micros);
            }
            return Ok(known);
        }
        spoil(fault, Call::Look, self.inner.checkpoint(name)).await
    }

    async fn forget(&self, name: &SubscriberName) -> Result<()> {
        self.inner.forget(name).await
    }
}

#[async_trait]
impl DeadLetterStore for Spoilt {
    async fn dead_letters(
        &self,
        name: &SubscriberName,
        after: Position,
        limit: usize,
    ) -> Result<Vec<DeadLetter>> {
        self.spoil(Call::List, self.inner.dead_letters(name, after, limit)).await
    }

    async fn parked_streams(&self, name: &SubscriberName) -> Result<Vec<(StreamId, Position)>> {
        self.inner.parked_streams(name).await
    }

    async fn skipped(
        &self,
        name: &SubscriberName,
        after: Position,
        limit: usize,
    ) -> Result<Vec<(DeadLetter, String)>> {
        self.inner.skipped(name, after, limit).await
    }
}

impl ReadModel for Spoilt {
    type Tx = MemoryTx;

    async fn begin(&self) -> Result<MemoryTx> {
        self.spoil(Call::Begin, self.inner.begin()).await
    }

    async fn commit(&self, tx: MemoryTx, progress: &Progress) -> Result<()> {
        let fault = self.fault(Call::Commit);
        if let Some(Fault::Late) = fault {
            self.late.lock().unwrap().push((tx, progress.clone()));
            return Err(Error::new(ErrorKind::OutcomeUnknown, "it is on its way"));
        }
        if let Some(Fault::Wiped) = fault {
            self.inner.forget(&progress.subscriber).await?;
        }
        spoil(fault, Call::Commit, self.inner.commit(tx, progress)).await
    }
}

impl fmt::Debug for Spoilt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spoilt").finish_non_exhaustive()
    }
}

impl fmt::Display for Spoilt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a spoilt read model")
    }
}
