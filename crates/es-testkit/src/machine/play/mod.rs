//! One history, played on a store and on the model.
//!
//! Here: the order of things, and what is kept for the report. What each operation does is
//! in `appends`, `reads`, `following` and `contention`.

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
};
use crate::Ids;

/// A history under way.
pub(super) struct Play<'a> {
    store: &'a Store,
    names: &'a Names,
    model: Model,
    ids: Ids,
    /// What has been done, if somebody wants to know.
    lines: Option<Vec<String>>,
    tally: Tally,
}

/// How a history went wrong.
#[derive(Debug)]
pub(super) struct Stopped {
    pub(super) mismatch: Mismatch,
    /// What was done until then, what went wrong last.
    pub(super) lines: Vec<String>,
    pub(super) ids: Ids,
    pub(super) log: Option<es_core::LogId>,
}

/// Plays the history on a fresh store, and says how often what came up.
///
/// `tells` says whether to keep what is done, which costs more than doing it.
pub(super) async fn play(
    store: &Store,
    history: &History,
    patience: Duration,
    tells: bool,
) -> Result<Tally, Box<Stopped>> {
    let ids = Ids::seeded(0);
    let head = match within(patience, start(store)).await {
        Ok(head) => head,
        Err(mismatch) => {
            let lines = vec!["look at the head of the fresh store".to_owned()];
            return Err(Box::new(Stopped { mismatch, lines, ids, log: None }));
        }
    };
    let mut play = Play {
        store,
        names: &history.names,
        model: Model::new(store.capabilities(), head.log),
        ids,
        lines: tells.then(Vec::new),
        tally: Tally { histories: 1, ..Tally::default() },
    };
    let mut outcome = Ok(());
    for operation in &history.operations {
        outcome = within(patience, play.operate(operation)).await;
        if outcome.is_err() {
            break;
        }
    }
    if outcome.is_ok() {
        outcome = within(patience, play.look_at_all()).await;
    }
    let Play { model, ids, lines, tally, .. } = play;
    match outcome {
        Ok(()) => Ok(tally),
        Err(mismatch) => {
            let (lines, log) = (lines.unwrap_or_default(), Some(model.log()));
            Err(Box::new(Stopped { mismatch, lines, ids, log }))
        }
    }
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
            Operation::Retry(plan) => match self.resolver().retry(plan) {
                Some(draft) => self.append(&draft).await,
                None => Ok(()),
            },
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
        self.say(|| "read all, of all tenants".to_owned());
        let read = Read::all().all_tenants();
        let came = self.store.read(read.clone()).into_vec().await;
        compare_read(&self.model.answer(&read), &came)
    }

    fn resolver(&self) -> Resolver<'_> {
        Resolver { names: self.names, ids: &self.ids, model: &self.model }
    }

    /// Keeps what is about to be done.
    fn say(&mut self, what: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.lines {
            lines.push(what());
        }
    }

    /// Keeps what came of it.
    fn came(&mut self, what: impl FnOnce() -> String) {
        if let Some(last) = self.lines.as_mut().and_then(|lines| lines.last_mut()) {
            last.push_str("\n    -> ");
            last.push_str(&what());
        }
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
