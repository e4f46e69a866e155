//! One partition and its owner: events in their order, one after the other.

use std::{collections::HashSet, sync::Arc, time::Duration};

use es_core::{DeadLetter, Error, ErrorKind, Outcome, Recorded, Result};
use es_redis::Command;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};
use tracing::Instrument;

use super::{Owned, Told};
use crate::{
    Exhausted,
    attempts::{Attempts, Failure, Tried, waiting},
    handler::{Begun, begin},
    redis::{
        bell::Listener,
        consumer::{Judged, Shared},
        letters::{fields_of, unknown},
        message::{ALONE, Entry, Fields, note, place_of},
        page::Page,
        running::ConsumerState,
        script::{ADVANCE, Answer, PARK, failed},
    },
    retry::pause,
    watch::Processing,
};

/// How a worker ended.
pub(super) enum Ended {
    /// It was asked to; its place is saved.
    GivenBack,
    /// It was asked to, and its place could not be saved.
    Unsaved,
    /// Somebody else owns the partition.
    Fenced,
}

/// How often the place is saved while there is much to do.
const SAVE_EVERY: Duration = Duration::from_millis(200);

pub(super) struct Worker {
    pub(super) shared: Arc<Shared>,
    pub(super) partition: usize,
    pub(super) epoch: u64,
    /// Everything up to here was handled or parked.
    place: String,
    saved: String,
    saved_at: Instant,
    /// The place of the last dead letter, and when it was kept.
    letter: (String, Instant),
    pub(super) replayed: u64,
    /// How many events are read at once, and how many letters.
    page: Page,
    pub(super) letters: Page,
    told: watch::Receiver<Told>,
    news: Listener,
    /// The streams whose events wait.
    pub(super) parked: HashSet<String>,
    /// Cuts the pauses between attempts short when the partition is to be given back.
    pub(super) ending: watch::Sender<bool>,
}

/// Why it does not go on.
pub(super) enum Stop {
    GivesBack,
    Fenced,
    /// Something failed: it is tried again.
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        if error.kind() == ErrorKind::Fenced { Self::Fenced } else { Self::Failed(error) }
    }
}

impl Worker {
    pub(super) fn new(
        shared: Arc<Shared>,
        owned: Owned,
        told: watch::Receiver<Told>,
        news: Listener,
    ) -> Self {
        let Owned { partition, epoch, place, replayed } = owned;
        Self {
            shared,
            partition,
            epoch,
            saved: place.clone(),
            place,
            saved_at: Instant::now(),
            letter: ("0-0".to_owned(), Instant::now()),
            replayed,
            page: Page::first(),
            letters: Page::first(),
            told,
            news,
            parked: HashSet::new(),
            ending: watch::Sender::new(false),
        }
    }

    pub(super) async fn run(mut self) -> Ended {
        let mut failures = 0_u32;
        loop {
            match self.serve(&mut failures).await {
                Stop::Fenced => return Ended::Fenced,
                Stop::GivesBack => {
                    return match self.save().await {
                        Ok(()) => Ended::GivenBack,
                        Err(Stop::Fenced) => Ended::Fenced,
                        Err(Stop::GivesBack) => Ended::Unsaved,
                        Err(Stop::Failed(error)) => {
                            self.shared.trouble("saving where a partition is", &error);
                            Ended::Unsaved
                        }
                    };
                }
                Stop::Failed(error) => {
                    failures = failures.saturating_add(1);
                    self.shared.trouble("serving a partition", &error);
                    // What is asked back is not held until whatever failed works again: what is
                    // not saved comes again.
                    if self.told.borrow().gives_back {
                        let is_saved = self.place == self.saved;
                        return if is_saved { Ended::GivenBack } else { Ended::Unsaved };
                    }
                    let rest = pause(Duration::from_millis(20), Duration::from_secs(5), failures);
                    let mut told = self.told.clone();
                    let gives_back = told.wait_for(|told| told.gives_back);
                    let _ = tokio::time::timeout(rest, gives_back).await;
                }
            }
        }
    }

    async fn serve(&mut self, failures: &mut u32) -> Stop {
        match self.events(failures).await {
            Ok(never) => never,
            Err(stop) => stop,
        }
    }

