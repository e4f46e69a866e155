//! A transport that keeps what it is given, and fails as it is told.

use std::{
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use es_bus::{Publisher, Refused, Transport};
use es_core::{Error, ErrorKind, Fenced, Position, Recorded, Result};

#[derive(Clone, Debug, Default)]
pub(crate) struct Shelf(Arc<Mutex<State>>);

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) kept: Vec<Recorded>,
    pub(crate) epoch: u64,
    pub(crate) opened: Vec<Publisher>,
    /// Errors to answer with, one per call of `publish`.
    pub(crate) failures: Vec<ErrorKind>,
    /// Positions that are refused.
    pub(crate) poison: Vec<u64>,
    pub(crate) consumed: Option<Position>,
    /// It has lost everything behind this.
    pub(crate) lost_after: Option<Position>,
    pub(crate) is_stuck: bool,
    /// How long it takes to say what was consumed.
    pub(crate) asked_for: Duration,
    /// It refuses nothing.
    pub(crate) is_firm: bool,
}

impl Shelf {
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().unwrap())
    }

    pub(crate) fn positions(&self) -> Vec<u64> {
        self.change(|state| state.kept.iter().map(|event| event.position.get()).collect())
    }
}

impl fmt::Display for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a shelf")
    }
}

#[async_trait]
impl Transport for Shelf {
    fn may_refuse(&self) -> bool {
        !self.change(|state| state.is_firm)
    }

    async fn open(&self, publisher: &Publisher) -> Result<Position> {
        self.change(|state| {
            state.opened.push(publisher.clone());
            state.epoch = publisher.epoch;
            Ok(state.lost_after.take().unwrap_or(publisher.published).min(publisher.published))
        })
    }

    async fn publish(
        &self,
        publisher: &Publisher,
        events: &[Recorded],
        _through: Position,
    ) -> Result<Vec<Refused>> {
        while self.change(|state| state.is_stuck) {
            tokio::task::yield_now().await;
        }
        self.change(|state| {
            if publisher.epoch < state.epoch {
                let relay = publisher.relay.clone();
                return Err(Fenced::new(relay, publisher.epoch, state.epoch).into());
            }
            if state.lost_after.is_some() {
                return Err(Error::new(ErrorKind::NotFound, "lost"));
            }
            if let Some(kind) = state.failures.pop() {
                return Err(Error::new(kind, "as told"));
            }
            let mut refused: Vec<Refused> = Vec::new();
            for event in events {
                if refused.iter().any(|refused| refused.event.stream == event.stream) {
                    refused.push(Refused::waiting(event.clone()));
                } else if state.poison.contains(&event.position.get()) {
                    refused.push(Refused::new(event.clone(), "poison", 3));
                } else {
                    state.kept.push(event.clone());
                }
            }
            Ok(refused)
        })
    }

    async fn consumed(&self, _publisher: &Publisher) -> Result<Option<Position>> {
        let (is_lost, consumed, asked_for) =
            self.change(|state| (state.lost_after.is_some(), state.consumed, state.asked_for));
        if is_lost {
            return Err(Error::new(ErrorKind::NotFound, "lost"));
        }
        tokio::time::sleep(asked_for).await; // waits: as long as an answer is to take
        Ok(consumed)
    }
}
