//! A status from what is kept of a subscriber: what every process can see of it.

use std::time::Duration;

use es_core::{
    Checkpoint, DeadLetter, Envelope, Error, Head, Position, Result, Store, SubscriberName,
    Timestamp, with_causes,
};

use super::{Health, Lag, State, Status, Trouble, health::health_of_parked};
use crate::{Scope, Slice, engine::Progresses, slices::nobody, worker::inline_owner};

/// How many dead letters are looked at together.
const LETTERS: usize = 1_000;

/// How many unwanted events are looked through for the first wanted one. The age of the last
/// of them is taken then, which is not less.
const LOOKED_THROUGH: usize = 1_000;

/// How old an event that waits is at least.
const LEAST: Duration = Duration::from_micros(1);

/// Of whom a status is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Who<'a> {
    pub(crate) name: &'a str,
    pub(crate) version: u32,
    pub(crate) subscriber: &'a SubscriberName,
    pub(crate) scope: &'a Scope,
    pub(crate) slice: Option<Slice>,
}

impl Who<'_> {
    pub(crate) fn wants(&self, envelope: &Envelope) -> bool {
        self.slice.is_none_or(|slice| slice.covers(&envelope.stream)) && self.scope.covers(envelope)
    }

    /// How far it is behind at `position`.
    pub(crate) async fn lag(&self, store: &Store, position: Position, head: Head) -> Result<Lag> {
        let events = head.position.get().saturating_sub(position.get());
        if events == 0 {
            return Ok(Lag::new(0, Duration::ZERO));
        }
        let read = Scope::read_for_all([self.scope]).after(position).until(head.position);
        let mut behind = store.read(read.limit(LOOKED_THROUGH as u64));
        let mut seen = 0;
        while let Some(event) = behind.next().await.transpose()? {
            seen += 1;
            if self.wants(&event) || seen == LOOKED_THROUGH {
                // No time at all would say that there is none, also of one from the future.
                let age = Timestamp::now().since(event.recorded_at).max(LEAST);
                return Ok(Lag::new(events, age));
            }
        }
        Ok(Lag::new(events, Duration::ZERO))
    }
}

/// What is kept of a subscriber.
#[derive(Debug)]
pub(crate) struct Kept {
    checkpoint: Option<Checkpoint>,
    parked: u64,
    streams: u64,
    last: Option<DeadLetter>,
}

impl Kept {
    /// Looks at what `progresses` keeps of `name`.
    pub(crate) async fn of(progresses: &dyn Progresses, name: &SubscriberName) -> Result<Self> {
        let checkpoint = progresses.checkpoint(name).await?;
        let streams = progresses.parked_streams(name).await?.len() as u64;
        let mut kept = Self { checkpoint, parked: 0, streams, last: None };
        let mut after = Position::START;
        loop {
            let letters = progresses.dead_letters(name, after, LETTERS).await?;
            let Some(end) = letters.last() else { break };
            after = end.position;
            kept.parked += letters.len() as u64;
            let failed = letters.into_iter().filter(|letter| letter.cause.is_some());
            let latest = kept.last.take().into_iter().chain(failed);
            kept.last = latest.max_by_key(|letter| letter.last_failed_at);
        }
        Ok(kept)
    }

    /// The status that this tells, where an owner who shows no sign of life for
    /// `silent_after` counts as gone, and `late_after` is how far behind is no longer well.
    pub(crate) async fn status(
        self,
        who: &Who<'_>,
        store: &Store,
        head: Result<&Head, &Error>,
        (silent_after, late_after): (Duration, Duration),
    ) -> Status {
        let position = self.checkpoint.as_ref().map_or(Position::START, |known| known.position);
        let lag = match head {
            Ok(head) => who.lag(store, position, *head).await.map_err(|e| with_causes(&e)),
            Err(error) => Err(with_causes(error)),
        };
        let alive_at = self.checkpoint.as_ref().map(|known| known.updated_at);
        let silence = alive_at.map(|at| Timestamp::now().since(at));
        let owner = self.checkpoint.as_ref().map(|known| known.owner.clone());
        let owner = owner.filter(|owner| *owner != nobody());
        // One that is applied in appends is silent while nobody appends.
        let is_inline = owner.as_ref() == Some(&inline_owner());
        let is_silent = !is_inline && silence.is_none_or(|silence| silence >= silent_after);
        // A clock was set, and nobody can tell how long ago that was.
        let early = alive_at.map(|at| at.since(Timestamp::now())).unwrap_or_default();
        let is_early = !is_inline && early > silent_after;
        let state = match (&owner, &lag) {
            (None, _) => State::Stopped,
            _ if is_silent => State::Stopped,
            (_, Ok(Lag { events: 0, .. })) => State::Live,
            _ => State::CatchingUp,
        };
        let health = match (&lag, &owner) {
            (Err(error), _) => Health::Unhealthy(format!("the log cannot be asked: {error}")),
            (_, None) => Health::Unhealthy("nobody works on it".to_owned()),
            (_, Some(owner)) if is_silent => {
                let seconds = silence.unwrap_or_default().as_secs();
                Health::Unhealthy(format!("{owner} has been silent for {seconds} seconds"))
            }
            (_, Some(owner)) if is_early => {
                let seconds = early.as_secs();
                let text = format!("the last sign of life of {owner} is {seconds} seconds ahead");
                Health::Unhealthy(format!("{text} of this clock: nobody knows how old it is"))
            }
            (Ok(lag), _) if lag.time > late_after => {
                Health::Degraded(format!("{} seconds behind", lag.time.as_secs()))
            }
            _ => health_of_parked(self.parked, self.streams),
        };
        let last_error = self.last.and_then(|letter| {
            let at = letter.last_failed_at;
            letter.cause.map(|cause| Trouble::new(cause, at))
        });
        Status {
            name: who.name.to_owned(),
            version: who.version,
            subscriber: who.subscriber.clone(),
            slice: who.slice,
            state,
            position,
            head: head.ok().map(|head| head.position),
            lag: lag.ok(),
            alive_at,
            rate: 0.0,
            handled: 0,
            parked: self.parked,
            parked_streams: self.streams,
            owner,
            epoch: self.checkpoint.map_or(0, |known| known.epoch),
            last_error,
            health,
            slices: Vec::new(),
        }
    }
}
