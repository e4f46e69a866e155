//! The floor: a mutex around a vector, with the checks that a log must make.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::bail;
use eventsource::{Envelope, prelude::*};

/// The least that still refuses a wrong version and a used id.
#[derive(Default)]
pub(super) struct Bare(Mutex<Log>);

#[derive(Default)]
struct Log {
    all: Vec<Arc<Envelope>>,
    streams: HashMap<StreamId, Vec<Arc<Envelope>>>,
    ids: HashSet<EventId>,
}

impl Bare {
    pub(super) fn append(
        &self,
        stream: &StreamId,
        expected: ExpectedVersion,
        events: Vec<NewEvent>,
    ) -> anyhow::Result<Version> {
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let log = &mut *guard;
        let history = log.streams.entry(stream.clone()).or_default();
        let mut version = history.last().map(|last| last.version);
        if !expected.admits(version) {
            bail!("conflict at {version:?}");
        }
        let now = eventsource::Timestamp::now();
        for event in events {
            if !log.ids.insert(event.id) {
                bail!("id {} is used", event.id);
            }
            let next = version.map_or(Version::FIRST, Version::next);
            let position = Position::new(log.all.len() as u64 + 1);
            let envelope = Envelope::record(event, stream.clone(), next, position, now);
            let envelope = Arc::new(envelope);
            history.push(Arc::clone(&envelope));
            log.all.push(envelope);
            version = Some(next);
        }
        Ok(version.unwrap_or(Version::FIRST))
    }

    /// The events of a stream, shared.
    pub(super) fn stream(&self, stream: &StreamId) -> Vec<Arc<Envelope>> {
        let log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.streams.get(stream).cloned().unwrap_or_default()
    }
}