    async fn events(&mut self, failures: &mut u32) -> Result<Stop, Stop> {
        self.load_parked().await?;
        loop {
            let told = *self.told.borrow_and_update();
            if told.gives_back {
                return Err(Stop::GivesBack);
            }
            self.has_kept_letters(told)?;
            self.news.looks();
            if told.replay > self.replayed {
                self.replay(told.replay).await?;
            }
            let entries = self.read().await?;
            if *failures > 0 {
                *failures = 0;
                self.shared.state(ConsumerState::Active);
            }
            if entries.is_empty() {
                self.save().await?;
                let mut told = self.told.clone();
                tokio::select! {
                    () = self.news.rung(Duration::from_secs(1)) => {}
                    _ = told.changed() => {}
                }
                continue;
            }
            for entry in entries {
                if self.told.borrow().gives_back {
                    return Err(Stop::GivesBack);
                }
                self.entry(&entry).await?;
                if self.saved_at.elapsed() >= SAVE_EVERY {
                    self.save().await?;
                }
            }
        }
    }

    /// Makes sure that the server has not lost a dead letter.
    ///
    /// *Hazard.* A server that was rolled back (a failover, a power cut) has lost the letter, and
    /// has the event before it once more; its owner, who goes on behind it, would leave it out.
    /// *Mechanism.* Letter and place are written as one, so a place before that of the last letter
    /// tells. Then the partition is served anew, from the place that the server has.
    fn has_kept_letters(&self, told: Told) -> Result<(), Stop> {
        let (letter, kept_at) = &self.letter;
        match told.asked > *kept_at && told.place < numbers(letter) {
            true => Err(Stop::Fenced),
            false => Ok(()),
        }
    }

    async fn read(&mut self) -> Result<Vec<Entry>> {
        let inner = &self.shared.topic.inner;
        let command = Command::new("XRANGE").key(inner.keys.partition(self.partition));
        let command = command.arg(format!("({}", self.place)).arg("+");
        let command = command.arg("COUNT").arg(self.page.size());
        let asked =
            async { inner.redis.command(command).await.and_then(Entry::read_all).map_err(failed) };
        let entries = self.shared.asking("poll", Some(self.partition), asked, Vec::len).await;
        match &entries {
            Ok(entries) => self.page.came(entries),
            Err(_) => self.page.failed(),
        }
        entries
    }

    pub(super) async fn load_parked(&mut self) -> Result<()> {
        let inner = &self.shared.topic.inner;
        let reply = inner.redis.command(Command::new("HKEYS").key(&self.shared.keys.parked)).await;
        let names = reply.and_then(|reply| reply.array("streams")).map_err(failed)?;
        let names = names.into_iter().map(|name| name.text("a stream"));
        self.parked = names.collect::<es_redis::Result<_>>().map_err(failed)?;
        Ok(())
    }

    async fn entry(&mut self, entry: &Entry) -> Result<(), Stop> {
        let event = entry.event()?;
        let stream = entry.text("stream")?;
        if self.parked.contains(stream) {
            let letter = waiting(&self.shared.group, &event);
            return self.park(entry.fields.clone(), &event, &letter, Some(stream)).await;
        }
        match self.shared.judge(&event) {
            Judged::PassOver => self.shared.change(|status| status.passed_over += 1),
            Judged::Unknown(cause) => {
                let letter = unknown(&self.shared.group, &event, &cause);
                return self.park(entry.fields.clone(), &event, &letter, Some(stream)).await;
            }
            Judged::Handle => {
                if let Err(failure) = self.handle(&event, entry.is_history()).await? {
                    let letter = failure.letter(&self.shared.group, &event);
                    let parks = self.shared.retry.exhausted != Exhausted::DeadLetter;
                    let stream = parks.then_some(stream);
                    return self.park(entry.fields.clone(), &event, &letter, stream).await;
                }
                self.shared.change(|status| status.handled += 1);
            }
        }
        self.place = place_of(&event);
        Ok(())
    }

    /// Has the event handled while the lease holds, and tells of it.
    pub(super) async fn handle(
        &self,
        event: &Recorded,
        is_history: bool,
    ) -> Result<Result<(), Failure>, Stop> {
        if self.told.borrow().until <= Instant::now() {
            self.lease().await;
            // A partition that somebody else owns by now gets no lease any more.
            let told = *self.told.borrow();
            if told.gives_back && told.until <= Instant::now() {
                return Err(Stop::GivesBack);
            }
        }
        let processing = self.shared.processing(event, is_history);
        let span = processing.span.clone();
        let handled = self.attempts(event, &processing).instrument(span).await;
        let outcome = match &handled {
            Ok(Ok(())) => Outcome::Ok,
            Ok(Err(_)) => Outcome::Error,
            Err(_) => Outcome::Abandoned,
        };
        processing.end(outcome);
        handled
    }

