//! A competing consumer: free workers take the next event, whatever its stream.
//!
//! *Hazard.* What a consumer has taken and not acknowledged is lost if it dies and nobody looks
//! for it; and it is handled twice if it is only slow.
//! *Mechanism.* Every consumer takes over what has been silent for a lease, a little at a time
//! with the cursor carried on, and only as much as it has free workers for. Whoever works on
//! something says so every third of a lease, which does not count as a delivery.
//! *Cost.* A consumer that was paused for longer than a lease finishes beside the one that took
//! over: effects are at-least-once, and the event's id tells.

mod message;
mod upkeep;

use std::{collections::HashMap, sync::Arc, time::Duration};

use es_core::{Error, ErrorKind, Result};
use tokio::{
    sync::watch,
    task::{Id, JoinError, JoinSet},
    time::{Instant, sleep_until},
};
use tracing::error;

use self::message::{Done, Message};
use super::{
    bell::Bell,
    consumer::{Shared, StartAt},
    message::Entry,
    ordered::{ended_by_panic, other_mode},
    running::ConsumerState,
    script::{DONE, ENTER, FETCH, failed},
};
use crate::retry::pause;

/// Which of the sources has what is tried again.
const RETRY: usize = 0;

pub(super) struct Consumer {
    shared: Arc<Shared>,
    stop: watch::Receiver<bool>,
    /// What is tried again, and behind it the partitions.
    sources: Vec<String>,
    tasks: JoinSet<(usize, String, Done)>,
    /// What the workers have in hand, source and id, and the tasks that do.
    in_hand: HashMap<(usize, String), Id>,
    /// What is handled and not acknowledged yet, per source: ids, and names of bodies.
    done: HashMap<usize, Vec<(String, String)>>,
    /// Where taking over goes on, per source.
    cursors: Vec<String>,
    /// The source that is asked first.
    first: usize,
    has_entered: bool,
    /// Whether it was in the group before, or here before the topic was: then what it lacks was
    /// published since, and the end is no place to begin.
    rejoins: bool,
    failures: u32,
    /// When upkeep is due.
    upkeep_at: Instant,
    /// When the next message that waits is due.
    due_at: Option<Instant>,
    swept_at: Instant,
    /// When the server last answered.
    heard_at: Instant,
    /// Nothing is taken over before then.
    patient_until: Instant,
}

/// Works until it is told to stop; says whether everything was settled.
pub(super) async fn run(shared: Arc<Shared>, bell: Bell, mut stop: watch::Receiver<bool>) -> bool {
    let mut news = bell.listen();
    let mut consumer = Consumer::new(Arc::clone(&shared), stop.clone());
    while !*stop.borrow() {
        news.looks();
        let rest = match consumer.turn().await {
            Ok(rest) => {
                consumer.failures = 0;
                rest
            }
            Err(error) if error.kind() == ErrorKind::Invalid => {
                error!(group = %shared.group, consumer = shared.name, %error, "the consumer has failed");
                shared.change(|status| {
                    status.state = ConsumerState::Failed;
                    status.last_error = Some(es_core::with_causes(&error));
                });
                return false;
            }
            Err(error) => {
                consumer.failures = consumer.failures.saturating_add(1);
                shared.trouble("taking events", &error);
                let (base, cap) = (Duration::from_millis(20), Duration::from_secs(2));
                Rest::For(pause(base, cap, consumer.failures))
            }
        };
        let now = Instant::now();
        let (waits_for_news, until) = match rest {
            Rest::None => continue,
            Rest::ForNews => (true, consumer.next_due(now)),
            Rest::ForWorkers => (false, consumer.next_due(now)),
            // A relay that makes the topic rings when it has published.
            Rest::ForTopic(pause) => (true, now.checked_add(pause).unwrap_or(now)),
            Rest::For(pause) => (false, now.checked_add(pause).unwrap_or(now)),
        };
        tokio::select! {
            biased;
            () = async { drop(stop.wait_for(|stop| *stop).await) } => {}
            Some(done) = consumer.tasks.join_next() => drop(consumer.settle(done).await),
            () = news.rung(Duration::from_secs(1)), if waits_for_news => {}
            () = sleep_until(until) => {}
        }
    }
    let is_done = consumer.drain().await;
    shared.state(ConsumerState::Stopped);
    is_done
}

/// What there is to wait for.
enum Rest {
    None,
    ForNews,
    ForWorkers,
    ForTopic(Duration),
    For(Duration),
}

