//! On a store that can do less: what it cannot do is refused, everything else is as always.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use es_core::{
    AppendRequest, Backend, Capabilities, Durability, EventStore, Head, PageStream, Position, Read,
    Receipt, Result, Store,
};
use es_testkit::machine::{Histories, Tally, check};

use crate::naive::Naive;

#[test]
fn what_it_cannot_do_is_refused() {
    let tally = run(Capabilities::LEAST);
    assert!(tally.unsupported > 0 && tally.failed_conditions == 0, "{tally}");
    assert!(tally.unsupported < tally.written / 10, "asked for seldom: {tally}");
}

#[test]
fn each_capability_is_used_where_it_is_there() {
    let tally = run(Capabilities::LEAST.with_conditions(true));
    assert!(tally.failed_conditions > 0, "{tally}");
    let tally = run(Capabilities::ALL);
    assert_eq!(tally.unsupported, 0, "{tally}");
}

fn run(can: Capabilities) -> Tally {
    let store = || async move { Store::new(Able { inner: Arc::new(Naive::new()), can }) };
    check(store, &Histories::new(500)).unwrap()
}

/// Hands everything on but the capabilities.
#[derive(Debug)]
struct Able {
    inner: Backend,
    can: Capabilities,
}

#[async_trait]
impl EventStore for Able {
    fn capabilities(&self) -> Capabilities {
        self.can
    }

    async fn append(&self, append: AppendRequest) -> Result<Receipt> {
        let can = self.can;
        let is_single = append.streams().len() + append.required().len() == 1;
        assert!(can.multi_stream || is_single, "the handle lets it through");
        assert!(can.conditions || append.unless().is_empty(), "the handle lets it through");
        self.inner.append(append).await
    }

    fn read(&self, read: Read) -> PageStream {
        let is_by_time = read.recorded_since.is_some() || read.recorded_until.is_some();
        assert!(self.can.time_bounds || !is_by_time, "the handle lets it through");
        self.inner.read(read)
    }

    async fn head(&self) -> Result<Head> {
        self.inner.head().await
    }

    async fn wait(&self, after: Position) -> Result<Head> {
        self.inner.wait(after).await
    }

    async fn durability(&self) -> Result<Durability> {
        self.inner.durability().await
    }
}

impl fmt::Display for Able {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} that can do {:?}", self.inner, self.can)
    }
}
