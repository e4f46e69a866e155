//! The rules of progress: who may move a checkpoint, and what becomes of dead letters.

use std::collections::{BTreeMap, HashMap};

use es_core::{
    Checkpoint, DeadLetter, Diverged, Error, ErrorKind, Fenced, Invalid, LogId, Owner, Position,
    Progress, Release, Result, StreamId, SubscriberName, Timestamp,
};

/// The progress of all subscribers.
#[derive(Default)]
pub(super) struct Ledger {
    subscribers: HashMap<SubscriberName, Subscriber>,
}

#[derive(Default)]
struct Subscriber {
    /// The last epoch that was given. It outlives the checkpoint: an epoch that came twice
    /// would let a worker from before [`Ledger::forget`] move the checkpoint of one that
    /// claimed after it.
    epoch: u64,
    checkpoint: Option<Checkpoint>,
    parked: BTreeMap<Position, DeadLetter>,
    skipped: BTreeMap<Position, (DeadLetter, String)>,
}

impl Ledger {
    pub(super) fn claim(
        &mut self,
        name: &SubscriberName,
        log: LogId,
        owner: &Owner,
    ) -> Result<Checkpoint> {
        let subscriber = self.subscribers.entry(name.clone()).or_default();
        let mut checkpoint = match &subscriber.checkpoint {
            Some(known) if known.log != log => return Err(replaced(known.log, log)),
            Some(known) => known.clone(),
            None => Checkpoint::first(name.clone(), log, owner.clone()),
        };
        subscriber.epoch += 1;
        checkpoint.epoch = subscriber.epoch;
        checkpoint.owner = owner.clone();
        checkpoint.updated_at = Timestamp::now();
        subscriber.checkpoint = Some(checkpoint.clone());
        Ok(checkpoint)
    }

    pub(super) fn checkpoint(&self, name: &SubscriberName) -> Option<Checkpoint> {
        self.subscribers.get(name)?.checkpoint.clone()
    }

    /// Says whether `progress` may be made, and changes nothing.
    pub(super) fn check(&self, progress: &Progress) -> Result<()> {
        let name = &progress.subscriber;
        let known = self.subscribers.get(name);
        let Some(known) = known.and_then(|known| known.checkpoint.as_ref()) else {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!("nobody has claimed the checkpoint of {name}, or it was forgotten"),
            ));
        };
        if progress.epoch != known.epoch {
            return Err(Fenced::new(name.clone(), progress.epoch, known.epoch).into());
        }
        if progress.log != known.log {
            return Err(replaced(known.log, progress.log));
        }
        if progress.position < known.position && !progress.moves_back {
            return Err(Error::from(Invalid::Setting {
                setting: "the position of a checkpoint",
                value: format!("{} after {}", progress.position, known.position),
                remedy: "it only moves forward; say `Progress::back_to` to handle events again",
            }));
        }
        Ok(())
    }

    /// Makes progress that [`Ledger::check`] has allowed.
    ///
    /// Letters are released before others are parked, so a position that is named in both
    /// stays parked.
    pub(super) fn apply(&mut self, progress: &Progress) {
        let Some(subscriber) = self.subscribers.get_mut(&progress.subscriber) else {
            return;
        };
        if let Some(checkpoint) = &mut subscriber.checkpoint {
            // An event proves the history at its own position only.
            if progress.event.is_some() || progress.position != checkpoint.position {
                checkpoint.event = progress.event;
            }
            checkpoint.position = progress.position;
            checkpoint.updated_at = Timestamp::now();
        }
        if progress.moves_back {
            subscriber.parked.retain(|position, _| *position <= progress.position);
            subscriber.skipped.retain(|position, _| *position <= progress.position);
        }
        for release in &progress.released {
            let letter = subscriber.parked.remove(&release.position());
            if let (Some(letter), Release::Skipped(position, reason)) = (letter, release) {
                let skipped = (letter, reason.clone());
                subscriber.skipped.insert(*position, skipped);
            }
        }
        for letter in &progress.parked {
            subscriber.parked.insert(letter.position, letter.clone());
        }
    }

    /// Forgets all but the epoch.
    pub(super) fn forget(&mut self, name: &SubscriberName) {
        if let Some(subscriber) = self.subscribers.get_mut(name) {
            *subscriber = Subscriber { epoch: subscriber.epoch, ..Subscriber::default() };
        }
    }

    pub(super) fn dead_letters(
        &self,
        name: &SubscriberName,
        after: Position,
        limit: usize,
    ) -> Vec<DeadLetter> {
        let parked = self.subscribers.get(name).map(|known| &known.parked);
        let parked = parked.into_iter().flat_map(|parked| behind(parked, after));
        parked.take(limit).cloned().collect()
    }

    pub(super) fn skipped(
        &self,
        name: &SubscriberName,
        after: Position,
        limit: usize,
    ) -> Vec<(DeadLetter, String)> {
        let skipped = self.subscribers.get(name).map(|known| &known.skipped);
        let skipped = skipped.into_iter().flat_map(|skipped| behind(skipped, after));
        skipped.take(limit).cloned().collect()
    }

    /// In the order of the positions.
    pub(super) fn parked_streams(&self, name: &SubscriberName) -> Vec<(StreamId, Position)> {
        let mut streams: HashMap<&StreamId, Position> = HashMap::new();
        let parked = self.subscribers.get(name).map(|known| &known.parked);
        for (position, letter) in parked.into_iter().flatten() {
            streams.entry(&letter.stream).or_insert(*position);
        }
        let mut streams: Vec<_> =
            streams.into_iter().map(|(stream, position)| (stream.clone(), position)).collect();
        streams.sort_unstable_by_key(|(_, position)| *position);
        streams
    }
}

fn behind<T>(letters: &BTreeMap<Position, T>, after: Position) -> impl Iterator<Item = &T> {
    letters
        .range((std::ops::Bound::Excluded(after), std::ops::Bound::Unbounded))
        .map(|(_, letter)| letter)
}

fn replaced(expected: LogId, found: LogId) -> Error {
    Diverged::Replaced { expected, found }.into()
}