impl Consumer {
    fn new(shared: Arc<Shared>, stop: watch::Receiver<bool>) -> Self {
        let now = Instant::now();
        Self {
            shared,
            stop,
            sources: Vec::new(),
            tasks: JoinSet::new(),
            in_hand: HashMap::new(),
            done: HashMap::new(),
            cursors: Vec::new(),
            first: 0,
            has_entered: false,
            rejoins: false,
            failures: 0,
            upkeep_at: now,
            due_at: None,
            swept_at: now,
            heard_at: now,
            patient_until: now,
        }
    }

    fn is_retry(&self, source: usize) -> bool {
        source == RETRY
    }

    fn free(&self) -> usize {
        self.shared.workers.saturating_sub(self.in_hand.len())
    }

    fn next_due(&self, now: Instant) -> Instant {
        let due = self.due_at.map_or(self.upkeep_at, |due| due.min(self.upkeep_at));
        due.max(now)
    }

    /// Does what is due, and takes what there are free workers for.
    async fn turn(&mut self) -> Result<Rest> {
        if !self.has_entered && !self.enter().await? {
            self.shared.state(ConsumerState::Waiting);
            return Ok(Rest::ForTopic(Duration::from_millis(100).min(self.shared.lease / 3)));
        }
        self.acknowledge().await?;
        let now = Instant::now();
        if self.upkeep_at <= now {
            let next = now.checked_add(self.shared.lease / 3).unwrap_or(now);
            self.upkeep().await?;
            self.upkeep_at = next;
        }
        if self.due_at.is_none_or(|due| due <= Instant::now()) {
            self.put_due().await?;
        }
        let free = self.free();
        if free == 0 {
            return Ok(Rest::ForWorkers);
        }
        let taken = self.fetch(free).await?;
        self.shared.state(ConsumerState::Active);
        Ok(if taken == 0 { Rest::ForNews } else { Rest::None })
    }

    /// Makes the consumer groups where they are missing; says whether there is a topic.
    async fn enter(&mut self) -> Result<bool> {
        let shared = Arc::clone(&self.shared);
        let inner = &shared.topic.inner;
        let keys = [inner.keys.meta(), inner.keys.groups(), shared.keys.saved.clone()];
        let keys: Vec<String> = keys.into_iter().chain([shared.keys.retry.clone()]).collect();
        let start = match shared.start_at {
            StartAt::Oldest => "oldest",
            StartAt::Newest => "newest",
        };
        let rejoins = u32::from(self.rejoins);
        let enter = |streams: Vec<String>| {
            let command = ENTER.on(keys.iter().cloned().chain(streams));
            command.arg(shared.group.to_string()).arg(start).arg(rejoins)
        };
        let answer = inner.run_over_all(enter, failed).await?;
        match answer.word.as_str() {
            "ok" => {
                self.lay_out();
                (self.has_entered, self.rejoins) = (true, true);
                Ok(true)
            }
            "none" => {
                self.rejoins = true;
                Ok(false)
            }
            _ => Err(other_mode(&shared)),
        }
    }

    /// Takes from all partitions that the topic has by now: one that is lost may be made anew with
    /// another number.
    fn lay_out(&mut self) {
        let mut sources = vec![self.shared.keys.retry.clone()];
        sources.extend(self.shared.topic.inner.streams());
        if sources.len() != self.sources.len() {
            self.cursors = vec!["0-0".to_owned(); sources.len()];
            self.sources = sources;
        }
    }

    async fn fetch(&mut self, free: usize) -> Result<usize> {
        let shared = Arc::clone(&self.shared);
        // What is tried again comes in its turn, like a partition.
        self.first = (self.first + 1) % self.sources.len().max(1);
        let command = FETCH.on(self.sources.iter()).arg(shared.group.to_string());
        let command = command.arg(shared.name.clone()).arg(free).arg(self.first);
        let asked = async {
            let mut answer = shared.topic.inner.run(command).await?;
            if answer.word != "ok" {
                return Ok(None);
            }
            answer.next()?.array("messages").map(Some).map_err(failed)
        };
        let count = |list: &Option<Vec<_>>| list.as_ref().map_or(0, Vec::len);
        let list = shared.asking("poll", None, asked, count).await?;
        self.heard();
        let Some(list) = list else {
            return Err(self.group_is_gone());
        };
        let taken = list.len();
        for item in list {
            let read = || -> es_redis::Result<Option<(usize, Entry)>> {
                let mut item = item.array("a message")?.into_iter();
                let mut next =
                    || item.next().ok_or_else(|| es_redis::Error::unexpected("a message"));
                let source = usize::try_from(next()?.count("a source")?).unwrap_or(usize::MAX);
                Ok(Entry::read(next()?)?.map(|entry| (source, entry)))
            };
            if let Some((source, entry)) = read().map_err(failed)? {
                self.begin(source, entry);
            }
        }
        Ok(taken)
    }

