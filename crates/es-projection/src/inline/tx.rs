//! The transaction of an append: events, rows and progress, of which none may be there without
//! the others.

use std::{
    fmt,
    ops::{Deref, DerefMut},
    sync::atomic::{AtomicBool, Ordering},
};

use es_core::{
    Append, AppendIn, AppendRequest, DeadLetterStore, Diverged, Error, ErrorKind, LogId, Position,
    Progress, ReadModel, Receipt, Result,
};
use tokio::sync::OwnedSemaphorePermit;

use super::{Inline, MOST_BETWEEN, STEP};
use crate::{Projection, Scope};

/// A transaction that takes appends: events, the projection's rows and rows of one's own.
/// Derefs to the transaction of the read model. Dropping it rolls everything back.
///
/// Savepoints of one's own are fine for one's own rows. A rollback to one from before an append
/// would leave the projection's progress behind: the commit, and every further append, notices
/// and is `Invalid`. Events that are appended in it past it, with the log's own function, are
/// refused likewise by the next append. To notice costs one more statement, where there was one
/// of the caller's before an append and one behind it.
pub struct InlineTx<'a, S, P, M: ReadModel> {
    inline: &'a Inline<S, P, M>,
    tx: M::Tx,
    /// What is to be committed with it, once something was appended.
    progress: Option<Progress>,
    /// Whether events are in it whose rows are not.
    is_torn: bool,
    /// Whether the caller has had the transaction in hand since that was looked at last.
    is_lent: AtomicBool,
    /// Whether the caller has had it in hand before that, and may have savepoints in it.
    was_lent: bool,
    proof: Proof,
    _turn: OwnedSemaphorePermit,
}

/// What shows that nothing was rolled back to before the last append.
enum Proof {
    /// There is no savepoint from before it.
    Needless,
    /// This append is still there.
    Append(Box<AppendRequest>),
    /// Nothing: rows were written, and no event.
    Lacking,
}

