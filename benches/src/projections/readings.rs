//! How often the log is read for one projection and for eight, counted and not timed.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use async_trait::async_trait;
use eventsource::{
    AppendRequest, Backend, BoxError, Capabilities, Durability, EventStore, Head, Layer,
    MemoryStore, PageStream, Projection, Receipt, Runner,
    memory::{MemoryReadModel, MemoryTx},
    prelude::*,
};
use futures_util::StreamExt;
use serde_json::{Value, json};

use super::fill;
use crate::domain::AccountEvent;

const EVENTS: u64 = 100_000;

/// Counts pages that are read.
#[derive(Clone, Debug, Default)]
struct Counting(Arc<AtomicU64>);

impl Layer for Counting {
    fn layer(&self, inner: Backend) -> Backend {
        Arc::new(Counted { pages: Arc::clone(&self.0), inner })
    }
}

#[derive(Debug)]
struct Counted {
    pages: Arc<AtomicU64>,
    inner: Backend,
}

impl std::fmt::Display for Counted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} with counted pages", self.inner)
    }
}

#[async_trait]
impl EventStore for Counted {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }
    async fn append(&self, append: AppendRequest) -> eventsource::Result<Receipt> {
        self.inner.append(append).await
    }
    fn read(&self, read: Read) -> PageStream {
        let pages = Arc::clone(&self.pages);
        let counted = move |page: &_| {
            let _: &eventsource::Result<Vec<Recorded>> = page;
            pages.fetch_add(1, Ordering::Relaxed);
            futures_util::future::ready(())
        };
        Box::pin(self.inner.read(read).then(move |page| {
            let done = counted(&page);
            async move {
                done.await;
                page
            }
        }))
    }
    async fn head(&self) -> eventsource::Result<Head> {
        self.inner.head().await
    }
    async fn wait(&self, after: Position) -> eventsource::Result<Head> {
        self.inner.wait(after).await
    }
    async fn durability(&self) -> eventsource::Result<Durability> {
        self.inner.durability().await
    }
}

struct Nothing<const N: u32>;

impl<const N: u32> Projection for Nothing<N> {
    const NAME: &'static str = "nothing";
    const VERSION: u32 = N;
    type Event = AccountEvent;
    type Tx = MemoryTx;

    async fn apply(&self, _: &Recorded<AccountEvent>, _: &mut MemoryTx) -> Result<(), BoxError> {
        Ok(())
    }
}

pub(super) async fn count() -> anyhow::Result<Value> {
    let plain = Store::new(MemoryStore::new());
    fill(&plain, EVENTS).await?;
    let mut pages = Vec::new();
    for is_eight in [false, true] {
        let counting = Counting::default();
        let model = MemoryReadModel::new;
        let mut runner = Runner::new(plain.clone().layer(&counting)).project(Nothing::<1>, model());
        if is_eight {
            runner = runner
                .project(Nothing::<2>, model())
                .project(Nothing::<3>, model())
                .project(Nothing::<4>, model())
                .project(Nothing::<5>, model())
                .project(Nothing::<6>, model())
                .project(Nothing::<7>, model())
                .project(Nothing::<8>, model());
        }
        tokio::spawn(async move { runner.catch_up().await }).await??;
        pages.push(counting.0.load(Ordering::Relaxed));
    }
    let (one, eight) = (pages[0], pages[1]);
    let ratio = crate::measure::as_f64(eight) / crate::measure::as_f64(one);
    let text = format!(
        "projections readings: {one} pages of {EVENTS} events for one projection, {eight} for \
         eight: {ratio:.2} times as many (below 2.5)"
    );
    Ok(json!({
        "area": "projections", "workload": "readings", "one": one, "eight": eight,
        "ratio": ratio, "text": text,
    }))
}
