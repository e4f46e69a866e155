//! Checkpoints and snapshots with a bug, and the cases that must notice.

use std::fmt;

use async_trait::async_trait;
use es_core::{
    Checkpoint, CheckpointStore, DeadLetter, DeadLetterStore, ErrorKind, LogId, Owner, Position,
    Progress, Result, Snapshot, SnapshotKey, SnapshotStore, StreamId, SubscriberName,
};
use es_testkit::progress::{checkpoints, dead_letters, snapshots};

use super::{
    super::naive::{Checkpoints, Snapshots},
    caught::{fails, passes},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bug {
    None,
    /// It takes the progress of whoever comes.
    DropsTheFence,
    /// It goes back with whoever asks.
    GoesBackward,
    /// It takes what was not meant for this log.
    IgnoresTheLog,
    /// It parks the letters and then finds that the progress is refused.
    ParksBeforeItChecks,
    /// It loses the reason of a skip.
    LosesReasons,
    /// It keeps whichever snapshot came last.
    KeepsTheLast,
}

#[test]
fn fences() {
    noticed(Bug::DropsTheFence, checkpoints::an_earlier_owner_is_fenced);
    noticed(Bug::DropsTheFence, checkpoints::no_step_of_a_fenced_owner_is_taken);
    noticed(Bug::DropsTheFence, checkpoints::an_epoch_is_never_given_twice);
}

#[test]
fn steps_backward() {
    noticed(Bug::GoesBackward, checkpoints::a_step_backward_is_refused);
}

#[test]
fn logs() {
    noticed(Bug::IgnoresTheLog, checkpoints::progress_in_another_log_has_diverged);
}

#[test]
fn letters() {
    noticed(Bug::ParksBeforeItChecks, dead_letters::refused_progress_parks_nothing);
    noticed(Bug::LosesReasons, dead_letters::a_skipped_letter_is_kept_with_its_reason);
}

#[test]
fn newer_snapshots() {
    let broken = |bug| BrokenSnapshots(Snapshots::default(), bug);
    passes(snapshots::an_older_version_does_not_replace(broken(Bug::None)));
    fails(snapshots::an_older_version_does_not_replace(broken(Bug::KeepsTheLast)));
}

/// The case passes without the bug and fails with it.
#[track_caller]
fn noticed<Case: Future<Output = ()> + Send + 'static>(bug: Bug, case: fn(Broken) -> Case) {
    passes(case(Broken(Checkpoints::default(), Bug::None)));
    fails(case(Broken(Checkpoints::default(), bug)));
}

#[derive(Debug)]
struct Broken(Checkpoints, Bug);

impl Broken {
    /// The progress, made such that the store below takes it.
    async fn forge(&self, progress: &Progress) -> Result<Progress> {
        let mut forged = progress.clone();
        let Some(now) = self.0.checkpoint(&progress.subscriber).await? else {
            return Ok(forged);
        };
        match self.1 {
            Bug::DropsTheFence => forged.epoch = now.epoch,
            Bug::IgnoresTheLog => forged.log = now.log,
            _ => {}
        }
        Ok(forged)
    }
}

#[async_trait]
impl CheckpointStore for Broken {
    async fn claim(&self, name: &SubscriberName, log: LogId, owner: &Owner) -> Result<Checkpoint> {
        self.0.claim(name, log, owner).await
    }

    async fn advance(&self, progress: &Progress) -> Result<()> {
        let forged = self.forge(progress).await?;
        match (self.0.advance(&forged).await, self.1) {
            (Err(error), Bug::GoesBackward) if error.kind() == ErrorKind::Invalid => Ok(()),
            (Err(error), Bug::ParksBeforeItChecks) => {
                if let Some(now) = self.0.checkpoint(&forged.subscriber).await? {
                    let parked = Progress::from(&now, now.position).with_parked(forged.parked);
                    self.0.advance(&parked).await?;
                }
                Err(error)
            }
            (result, _) => result,
        }
    }

    async fn checkpoint(&self, name: &SubscriberName) -> Result<Option<Checkpoint>> {
        self.0.checkpoint(name).await
    }

    async fn forget(&self, name: &SubscriberName) -> Result<()> {
        self.0.forget(name).await
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
        self.0.dead_letters(name, after, limit).await
    }

    async fn parked_streams(&self, name: &SubscriberName) -> Result<Vec<(StreamId, Position)>> {
        self.0.parked_streams(name).await
    }

    async fn skipped(
        &self,
        name: &SubscriberName,
        after: Position,
        limit: usize,
    ) -> Result<Vec<(DeadLetter, String)>> {
        let mut skipped = self.0.skipped(name, after, limit).await?;
        if self.1 == Bug::LosesReasons {
            skipped.iter_mut().for_each(|(_, reason)| reason.clear());
        }
        Ok(skipped)
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} that {:?}", self.0, self.1)
    }
}

#[derive(Debug)]
struct BrokenSnapshots(Snapshots, Bug);

#[async_trait]
impl SnapshotStore for BrokenSnapshots {
    async fn load(&self, key: &SnapshotKey) -> Result<Option<Snapshot>> {
        self.0.load(key).await
    }

    async fn save(&self, snapshot: Snapshot) -> Result<()> {
        if self.1 == Bug::KeepsTheLast {
            self.0.delete(&snapshot.key).await?;
        }
        self.0.save(snapshot).await
    }

    async fn delete(&self, key: &SnapshotKey) -> Result<()> {
        self.0.delete(key).await
    }
}

impl fmt::Display for BrokenSnapshots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} that {:?}", self.0, self.1)
    }
}
