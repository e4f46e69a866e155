//! The dead letters of one subscription, in memory, and the streams that wait.

use std::collections::{HashMap, VecDeque};

use es_core::{EventId, Part, Recorded, StreamId};

use crate::KeptLetter;

/// Letters in the order in which they came, which is the order of their streams.
#[derive(Default)]
pub(super) struct Letters {
    kept: VecDeque<KeptLetter>,
    /// The streams whose later events wait, and how many letters each has.
    parked: HashMap<StreamId, usize>,
}

impl Letters {
    pub(super) fn len(&self) -> usize {
        self.kept.len()
    }

    pub(super) fn parked_streams(&self) -> usize {
        self.parked.len()
    }

    pub(super) fn is_parked(&self, stream: &StreamId) -> bool {
        self.parked.contains_key(stream)
    }

    pub(super) fn all(&self) -> Vec<KeptLetter> {
        self.kept.iter().cloned().collect()
    }

    /// Keeps a letter; with `parks`, the later events of its stream wait from now on. Gives
    /// the letter that had to go to make room, if one had to.
    pub(super) fn keep(
        &mut self,
        kept: KeptLetter,
        parks: bool,
        most: usize,
    ) -> Option<KeptLetter> {
        let stream = kept.event.stream.clone();
        if parks || self.parked.contains_key(&stream) {
            *self.parked.entry(stream).or_default() += 1;
        }
        self.kept.push_back(kept);
        if self.kept.len() <= most.max(1) {
            return None;
        }
        let displaced = self.kept.pop_front()?;
        self.count_down(&displaced.event.stream);
        Some(displaced)
    }

    pub(super) fn has(&self, event: &Recorded) -> bool {
        self.kept.iter().any(|kept| same(&kept.event, event))
    }

    /// Puts what is known now in place of what was.
    pub(super) fn renew(&mut self, renewed: KeptLetter) {
        if let Some(kept) = self.kept.iter_mut().find(|kept| same(&kept.event, &renewed.event)) {
            *kept = renewed;
        }
    }

    pub(super) fn remove(&mut self, event: &Recorded) {
        if let Some(at) = self.kept.iter().position(|kept| same(&kept.event, event)) {
            self.kept.remove(at);
            self.count_down(&event.stream);
        }
    }

    /// Removes the letters of this event, all its parts, and says whether there was one.
    pub(super) fn discard(&mut self, event: EventId) -> bool {
        let gone: Vec<Recorded> = self
            .kept
            .iter()
            .filter(|kept| kept.event.id == event)
            .map(|kept| kept.event.clone())
            .collect();
        for event in &gone {
            self.remove(event);
        }
        !gone.is_empty()
    }

    fn count_down(&mut self, stream: &StreamId) {
        if let Some(count) = self.parked.get_mut(stream) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.parked.remove(stream);
            }
        }
    }
}

/// Parts of a split event have one id.
fn same(one: &Recorded, other: &Recorded) -> bool {
    let part = |event: &Recorded| match event.part {
        Part::Split { index, .. } => Some(index),
        _ => None,
    };
    one.id == other.id && part(one) == part(other)
}
