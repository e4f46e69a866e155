//! Checkpoints and dead letters: maps behind a mutex.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{Mutex, MutexGuard},
};

use async_trait::async_trait;
use es_core::{
    Checkpoint, CheckpointStore, DeadLetter, DeadLetterStore, Diverged, Error, ErrorKind, Fenced,
    LogId, Owner, Position, Progress, Release, Result, StreamId, SubscriberName, Timestamp,
};

#[derive(Debug, Default)]
pub(crate) struct Checkpoints(Mutex<HashMap<SubscriberName, Subscriber>>);

#[derive(Debug, Default)]
struct Subscriber {
    /// None before the first claim and after the subscriber was forgotten.
    checkpoint: Option<Checkpoint>,
    /// The last epoch that was given. It outlives the checkpoint, so that a worker which
    /// still runs when its subscriber is forgotten never holds an epoch that is in force.
    epoch: u64,
    parked: BTreeMap<Position, DeadLetter>,
    skipped: BTreeMap<Position, (DeadLetter, String)>,
}

impl Checkpoints {
    fn lock(&self) -> MutexGuard<'_, HashMap<SubscriberName, Subscriber>> {
        self.0.lock().unwrap()
    }

    /// Takes the progress, or changes nothing.
    pub(crate) fn take(&self, progress: &Progress) -> Result<()> {
        let mut subscribers = self.lock();
        let never_claimed = || Error::new(ErrorKind::NotFound, "nobody ever claimed it");
        let kept = subscribers.get_mut(&progress.subscriber).ok_or_else(never_claimed)?;
        let checkpoint = kept.checkpoint.as_mut().ok_or_else(never_claimed)?;
        same_log(checkpoint.log, progress.log)?;
        if checkpoint.epoch != progress.epoch {
            let subscriber = progress.subscriber.clone();
            return Err(Fenced::new(subscriber, progress.epoch, checkpoint.epoch).into());
        }
        if checkpoint.position > progress.position && !progress.moves_back {
            return Err(Error::new(ErrorKind::Invalid, "it would move backward"));
        }
        checkpoint.position = progress.position;
        checkpoint.event = progress.event;
        checkpoint.updated_at = Timestamp::now();
        if progress.moves_back {
            kept.parked.retain(|position, _| *position <= progress.position);
            kept.skipped.retain(|position, _| *position <= progress.position);
        }
        for letter in &progress.parked {
            kept.parked.insert(letter.position, letter.clone());
        }
        for release in &progress.released {
            let letter = kept.parked.remove(&release.position());
            if let (Some(letter), Release::Skipped(position, reason)) = (letter, release) {
                kept.skipped.insert(*position, (letter, reason.clone()));
            }
        }
        Ok(())
    }
}

#[async_trait]
impl CheckpointStore for Checkpoints {
    async fn claim(
        &self,
        subscriber: &SubscriberName,
        log: LogId,
        owner: &Owner,
    ) -> Result<Checkpoint> {
        let mut subscribers = self.lock();
        let kept = subscribers.entry(subscriber.clone()).or_default();
        let first = || Checkpoint::first(subscriber.clone(), log, owner.clone());
        let mut claimed = kept.checkpoint.clone().unwrap_or_else(first);
        same_log(claimed.log, log)?;
        kept.epoch += 1;
        claimed.epoch = kept.epoch;
        claimed.owner = owner.clone();
        claimed.updated_at = Timestamp::now();
        kept.checkpoint = Some(claimed.clone());
        Ok(claimed)
    }

    async fn advance(&self, progress: &Progress) -> Result<()> {
        self.take(progress)
    }

    async fn checkpoint(&self, subscriber: &SubscriberName) -> Result<Option<Checkpoint>> {
        let subscribers = self.lock();
        Ok(subscribers.get(subscriber).and_then(|kept| kept.checkpoint.clone()))
    }

    async fn forget(&self, subscriber: &SubscriberName) -> Result<()> {
        if let Some(kept) = self.lock().get_mut(subscriber) {
            *kept = Subscriber { epoch: kept.epoch, ..Subscriber::default() };
        }
        Ok(())
    }
}

#[async_trait]
impl DeadLetterStore for Checkpoints {
    async fn dead_letters(
        &self,
        subscriber: &SubscriberName,
        after: Position,
        limit: usize,
    ) -> Result<Vec<DeadLetter>> {
        let subscribers = self.lock();
        let parked = subscribers.get(subscriber).map(|kept| kept.parked.values());
        let behind = parked.into_iter().flatten().filter(|letter| letter.position > after);
        Ok(behind.take(limit).cloned().collect())
    }

    async fn parked_streams(
        &self,
        subscriber: &SubscriberName,
    ) -> Result<Vec<(StreamId, Position)>> {
        let subscribers = self.lock();
        let mut first = BTreeMap::new();
        let parked = subscribers.get(subscriber).map(|kept| kept.parked.values());
        for letter in parked.into_iter().flatten() {
            first.entry(letter.stream.clone()).or_insert(letter.position);
        }
        Ok(first.into_iter().collect())
    }

    async fn skipped(
        &self,
        subscriber: &SubscriberName,
        after: Position,
        limit: usize,
    ) -> Result<Vec<(DeadLetter, String)>> {
        let subscribers = self.lock();
        let skipped = subscribers.get(subscriber).map(|kept| kept.skipped.iter());
        let behind = skipped.into_iter().flatten().filter(|(position, _)| **position > after);
        Ok(behind.take(limit).map(|(_, skipped)| skipped.clone()).collect())
    }
}

/// A position means something only in the log that it was counted in.
fn same_log(expected: LogId, found: LogId) -> Result<()> {
    if expected == found { Ok(()) } else { Err(Diverged::Replaced { expected, found }.into()) }
}

impl fmt::Display for Checkpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("naive checkpoints")
    }
}
