//! Several that claim the same at the same time all come to it, although each claim fences
//! whoever claimed before.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use es_core::{
    AppendIn, AppendRequest, Capabilities, Durability, ErrorKind, EventStore, FoldStream, Head,
    PageStream, Position, Read, Receipt, Result,
};
use es_projection::{Inline, Policy, Runner};
use es_store_memory::{MemoryStore, MemoryTx};

use crate::{
    ledger::{Ledger, assert_complete, write_many},
    spoilt::{Call, Fault, Spoilt},
};

/// The memory store as a log that takes appends within a transaction, for those who begin.
#[derive(Clone, Debug)]
struct Log(MemoryStore);

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[async_trait]
impl EventStore for Log {
    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    async fn append(&self, append: AppendRequest) -> Result<Receipt> {
        self.0.append(append).await
    }

    fn read(&self, read: Read) -> PageStream {
        self.0.read(read)
    }

    fn read_to_fold(&self, read: Read) -> FoldStream {
        self.0.read_to_fold(read)
    }

    async fn head(&self) -> Result<Head> {
        self.0.head().await
    }

    async fn wait(&self, after: Position) -> Result<Head> {
        self.0.wait(after).await
    }

    async fn durability(&self) -> Result<Durability> {
        self.0.durability().await
    }
}

impl AppendIn<MemoryTx> for Log {
    async fn lock_in_tx(&self, _: &mut MemoryTx) -> Result<()> {
        Ok(())
    }

    async fn append_in_tx(&self, _: &mut MemoryTx, _: &AppendRequest) -> Result<Receipt> {
        unreachable!("nobody appends through it here")
    }
}

/// Three in step: each is in the middle of its attempt when the next one begins.
async fn in_step<F>(attempts: [F; 3]) -> [F::Output; 3]
where
    F: Future<Output: Send> + Send,
{
    let [first, second, third] = attempts;
    tokio::join!(after(0, first), after(10, second), after(20, third)).into()
}

async fn after<F: Future<Output: Send> + Send>(millis: u64, attempt: F) -> F::Output {
    let nothing = std::future::pending::<()>();
    let _ = tokio::time::timeout(Duration::from_millis(millis), nothing).await;
    attempt.await
}

/// So many claims are as good as no end, and the next one fails; a handful is usual.
const TOO_MANY: usize = 200;

/// Each of these calls takes thirty milliseconds, of a clock that goes when nothing else does.
fn slow(model: &Spoilt, slow: Call) {
    model.plan(move |call, times| {
        if call == Call::Claim && times > TOO_MANY {
            return Some(Fault::Before(ErrorKind::Invalid));
        }
        (call == slow).then_some(Fault::Slow(Duration::from_millis(30)))
    });
}

#[tokio::test(start_paused = true)]
async fn a_projection_becomes_inline_although_several_begin_with_it_at_once() {
    for _ in 0..20 {
        let (log, model) = (MemoryStore::new(), Spoilt::new());
        let store = es_core::Store::new(log.clone());
        write_many(&store, 50, 5).await;
        slow(&model, Call::Commit);
        let start = || Inline::start(store.clone(), Log(log.clone()), Ledger::new(), model.clone());
        in_step([start(), start(), start()])
            .await
            .into_iter()
            .for_each(|inline| drop(inline.unwrap()));
        assert_complete(&store, &model.inner).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_projection_is_cut_into_slices_although_several_do_so_at_once() {
    for _ in 0..20 {
        let (store, model) = (crate::ledger::store(), Spoilt::new());
        slow(&model, Call::Advance);
        let catch_up = || async {
            let policy = Policy::default().with_slices(4);
            let runner = Runner::new(store.clone());
            runner.project_with(Ledger::new(), model.clone(), policy).catch_up().await
        };
        let settled = in_step([catch_up(), catch_up(), catch_up()]).await;
        settled.into_iter().for_each(|caught_up| drop(caught_up.unwrap()));
        write_many(&store, 50, 5).await;
        catch_up().await.unwrap();
        assert_complete(&store, &model.inner).await;
    }
}