impl<'a, S, P, M> InlineTx<'a, S, P, M>
where
    S: AppendIn<M::Tx>,
    P: Projection<Tx = M::Tx>,
    M: ReadModel + DeadLetterStore,
{
    pub(super) fn new(inline: &'a Inline<S, P, M>, tx: M::Tx, turn: OwnedSemaphorePermit) -> Self {
        Self {
            inline,
            tx,
            progress: None,
            is_torn: false,
            is_lent: AtomicBool::new(false),
            was_lent: false,
            proof: Proof::Needless,
            _turn: turn,
        }
    }

    /// Appends, and applies the projection to the events and to whatever was appended by
    /// others since. From here on the rows can be read in this transaction, and everybody
    /// else's appends wait.
    ///
    /// # Errors
    /// Those of [`AppendIn::append_in_tx`]; after a conflict, a condition or a clash the
    /// transaction can go on. `Fault` with what the projection failed with, or `Busy` or
    /// `Unavailable` when that was up to the database; `Undecodable` or `UnknownEvent`; `Fenced`
    /// when a worker has taken the projection over; `Busy` when more than 10,000 events were
    /// appended past it: start it anew then; `Invalid` when an append before it was rolled back to
    /// a savepoint, or when events were appended past it in this very transaction;
    /// `ConditionFailed` when a condition fails only in the forms that layers read events in.
    /// After these it can only be dropped.
    ///
    /// # Cancel safety
    /// The transaction can only be dropped then.
    pub async fn append(&mut self, append: Append) -> Result<Receipt> {
        self.check()?;
        let request = append.build()?;
        self.prove().await?;
        let inline = self.inline;
        // It stays so if what follows fails or is dropped.
        self.is_torn = true;
        let receipt = match inline.log.append_in_tx(&mut self.tx, &request).await {
            Ok(receipt) => receipt,
            Err(error) => {
                self.is_torn = !is_refusal(&error);
                return Err(error);
            }
        };
        if !receipt.replayed {
            inline.check_conditions(&request, before(receipt.first)).await?;
        }
        let progress = match self.progress.take() {
            Some(progress) => progress,
            None => {
                let known = inline.checkpoint().await?;
                Progress::from(&known, known.position)
            }
        };
        let last = request.events().last().map(|(_, event)| event.id);
        let events = request.recorded(&receipt)?;
        let until = if receipt.replayed { receipt.last } else { before(receipt.first) };
        self.go_through(progress.log, progress.position, until).await?;
        let mut next = progress;
        if !receipt.replayed {
            inline.apply(&events, &mut self.tx).await?;
        }
        let moves = receipt.last > next.position;
        if moves {
            (next.position, next.event) = (receipt.last, last);
        }
        self.progress = Some(next);
        if self.was_lent && moves {
            self.proof = match receipt.replayed {
                false => Proof::Append(Box::new(request)),
                true => Proof::Lacking,
            };
        }
        self.is_torn = false;
        Ok(receipt)
    }

    /// Commits the events, the projection's rows and one's own.
    ///
    /// # Errors
    /// Those of [`ReadModel::commit`]: `Fenced` when a worker has taken the projection over, and
    /// `OutcomeUnknown` when the reply was lost; appending the same events again settles it.
    /// `Invalid` when an append failed that cannot be gone on from, or was rolled back to a
    /// savepoint. Where nothing was appended it waits for those who append, and says `Busy` where
    /// they and it were in each other's way.
    ///
    /// # Cancel safety
    /// It is committed whole or rolled back whole.
    pub async fn commit(mut self) -> Result<()> {
        self.check()?;
        self.prove().await?;
        let inline = self.inline;
        let progress = match self.progress {
            Some(progress) => progress,
            None => {
                // Whoever appends moves the checkpoint: not between this look and the commit.
                inline.log.lock_in_tx(&mut self.tx).await?;
                let known = inline.checkpoint().await?;
                Progress::from(&known, known.position)
            }
        };
        inline.engine.model.commit(self.tx, &progress).await
    }

    /// Applies a part of what others appended, and commits it.
    pub(super) async fn step(mut self) -> Result<()> {
        let inline = self.inline;
        inline.log.lock_in_tx(&mut self.tx).await?;
        let known = inline.checkpoint().await?;
        let head = inline.log.head().await?.position;
        let until = Position::new(known.position.get().saturating_add(STEP)).min(head);
        self.go_through(known.log, known.position, until).await?;
        let progress = Progress::from(&known, until.max(known.position));
        inline.engine.model.commit(self.tx, &progress).await
    }

    /// Makes sure that what was appended before is still there.
    ///
    /// *Hazard.* The caller may roll back to a savepoint from before an append: events and rows
    /// are gone, and the progress that would be committed says that they were handled. Whatever
    /// takes their place in the log would never be applied.
    /// *Mechanism.* Where the caller has had the transaction in hand before the append and behind
    /// it, the append is repeated: it answers that it is a repetition, or it is not there.
    /// *Why it is sound.* A rollback takes whatever is behind its savepoint, so if the last
    /// append is there, all before it are.
    async fn prove(&mut self) -> Result<()> {
        if !std::mem::take(self.is_lent.get_mut()) {
            return Ok(());
        }
        self.was_lent = true;
        let what = match &self.proof {
            Proof::Needless => return Ok(()),
            Proof::Lacking => {
                "cannot tell whether its rows were rolled back to a savepoint: nothing was \
                 written; append before any other statement of the transaction"
            }
            Proof::Append(request) => {
                self.is_torn = true;
                match self.inline.log.append_in_tx(&mut self.tx, request).await {
                    Ok(receipt) if receipt.replayed => {
                        self.is_torn = false;
                        return Ok(());
                    }
                    Err(error) if !is_refusal(&error) => return Err(error),
                    _ => {
                        "misses an append that was rolled back to a savepoint: nothing was \
                         written; do not roll back over appends"
                    }
                }
            }
        };
        self.is_torn = true;
        Err(Error::new(ErrorKind::Invalid, format!("{} {what}", self.inline.name)))
    }

    /// Applies what others appended behind `after`, up to `until`. It is committed: the log's
    /// lock is held.
    async fn go_through(&mut self, log: LogId, after: Position, until: Position) -> Result<()> {
        let between = until.get().saturating_sub(after.get());
        if between == 0 {
            return Ok(());
        }
        let inline = self.inline;
        // What is not committed is not read: it would never be applied.
        let head = inline.store.head().await?;
        if head.log != log {
            return Err(Diverged::Replaced { expected: log, found: head.log }.into());
        }
        if head.position < until {
            let message = format!(
                "{} does not see the events up to position {until}: nothing was written; append \
                 all events of a transaction through it, and let it read where they are appended",
                inline.name
            );
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        let read = Scope::read_for_all([&inline.scope]).after(after).until(until);
        let mut events = inline.store.read(read.limit(MOST_BETWEEN + 1));
        let mut page = Vec::new();
        while let Some(event) = events.next().await.transpose()? {
            page.push(event);
        }
        if page.len() as u64 > MOST_BETWEEN {
            let name = &inline.name;
            let message = format!(
                "{name} is more than {MOST_BETWEEN} events behind: nothing was written; start it \
                 inline anew, which catches up"
            );
            return Err(Error::new(ErrorKind::Busy, message));
        }
        inline.apply(&page, &mut self.tx).await
    }

    fn check(&self) -> Result<()> {
        if self.is_torn {
            let message = "an append in this transaction failed behind its events: drop it";
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        Ok(())
    }
}

/// Whether nothing of an append was written, and the transaction can go on.
fn is_refusal(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Conflict | ErrorKind::ConditionFailed | ErrorKind::IdempotencyClash
    )
}

const fn before(position: Position) -> Position {
    Position::new(position.get().saturating_sub(1))
}

impl<S, P, M: ReadModel> Deref for InlineTx<'_, S, P, M> {
    type Target = M::Tx;

    fn deref(&self) -> &M::Tx {
        self.is_lent.store(true, Ordering::Relaxed);
        &self.tx
    }
}

impl<S, P, M: ReadModel> DerefMut for InlineTx<'_, S, P, M> {
    fn deref_mut(&mut self) -> &mut M::Tx {
        *self.is_lent.get_mut() = true;
        &mut self.tx
    }
}

impl<S, P, M: ReadModel> fmt::Debug for InlineTx<'_, S, P, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let position = self.progress.as_ref().map(|progress| progress.position);
        f.debug_struct("InlineTx").field("up_to", &position).finish_non_exhaustive()
    }
}
