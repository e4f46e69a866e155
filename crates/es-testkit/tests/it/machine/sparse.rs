//! On a store that leaves positions out, as one that draws them from a sequence does: the
//! contract allows it, so the machine must.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use es_core::{
    Append, AppendRequest, Backend, Capabilities, ConditionFailed, Durability, Envelope, Error,
    EventStore, Head, IdempotencyClash, PageStream, Position, Read, Receipt, Recorded, Result,
    Store,
};
use es_testkit::machine::{self, Histories};
use futures_util::{StreamExt, TryStreamExt};

use crate::naive::Naive;

/// Every position outside is so many times the one inside.
const STEP: u64 = 3;

#[test]
fn positions_need_not_be_dense() {
    let store = || async { Store::new(Sparse(Arc::new(Naive::new()))) };
    machine::test(store, Histories::new(500));
}

#[derive(Debug)]
struct Sparse(Backend);

const fn outside(position: Position) -> Position {
    Position::new(position.get() * STEP)
}

/// The last position that is not behind `position`.
const fn inside(position: Position) -> Position {
    Position::new(position.get() / STEP)
}

#[async_trait]
impl EventStore for Sparse {
    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    async fn append(&self, append: AppendRequest) -> Result<Receipt> {
        let asked: Vec<_> = append.unless().to_vec();
        match self.0.append(within(append)).await {
            Ok(mut receipt) => {
                (receipt.first, receipt.last) = (outside(receipt.first), outside(receipt.last));
                Ok(receipt)
            }
            Err(error) => Err(if let Some(failed) = error.condition_failed() {
                let is_it = |unless: &&es_core::Unless| {
                    unless.query == failed.query && inside(unless.after) == failed.after
                };
                let after = asked.iter().find(is_it).unwrap().after;
                ConditionFailed::new(failed.query.clone(), after, outside(failed.found)).into()
            } else if let Some(clash) = error.idempotency_clash() {
                Error::from(IdempotencyClash::new(clash.event, outside(clash.position)))
            } else {
                error
            }),
        }
    }

    fn read(&self, mut read: Read) -> PageStream {
        read.after = read.after.map(inside);
        read.until = read.until.map(inside);
        let spread = |event: Recorded| {
            let mut envelope = Envelope::clone(event.envelope());
            envelope.position = outside(envelope.position);
            Recorded::from(envelope)
        };
        let page = move |page: Vec<Recorded>| page.into_iter().map(spread).collect();
        self.0.read(read).map_ok(page).boxed()
    }

    async fn head(&self) -> Result<Head> {
        let head = self.0.head().await?;
        Ok(Head::new(head.log, outside(head.position)))
    }

    async fn wait(&self, after: Position) -> Result<Head> {
        let head = self.0.wait(inside(after)).await?;
        Ok(Head::new(head.log, outside(head.position)))
    }

    async fn durability(&self) -> Result<Durability> {
        self.0.durability().await
    }
}

/// The same append with its conditions in positions of the store inside.
fn within(append: AppendRequest) -> AppendRequest {
    let (streams, required, unless) = append.into_parts();
    let mut streams = streams.into_iter();
    let first = streams.next().unwrap();
    let append = Append::to(first.stream, first.expected).events(first.events);
    let append =
        streams.fold(append, |append, w| append.and(w.stream, w.expected).events(w.events));
    let append =
        required.into_iter().fold(append, |append, r| append.require(r.stream, r.expected));
    let unless = unless.into_iter();
    unless.fold(append, |append, u| append.unless(u.query, inside(u.after))).build().unwrap()
}

impl fmt::Display for Sparse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with holes", self.0)
    }
}
