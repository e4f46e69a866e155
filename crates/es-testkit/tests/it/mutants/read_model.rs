//! Read models with a bug, and the cases that must notice.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use es_core::{
    Checkpoint, CheckpointStore, DeadLetter, DeadLetterStore, LogId, Owner, Position, Progress,
    ReadModel, Result, StreamId, SubscriberName,
};
use es_testkit::read_model::{Rows, cancel_safe, p1_together, p2_fenced, p3_parked, p7_same_log};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::yield_now,
};

use super::{
    super::naive::{Model, Puts},
    caught::{fails, passes},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bug {
    None,
    /// It writes the rows and then finds that the progress is refused.
    WritesBeforeItChecks,
    /// It writes outside of the transaction.
    WritesAtOnce,
    /// The checkpoint moves, and the rows come later.
    ShowsTheCheckpointFirst,
    /// The rows come, and the checkpoint moves later.
    ShowsTheRowsFirst,
    /// It commits the rows and leaves the checkpoint where it is.
    LeavesTheCheckpoint,
    /// It takes commits behind the checkpoint.
    CommitsBackward,
    /// A transaction that is dropped keeps the connection.
    KeepsTheConnection,
    /// So does a `begin` that is dropped.
    KeepsTheConnectionOfABegin,
    /// It does not compare epochs in a commit.
    CommitsForAnybody,
    /// It compares the epoch, and commits later.
    ChecksTheFenceThenCommits,
    /// It compares the epoch only where the checkpoint moves.
    FencesOnlySteps,
    /// It leaves the letters out of the commit.
    LosesLetters,
    /// It parks the letters of commits that it refuses.
    ParksWhatItRefuses,
    /// It does not release letters in a commit.
    KeepsReleasedLetters,
    /// It does not compare logs in a commit.
    CommitsForAnyLog,
}

/// One test per line: its name, the bug, and the cases that must notice it.
macro_rules! noticed {
    ($($name:ident: $bug:ident by $($case:path),+;)+) => {$(
        #[test]
        fn $name() {
            $(
                passes($case(Broken::new(Bug::None)));
                fails($case(Broken::new(Bug::$bug)));
            )+
        }
    )+};
}

noticed! {
    write_before_check: WritesBeforeItChecks by
        p1_together::a_commit_backward_writes_nothing,
        p1_together::a_commit_without_a_claim_writes_nothing,
        p2_fenced::a_fenced_commit_writes_nothing,
        p7_same_log::a_commit_for_another_log_writes_nothing;
    no_transaction: WritesAtOnce by
        p1_together::a_dropped_transaction_leaves_neither,
        p1_together::whoever_sees_the_checkpoint_sees_the_rows;
    checkpoint_first: ShowsTheCheckpointFirst by
        p1_together::whoever_sees_the_checkpoint_sees_the_rows,
        cancel_safe::a_dropped_commit_is_whole_or_not_at_all;
    rows_first: ShowsTheRowsFirst by
        p1_together::whoever_sees_the_checkpoint_sees_the_rows,
        cancel_safe::a_dropped_commit_is_whole_or_not_at_all;
    no_checkpoint: LeavesTheCheckpoint by
        p1_together::rows_and_checkpoint_commit_together,
        p1_together::a_commit_without_rows_moves_the_checkpoint;
    backward: CommitsBackward by
        p1_together::a_commit_backward_writes_nothing,
        p1_together::advance_and_commit_agree;
    kept_connection: KeepsTheConnection by
        p1_together::a_dropped_transaction_leaves_neither;
    kept_connection_of_a_begin: KeepsTheConnectionOfABegin by
        cancel_safe::a_dropped_begin_leaves_the_model_usable;
    no_fence: CommitsForAnybody by
        p2_fenced::a_fenced_commit_writes_nothing,
        p2_fenced::a_worker_paused_in_a_transaction_is_fenced,
        p2_fenced::a_worker_whose_subscriber_is_forgotten_writes_nothing,
        p2_fenced::no_rows_of_a_fenced_owner_are_kept;
    check_then_commit: ChecksTheFenceThenCommits by
        p2_fenced::no_rows_of_a_fenced_owner_are_kept;
    steps_only: FencesOnlySteps by
        p2_fenced::a_fenced_commit_at_the_same_position_writes_nothing;
    lost_letters: LosesLetters by
        p3_parked::parked_letters_commit_with_the_rows,
        p3_parked::one_commit_parks_and_releases;
    refused_letters: ParksWhatItRefuses by
        p3_parked::refused_commits_park_and_release_nothing;
    released_letters: KeepsReleasedLetters by
        p3_parked::released_letters_commit_with_the_rows;
    any_log: CommitsForAnyLog by
        p7_same_log::a_commit_for_another_log_writes_nothing,
        p7_same_log::a_commit_for_another_log_at_the_same_position_writes_nothing;
}

/// A naive read model with one bug, and with one connection for all transactions.
#[derive(Debug)]
struct Broken {
    inner: Model,
    bug: Bug,
    connection: Arc<Semaphore>,
}

struct Tx {
    puts: Puts,
    connection: Option<OwnedSemaphorePermit>,
    bug: Bug,
}

impl Drop for Tx {
    fn drop(&mut self) {
        if let (Some(connection), Bug::KeepsTheConnection) = (self.connection.take(), self.bug) {
            connection.forget();
        }
    }
}

impl Broken {
    fn new(bug: Bug) -> Self {
        Self { inner: Model::default(), bug, connection: Arc::new(Semaphore::new(1)) }
    }

    async fn connect(&self) -> OwnedSemaphorePermit {
        Arc::clone(&self.connection).acquire_owned().await.unwrap()
    }

    /// The progress as the bug understands it.
    async fn understand(&self, progress: &Progress) -> Result<Progress> {
        let mut taken = progress.clone();
        let Some(now) = self.inner.checkpoints.checkpoint(&progress.subscriber).await? else {
            return Ok(taken);
        };
        match self.bug {
            Bug::LeavesTheCheckpoint => taken.position = now.position,
            Bug::CommitsBackward => taken.position = taken.position.max(now.position),
            Bug::CommitsForAnybody => taken.epoch = now.epoch,
            Bug::FencesOnlySteps if taken.position == now.position => taken.epoch = now.epoch,
            Bug::ChecksTheFenceThenCommits if taken.epoch == now.epoch => {
                yield_now().await;
                let later = self.inner.checkpoints.checkpoint(&progress.subscriber).await?;
                taken.epoch = later.unwrap_or(now).epoch;
            }
            Bug::LosesLetters => taken.parked.clear(),
            Bug::KeepsReleasedLetters => taken.released.clear(),
            Bug::CommitsForAnyLog => taken.log = now.log,
            _ => {}
        }
        Ok(taken)
    }

    async fn write(&self, puts: Puts, progress: &Progress) -> Result<()> {
        let known = self.inner.checkpoints.checkpoint(&progress.subscriber).await?;
        let parked = |now: &Checkpoint| {
            Progress::from(now, now.position).with_parked(progress.parked.clone())
        };
        match (self.bug, known) {
            (Bug::WritesBeforeItChecks, _) => self.inner.put(puts.clone()),
            (Bug::ParksWhatItRefuses, Some(now)) => self.inner.commit(Vec::new(), &parked(&now))?,
            (Bug::ShowsTheCheckpointFirst, _) => {
                self.inner.commit(Vec::new(), progress)?;
                yield_now().await;
                self.inner.put(puts);
                return Ok(());
            }
            (Bug::ShowsTheRowsFirst, Some(now)) => {
                let mut stays = progress.clone();
                stays.position = now.position;
                self.inner.commit(puts, &stays)?;
                yield_now().await;
                return self.inner.commit(Vec::new(), progress);
            }
            _ => {}
        }
        self.inner.commit(puts, progress)
    }
}

impl ReadModel for Broken {
    type Tx = Tx;

    async fn begin(&self) -> Result<Tx> {
        let mut connection = self.connect().await;
        if self.bug == Bug::KeepsTheConnectionOfABegin {
            connection.forget();
            yield_now().await;
            self.connection.add_permits(1);
            connection = self.connect().await;
        }
        yield_now().await;
        Ok(Tx { puts: Vec::new(), connection: Some(connection), bug: self.bug })
    }

    async fn commit(&self, mut tx: Tx, progress: &Progress) -> Result<()> {
        let progress = self.understand(progress).await?;
        let puts = std::mem::take(&mut tx.puts);
        yield_now().await;
        let result = self.write(puts, &progress).await;
        drop(tx.connection.take());
        result
    }
}

impl Rows for Broken {
    type Model = Self;

    fn model(&self) -> &Self {
        self
    }

    async fn put(&self, tx: &mut Tx, key: &str, value: i64) {
        let put = (key.to_owned(), value);
        match self.bug {
            Bug::WritesAtOnce => self.inner.put(vec![put]),
            _ => tx.puts.push(put),
        }
    }

    async fn get(&self, key: &str) -> Option<i64> {
        self.inner.get(key)
    }
}

#[async_trait]
impl CheckpointStore for Broken {
    async fn claim(&self, name: &SubscriberName, log: LogId, owner: &Owner) -> Result<Checkpoint> {
        self.inner.checkpoints.claim(name, log, owner).await
    }

    async fn advance(&self, progress: &Progress) -> Result<()> {
        self.inner.checkpoints.advance(progress).await
    }

    async fn checkpoint(&self, name: &SubscriberName) -> Result<Option<Checkpoint>> {
        self.inner.checkpoints.checkpoint(name).await
    }

    async fn forget(&self, name: &SubscriberName) -> Result<()> {
        self.inner.checkpoints.forget(name).await
    }
}

#[async_trait]
impl DeadLetterStore for Broken {
    async fn dead_letters(
        &self,
        name: &SubscriberName,
        after: Position,
        limit: usize,
    ) -> Result<Vec<DeadLetter>> {
        self.inner.checkpoints.dead_letters(name, after, limit).await
    }

    async fn parked_streams(&self, name: &SubscriberName) -> Result<Vec<(StreamId, Position)>> {
        self.inner.checkpoints.parked_streams(name).await
    }

    async fn skipped(
        &self,
        name: &SubscriberName,
        after: Position,
        limit: usize,
    ) -> Result<Vec<(DeadLetter, String)>> {
        self.inner.checkpoints.skipped(name, after, limit).await
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} that {:?}", self.inner, self.bug)
    }
}

/// Every case passes on the naive model: what is noticed is the bug.
mod plain {
    use super::{Broken, Bug};

    es_testkit::read_model_contract_tests!(rows = || async { Broken::new(Bug::None) });
}