    /// Calls the handler as often as need be.
    async fn attempts(
        &self,
        event: &Recorded,
        processing: &Processing<'_>,
    ) -> Result<Result<(), Failure>, Stop> {
        let shared = &self.shared;
        let retried = |outage: Option<&str>| {
            processing.retried();
            shared.retried(outage);
        };
        let attempts = Attempts {
            subscriber: &shared.group,
            handler: &*shared.handler,
            retry: &shared.retry,
            waits_out: true,
            retried: &retried,
        };
        let handler = attempts.handler;
        let begun = begin(handler, event);
        // A handler that does not wait is done, and nothing can have come in between.
        if let Begun::Done(Ok(())) = begun {
            return Ok(Ok(()));
        }
        let mut told = self.told.clone();
        let gives_back = async { drop(told.wait_for(|told| told.gives_back).await) };
        let handling = attempts.go_on(begun, event, &self.ending);
        let mut handling = std::pin::pin!(handling);
        let mut gives_back = std::pin::pin!(gives_back);
        let mut asked = false;
        let tried = loop {
            tokio::select! {
                biased;
                tried = &mut handling => break tried,
                // The handler goes on; only a pause is cut short.
                () = &mut gives_back, if !asked => {
                    asked = true;
                    self.ending.send_replace(true);
                }
                () = self.lapsed() => return Err(Stop::Failed(Error::new(
                    ErrorKind::Unavailable,
                    "the lease lapsed during a handler, which was broken off",
                ))),
            }
        };
        shared.in_reach();
        match tried {
            Tried::Handled => Ok(Ok(())),
            Tried::Failed(failure) => Ok(Err(failure)),
            Tried::Interrupted => Err(Stop::GivesBack),
        }
    }

    /// Waits until the lease holds, or the partition is to be given back.
    async fn lease(&self) {
        let mut told = self.told.clone();
        // Its end is the end of this task, too.
        let _ = told.wait_for(|told| told.gives_back || told.until > Instant::now()).await;
    }

    /// Waits until the lease has lapsed.
    async fn lapsed(&self) {
        loop {
            let until = self.told.borrow().until;
            sleep_until(until).await;
            if self.told.borrow().until <= Instant::now() {
                return;
            }
        }
    }

    /// Keeps an event as a dead letter and moves past it, as one. With `stream`, the later
    /// events of it wait.
    async fn park(
        &mut self,
        fields: Fields,
        event: &Recorded,
        letter: &DeadLetter,
        stream: Option<&str>,
    ) -> Result<(), Stop> {
        let (shared, place) = (&self.shared, place_of(event));
        tracing::warn!(group = %shared.group, event = %event.id, stream = %event.stream,
            attempts = letter.attempts, cause = letter.cause, "an event is a dead letter");
        let keys = [&shared.keys.ordered, &shared.keys.letters, &shared.keys.parked];
        let command = PARK.on(keys).arg(self.partition).arg(self.epoch).arg(&place);
        let command = command.arg(&self.letter.0);
        let mut command = command.arg(stream.unwrap_or_default().to_owned());
        let mut fields = fields_of(fields, letter, self.partition);
        if stream.is_none() {
            fields.push(note(ALONE, 1));
        }
        for (name, value) in fields {
            command = command.arg(name).arg(value);
        }
        self.answered(shared.topic.inner.run(command).await?)?;
        shared.dead_letter();
        if let Some(stream) = stream {
            self.parked.insert(stream.to_owned());
        }
        self.saved.clone_from(&place);
        self.saved_at = Instant::now();
        self.letter = (place.clone(), self.saved_at);
        self.place = place;
        Ok(())
    }

    pub(super) async fn save(&mut self) -> Result<(), Stop> {
        if self.place == self.saved {
            return Ok(());
        }
        let command = ADVANCE.on([&self.shared.keys.ordered]);
        let command = command.arg(self.partition).arg(self.epoch).arg(&self.place);
        let command = command.arg(&self.letter.0);
        let asked = self.shared.topic.inner.run(command);
        // A place stands for all events before it, however many these are.
        let answer = self.shared.asking("ack", Some(self.partition), asked, |_| 1).await?;
        self.answered(answer)?;
        self.saved.clone_from(&self.place);
        self.saved_at = Instant::now();
        Ok(())
    }

    /// What the scripts of an owner answer.
    pub(super) fn answered(&self, answer: Answer) -> Result<(), Stop> {
        match answer.word.as_str() {
            "ok" => Ok(()),
            // Of a group that is gone nobody owns anything; it is joined anew.
            _ => Err(Stop::Fenced),
        }
    }
}

/// The numbers of a place, `position-part`, in whose order places are.
pub(super) fn numbers(place: &str) -> (u64, u64) {
    let (position, part) = place.split_once('-').unwrap_or_default();
    (position.parse().unwrap_or(0), part.parse().unwrap_or(0))
}