    /// Whether a message is in hand, or done and not acknowledged yet.
    fn has(&self, source: usize, id: &str) -> bool {
        let is_done = |done: &Vec<(String, String)>| done.iter().any(|(done, _)| done == id);
        self.in_hand.contains_key(&(source, id.to_owned()))
            || self.done.get(&source).is_some_and(is_done)
    }

    /// Starts a worker on a message.
    fn begin(&mut self, source: usize, entry: Entry) {
        let id = entry.id.clone();
        if self.has(source, &id) {
            // It came again after a loss, and is being handled.
            return;
        }
        let key = self.sources.get(source).cloned().unwrap_or_default();
        let message = Message::new(
            Arc::clone(&self.shared),
            key,
            self.is_retry(source),
            entry,
            self.stop.clone(),
        );
        let of = (source, id.clone());
        let task = self.tasks.spawn(async move { (source, id, message.handle().await) });
        self.in_hand.insert(of, task.id());
    }

    /// Acknowledges what workers are done with: this one, and others that are done by now. Says
    /// whether all of it is settled.
    async fn settle(
        &mut self,
        first: std::result::Result<(usize, String, Done), JoinError>,
    ) -> bool {
        let mut is_done = true;
        let mut next = Some(first);
        while let Some(done) = next {
            match done {
                Ok((source, id, done)) => {
                    self.in_hand.remove(&(source, id.clone()));
                    match done {
                        Done::Handled(name) => {
                            self.done.entry(source).or_default().push((id, name));
                        }
                        Done::Waits => self.due_at = None,
                        Done::Settled => {}
                        Done::Unsettled => is_done = false,
                    }
                }
                // It comes again when its lease has lapsed, and not for ever.
                Err(error) => {
                    is_done = false;
                    self.in_hand.retain(|_, task| *task != error.id());
                    self.shared.trouble("handling a message", &ended_by_panic(&error));
                }
            }
            next = self.tasks.try_join_next();
        }
        if let Err(error) = self.acknowledge().await {
            self.shared.trouble("acknowledging", &error);
        }
        is_done
    }

    /// Acknowledges what is done. What could not be acknowledged is acknowledged later: it would
    /// come again when its lease has lapsed.
    async fn acknowledge(&mut self) -> Result<()> {
        while let Some(source) = self.done.keys().next().copied() {
            let Some(key) = self.sources.get(source) else {
                // It went with a topic that had more partitions.
                self.done.remove(&source);
                continue;
            };
            let messages = self.done.get(&source).map_or(&[][..], Vec::as_slice);
            let shared = &self.shared;
            let command = DONE.on([key, &shared.keys.held]).arg(shared.group.to_string());
            let mut command = command.arg(u32::from(self.is_retry(source)));
            for (id, name) in messages {
                command = command.arg(id).arg(name);
            }
            let asked = shared.topic.inner.run(command);
            shared.asking("ack", None, asked, |_| messages.len()).await?;
            self.done.remove(&source);
            self.heard();
        }
        Ok(())
    }

    /// Takes nothing more, and finishes what is in hand. Says whether all of it is settled.
    async fn drain(&mut self) -> bool {
        let mut is_done = true;
        let mut due = Instant::now();
        while !self.in_hand.is_empty() && !self.tasks.is_empty() {
            tokio::select! {
                biased;
                () = sleep_until(due) => {
                    let now = Instant::now();
                    due = now.checked_add(self.shared.lease / 3).unwrap_or(now);
                    if let Err(error) = self.beat().await {
                        self.shared.trouble("showing that it lives", &error);
                    }
                }
                Some(done) = self.tasks.join_next() => is_done &= self.settle(done).await,
            }
        }
        if let Err(error) = self.acknowledge().await {
            self.shared.trouble("acknowledging", &error);
        }
        is_done && self.done.is_empty()
    }

    fn group_is_gone(&mut self) -> Error {
        self.has_entered = false;
        let message = "the consumer group is gone: it is made anew at the place that was saved";
        Error::new(ErrorKind::Unavailable, message)
    }
}
