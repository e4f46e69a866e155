//! One history, played on a store and on the model.
//!
//! Here: the order of things, and what is kept for the report. What each operation does is
//! in `appends`, `reads`, `following` and `contention`.
#![allow(clippy::future_not_send, reason = "a history is played on one thread")]

mod appends;
mod contention;
mod following;
mod reads;

use std::time::Duration;

use es_core::{Head, Position, Read, Store};

use super::{
    compare::{Mismatch, compare_read, failed},
    model::{Model, Outcome},
    names::Names,
    operation::{History, Operation},
    resolve::Resolver,
    tally::Tally,
    transcript::Transcript,
};

/// A history under way.
pub(super) struct Play<'a> {
    store: &'a Store,
    names: &'a Names,
    told: &'a Transcript,
    model: Model,
    tally: Tally,
}

/// Plays the history on a fresh store, and says how often what came up.
pub(super) async fn play(
    store: &Store,
    history: &History,
    patience: Duration,
    told: &Transcript,
) -> Result<Tally, Mismatch> {
    let head = within(patience, start(store)).await.inspect_err(|_| {
        told.say(|| "ask the fresh store for its head".to_owned());
    })?;
    told.in_log(head.log);
    let mut play = Play {
        store,
        names: &history.names,
        told,
        model: Model::new(store.capabilities(), head.log),
        tally: Tally { histories: 1, ..Tally::default() },
    };
    for operation in &history.operations {
        within(patience, play.operate(operation)).await?;
    }
    within(patience, play.look_at_all()).await?;
    Ok(play.tally)
}

/// A fresh store is empty.
async fn start(store: &Store) -> Result<Head, Mismatch> {
    match store.head().await {
        Ok(head) if head.position == Position::START => Ok(head),
        Ok(head) => Err(Mismatch::new("an empty log", format!("position {}", head.position))),
        Err(error) => Err(Mismatch::new("an empty log", failed(&error))),
    }
}

/// What does not come in time never comes.
async fn within<T>(
    patience: Duration,
    operation: impl Future<Output = Result<T, Mismatch>>,
) -> Result<T, Mismatch> {
    match tokio::time::timeout(patience, operation).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Mismatch::new("an answer", format!("none within {patience:?}: it hangs"))),
    }
}

impl Play<'_> {
    async fn operate(&mut self, operation: &Operation) -> Result<(), Mismatch> {
        match operation {
            Operation::Append(plan) => {
                let draft = self.resolver().append(plan);
                self.append(&draft).await
            }
            Operation::Bulk(whose, at, count) => {
                let draft = self.resolver().bulk(*whose, *at, *count);
                self.append(&draft).await
            }
            Operation::Retry(plan) => match self.resolver().retry(plan) {
                Some(draft) => self.append(&draft).await,
                None => Ok(()),
            },
            Operation::Dropped(plan, polls) => {
                let draft = self.resolver().append(plan);
                self.drop_and_append(&draft, *polls).await
            }
            Operation::Read(plan) => self.read(plan).await,
            Operation::Version(whose, stream) => self.version(*whose, *stream).await,
            Operation::Find(plan) => self.find(*plan).await,
            Operation::Head => self.head().await,
            Operation::Follow(plan, appends) => self.follow(plan, appends).await,
            Operation::Together(contenders) => self.together(contenders).await,
            Operation::Wake { waiters, writer, write } => self.wake(waiters, *writer, write).await,
            Operation::ReadWhileWriting(plan, write) => self.read_while_writing(plan, write).await,
        }
    }

    /// What every history ends with: whatever went wrong in silence shows here.
    async fn look_at_all(&mut self) -> Result<(), Mismatch> {
        self.head().await?;
        self.told.say(|| "read all, of all tenants".to_owned());
        let read = Read::all().all_tenants();
        let came = self.store.read(read.clone()).into_vec().await;
        compare_read(&self.model.answer(&read), &came)
    }

    fn resolver(&self) -> Resolver<'_> {
        Resolver { names: self.names, ids: &self.told.ids, model: &self.model }
    }

    fn count(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Written { .. } => self.tally.written += 1,
            Outcome::Replayed(_) => self.tally.replayed += 1,
            Outcome::Clash(_) => self.tally.clashes += 1,
            Outcome::Conflict(_) => self.tally.conflicts += 1,
            Outcome::ConditionFailed { .. } => self.tally.failed_conditions += 1,
            Outcome::Unsupported => self.tally.unsupported += 1,
        }
    }
}
