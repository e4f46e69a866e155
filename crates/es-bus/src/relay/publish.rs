//! A batch on its way to the transports: each is given what it is to have, and what is refused is
//! parked.

use std::sync::Arc;

use es_core::{DeadLetter, ErrorKind, Position, Recorded};
use tracing::Instrument;

use super::{
    Publisher, Refused, RelayState, Route,
    gather::Batch,
    persist::{End, Flow},
    worker::{Term, Worker},
};
use crate::{
    attempts::waiting,
    watch::{HISTORY, Publishing},
};

/// An event that is to be published.
pub(super) struct Due {
    pub(super) event: Recorded,
    /// An earlier event of its stream is parked.
    pub(super) waits: bool,
}

/// Which transports are given events.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum To {
    All,
    /// What was parked is known to the others.
    ThoseThatRefuse,
}

impl Worker {
    pub(super) async fn publish_batch(&mut self, term: &mut Term, batch: Batch) -> Flow<()> {
        if let Some(head) = batch.head {
            self.status.send_modify(|status| status.head = head.position);
        }
        let through = batch.through.unwrap_or(term.checkpoint.position);
        let mut letters: Vec<DeadLetter> = Vec::new();
        let mut events = Vec::with_capacity(batch.events.len());
        for event in batch.events.into_iter().filter(|event| !event.part.is_dropped()) {
            let first = term.parked.get(&event.stream);
            let waits = first.is_some_and(|first| event.position >= *first);
            // The parts of an event share a letter. What is given again mostly has one, and has
            // none where its stream was parked only when it was given again.
            if waits
                && letters.last().is_none_or(|letter| letter.event != event.id)
                && (event.position > term.checkpoint.position
                    || !self.has_letter(event.position).await?)
            {
                letters.push(waiting(&self.name, &event));
            }
            events.push(Due { event, waits });
        }
        let last = events.last().map(|due| &due.event);
        let last = last.filter(|event| event.position == through).map(|event| event.id);
        let refused = self.publish_everywhere(term, &events, through, To::All).await?;
        for Refused { event, cause, attempts } in refused {
            let letter = waiting(&self.name, &event);
            letters.push(match cause {
                Some(cause) => letter.failed(cause, attempts),
                None => letter,
            });
        }
        letters.sort_by_key(|letter| letter.position);
        self.save(term, through, last, letters).await
    }

    /// Publishes on every route that covers them; gives what was refused, each event once.
    pub(super) async fn publish_everywhere(
        &mut self,
        term: &mut Term,
        events: &[Due],
        through: Position,
        to: To,
    ) -> Flow<Vec<Refused>> {
        let routes = Arc::clone(&self.routes);
        let publisher = term.publisher.clone();
        let mut all: Vec<Refused> = Vec::new();
        for route in &*routes {
            let may_refuse = route.transport.may_refuse();
            if to == To::ThoseThatRefuse && !may_refuse {
                continue;
            }
            let is_for_it =
                |due: &&Due| !(due.waits && may_refuse) && route.interest.covers(&due.event);
            let covered = events.iter().filter(is_for_it).map(|due| due.event.clone());
            let covered: Vec<Recorded> = covered.collect();
            let refused = self.publish_on(term, route, &publisher, &covered, through).await?;
            for refused in refused {
                match all.iter_mut().find(|known| known.event.id == refused.event.id) {
                    Some(known) if known.cause.is_none() => *known = refused,
                    Some(_) => {}
                    None => all.push(refused),
                }
            }
        }
        all.sort_by_key(|refused| refused.event.position);
        Ok(all)
    }

    /// Publishes on one route, as often as it takes; gives what was refused.
    async fn publish_on(
        &mut self,
        term: &mut Term,
        route: &Route,
        publisher: &Publisher,
        covered: &[Recorded],
        through: Position,
    ) -> Flow<Vec<Refused>> {
        let mut attempt = 0;
        let refused = loop {
            let (store, name) = (self.store.clone(), self.name.clone());
            let is_history = covered.last().is_some_and(|e| e.position <= term.history);
            let of = (store.observer(), name.as_str());
            let watched = Publishing::begin(of.0, of.1, covered, through, is_history);
            let publishing = route.transport.publish(publisher, covered, through);
            let publishing = HISTORY.scope(is_history, publishing).instrument(watched.span.clone());
            let answer = self.beside_signs_of_life(term, publishing).await?;
            let refused = answer.as_ref().map_or(covered.len(), Vec::len);
            let published = covered.len().saturating_sub(refused) as u64;
            watched.end(published, answer.as_ref().err());
            match answer {
                Ok(refused) => break refused,
                Err(error) if error.kind() == ErrorKind::NotFound => return Err(End::Reopen),
                Err(error) => {
                    attempt += 1;
                    self.wait_out_alive(term, "publishing", error, attempt).await?;
                }
            }
        };
        let count = covered.len().saturating_sub(refused.len());
        self.status.send_modify(|status| {
            status.published += u64::try_from(count).unwrap_or(0);
            status.state = RelayState::Active;
        });
        Ok(refused)
    }
}
