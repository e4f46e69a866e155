//! An ordered consumer: it owns partitions by leases, and serves each with a task.
//!
//! *Hazard.* A consumer that is paused, or cut off, goes on to handle events of a partition
//! that somebody else owns by now.
//! *Mechanism.* A lease lasts so long from the moment at which it was *asked* for, on this
//! machine's clock that only moves forward; its owner stops in front of the next event, and
//! breaks off the handler at its next await, when it has lapsed. Each change of owner raises
//! the epoch of the partition, and every script that moves the place compares it.
//! *Why it is sound.* The place never moves but by the owner, so nothing is passed over; and
//! the order holds, because a new owner begins at the place that was saved.
//! *Cost.* An effect of a handler that was paused in the middle of it can come late. Only the
//! receiver of the effect can tell, by the event's id: see the inbox.

mod partition;
mod replay;

use std::{collections::HashMap, sync::Arc, time::Duration};

use es_core::{Error, ErrorKind, Invalid, Result};
use tokio::{
    sync::watch,
    task::{AbortHandle, JoinError, JoinSet},
    time::{Instant, sleep, sleep_until},
};
use tracing::{error, info};

use self::partition::{Ended, Worker, numbers};
use super::{
    bell::Bell,
    consumer::{Shared, StartAt},
    running::ConsumerState,
    script::{JOIN, RELEASE},
};
use crate::retry::pause;

/// What the owner of a partition is told while it works.
#[derive(Clone, Copy, Debug)]
struct Told {
    /// The lease holds until then.
    until: Instant,
    /// The number of the last request to try dead letters again.
    replay: u64,
    /// It is to finish what it has in hand and give the partition back.
    gives_back: bool,
    /// The place that the server had, when it was asked.
    place: (u64, u64),
    asked: Instant,
}

struct Seat {
    epoch: u64,
    told: watch::Sender<Told>,
    task: AbortHandle,
}

/// One partition as its owner gets it.
struct Owned {
    partition: usize,
    epoch: u64,
    place: String,
    replayed: u64,
}

struct Joined {
    excess: usize,
    replay: u64,
    owned: Vec<Owned>,
}

/// Works until it is told to stop; says whether everything was saved and handed over.
pub(super) async fn run(shared: Arc<Shared>, bell: Bell, mut stop: watch::Receiver<bool>) -> bool {
    let mut news = bell.listen();
    let mut consumer = Consumer {
        shared: Arc::clone(&shared),
        bell,
        seats: HashMap::new(),
        tasks: JoinSet::new(),
        has_joined: false,
        rejoins: false,
        failures: 0,
        panics: 0,
    };
    while !*stop.borrow() {
        news.looks();
        let looked = tokio::select! {
            biased;
            // Handlers are told at once, also while the server does not answer. What was taken by
            // the way and has no task yet is free again when its lease has lapsed.
            () = async { drop(stop.wait_for(|stop| *stop).await) } => break,
            looked = consumer.look_after() => looked,
        };
        if let Err(error) = looked {
            error!(group = %shared.group, consumer = shared.name, %error, "the consumer has failed");
            shared.change(|status| {
                status.state = ConsumerState::Failed;
                status.last_error = Some(es_core::with_causes(&error));
            });
            return false;
        }
        // A relay that makes the topic rings when it has published.
        let waits_for_topic = consumer.failures == 0 && !consumer.has_joined;
        let rest = if consumer.failures > 0 {
            pause(Duration::from_millis(50), shared.lease / 3, consumer.failures)
        } else if consumer.seats.is_empty() && !consumer.has_joined {
            Duration::from_millis(100).min(shared.lease / 3)
        } else {
            shared.lease / 3
        };
        tokio::select! {
            biased;
            () = async { drop(stop.wait_for(|stop| *stop).await) } => {}
            Some(ended) = consumer.tasks.join_next() => consumer.reap(ended).await,
            () = news.rung(rest), if waits_for_topic => {}
            () = sleep(rest) => {}
        }
    }
    let is_done = consumer.leave().await;
    shared.state(ConsumerState::Stopped);
    is_done
}

struct Consumer {
    shared: Arc<Shared>,
    bell: Bell,
    seats: HashMap<usize, Seat>,
    tasks: JoinSet<(usize, u64, Ended)>,
    has_joined: bool,
    /// Whether it was in the group before, or here before the topic was: then what it lacks was
    /// published since, and the end is no place to begin.
    rejoins: bool,
    failures: u32,
    /// How many partitions in a row ended with a panic.
    panics: u32,
}

impl Consumer {
    /// Renews the leases, and sees to it that exactly what is owned is served.
    async fn look_after(&mut self) -> Result<()> {
        let asked = Instant::now();
        let joined = match self.join().await {
            Ok(Some(joined)) => joined,
            Ok(None) => {
                self.failures = 0;
                (self.has_joined, self.rejoins) = (false, true);
                self.shared.state(ConsumerState::Waiting);
                return Ok(());
            }
            Err(error) if error.kind() == ErrorKind::Invalid => return Err(error),
            Err(error) => {
                self.failures = self.failures.saturating_add(1);
                self.shared.trouble("renewing the leases", &error);
                return Ok(());
            }
        };
        self.failures = 0;
        (self.has_joined, self.rejoins) = (true, true);
        let until = asked.checked_add(self.shared.lease).unwrap_or(asked);
        let epochs: HashMap<usize, u64> =
            joined.owned.iter().map(|owned| (owned.partition, owned.epoch)).collect();
        self.seats.retain(|partition, seat| {
            let is_ours = epochs.get(partition) == Some(&seat.epoch);
            if !is_ours {
                // Somebody else owns it, or owned it in between: what it would save is fenced.
                seat.task.abort();
            }
            is_ours
        });
        let replay = joined.replay;
        for owned in joined.owned {
            match self.seats.get(&owned.partition) {
                Some(seat) => {
                    seat.told.send_modify(|told| {
                        (told.until, told.replay) = (until, replay);
                        (told.place, told.asked) = (numbers(&owned.place), asked);
                    });
                }
                None => {
                    let place = numbers(&owned.place);
                    self.serve(owned, Told { until, replay, gives_back: false, place, asked });
                }
            }
        }
        self.give_back(joined.excess);
        self.shared.state(ConsumerState::Active);
        self.tell_partitions();
        Ok(())
    }

    async fn join(&mut self) -> Result<Option<Joined>> {
        let shared = &self.shared;
        let inner = &shared.topic.inner;
        let keys = [inner.keys.meta(), inner.keys.groups()];
        let keys =
            keys.into_iter().chain([shared.keys.ordered.clone(), shared.keys.members.clone()]);
        let start = match shared.start_at {
            StartAt::Oldest => "oldest",
            StartAt::Newest => "newest",
        };
        let rejoins = u32::from(self.rejoins);
        let command = JOIN.on(keys).arg(shared.group.to_string()).arg(shared.name.clone());
        let command = command.arg(shared.lease_ms()).arg(start).arg(rejoins);
        let mut answer = inner.run(command).await?;
        match answer.word.as_str() {
            "ok" => {}
            "none" => return Ok(None),
            _ => return Err(other_mode(shared)),
        }
        let (_log, _through) = (answer.text()?, answer.text()?);
        let excess = usize::try_from(answer.count()?).unwrap_or(0);
        let replay = answer.count()?;
        let mut owned = Vec::new();
        let list = answer.next()?.array("partitions").map_err(super::script::failed)?;
        for state in list {
            let read = || -> es_redis::Result<Owned> {
                let mut state = state.array("a partition")?.into_iter();
                let mut next =
                    || state.next().ok_or_else(|| es_redis::Error::unexpected("a partition"));
                Ok(Owned {
                    partition: usize::try_from(next()?.count("a partition")?).unwrap_or(usize::MAX),
                    epoch: next()?.count("an epoch")?,
                    place: next()?.text("a place")?,
                    replayed: next()?.count("a number")?,
                })
            };
            owned.push(read().map_err(super::script::failed)?);
        }
        Ok(Some(Joined { excess, replay, owned }))
    }

    fn serve(&mut self, owned: Owned, told: Told) {
        let (tell, told) = watch::channel(told);
        let (partition, epoch) = (owned.partition, owned.epoch);
        info!(group = %self.shared.group, consumer = self.shared.name, partition, epoch,
            place = owned.place, "a partition is served");
        let worker = Worker::new(Arc::clone(&self.shared), owned, told, self.bell.listen());
        // After a panic it would come to the same at once.
        let rest = match self.panics {
            0 => Duration::ZERO,
            panics => pause(Duration::from_millis(50), self.shared.lease / 3, panics),
        };
        let task = self.tasks.spawn(async move {
            if !rest.is_zero() {
                sleep(rest).await;
            }
            (partition, epoch, worker.run().await)
        });
        self.seats.insert(partition, Seat { epoch, told: tell, task });
    }

    /// Has so many partitions given back, those included that are on their way already.
    fn give_back(&self, excess: usize) {
        let mut partitions: Vec<_> = self.seats.iter().collect();
        partitions.sort_by_key(|(partition, seat)| (!seat.told.borrow().gives_back, **partition));
        for (_, seat) in partitions.into_iter().take(excess) {
            seat.told.send_modify(|told| told.gives_back = true);
        }
    }

    /// Sees to a partition whose task has ended.
    async fn reap(&mut self, ended: std::result::Result<(usize, u64, Ended), JoinError>) {
        let (partition, epoch, ended) = match ended {
            Ok(ended) => ended,
            Err(error) => return self.broken(&error),
        };
        self.panics = 0;
        if self.seats.get(&partition).is_some_and(|seat| seat.epoch == epoch) {
            self.seats.remove(&partition);
        }
        match ended {
            // If it fails, the lease lapses.
            Ended::GivenBack | Ended::Unsaved => {
                self.release(&[(partition, epoch)], false).await;
            }
            Ended::Fenced => {}
        }
        self.tell_partitions();
    }

    /// A task that panicked is made anew, at the place that was saved. Of one that was aborted
    /// the seat is gone already.
    fn broken(&mut self, error: &JoinError) {
        let of_it = |(_, seat): &(&usize, &Seat)| seat.task.id() == error.id();
        let Some(partition) = self.seats.iter().find(of_it).map(|(partition, _)| *partition) else {
            return;
        };
        self.seats.remove(&partition);
        self.panics = self.panics.saturating_add(1);
        self.shared.trouble("serving a partition", &ended_by_panic(error));
    }

    /// Hands partitions over; says whether that is done.
    async fn release(&self, partitions: &[(usize, u64)], leaves: bool) -> bool {
        let shared = &self.shared;
        let command = RELEASE.on([&shared.keys.ordered, &shared.keys.members]);
        let mut command = command.arg(shared.name.clone()).arg(u32::from(leaves));
        for (partition, epoch) in partitions {
            command = command.arg(*partition).arg(*epoch);
        }
        let released = shared.topic.inner.run(command).await;
        if let Err(error) = &released {
            shared.trouble("handing over", error);
        }
        released.is_ok()
    }

    /// Lets every task finish what it has in hand, and hands everything over. The leases are
    /// renewed meanwhile. Says whether everything was saved and handed over; where it was not,
    /// others take over when the leases have lapsed, and what is not saved comes again.
    async fn leave(&mut self) -> bool {
        let mut is_done = true;
        let mut held: Vec<(usize, u64)> = Vec::new();
        for seat in self.seats.values() {
            seat.told.send_modify(|told| told.gives_back = true);
        }
        let mut due = Instant::now();
        while !self.tasks.is_empty() {
            tokio::select! {
                biased;
                () = sleep_until(due) => {
                    let asked = Instant::now();
                    due = asked.checked_add(self.shared.lease / 3).unwrap_or(asked);
                    if let Ok(Some(joined)) = self.join().await {
                        let until = asked.checked_add(self.shared.lease).unwrap_or(asked);
                        for owned in joined.owned {
                            match self.seats.get(&owned.partition) {
                                Some(seat) => seat.told.send_modify(|told| told.until = until),
                                // Taken by the way; it is handed over with the others.
                                None => held.push((owned.partition, owned.epoch)),
                            }
                        }
                    }
                }
                Some(ended) = self.tasks.join_next() => {
                    let Ok((partition, epoch, ended)) = ended else {
                        is_done = false;
                        continue;
                    };
                    is_done &= !matches!(ended, Ended::Unsaved);
                    if !matches!(ended, Ended::Fenced) {
                        self.seats.remove(&partition);
                        held.push((partition, epoch));
                    }
                }
            }
        }
        self.release(&held, true).await && is_done
    }

    fn tell_partitions(&self) {
        let mut partitions: Vec<usize> = self.seats.keys().copied().collect();
        partitions.sort_unstable();
        self.shared.status.send_if_modified(|status| {
            let changes = status.partitions != partitions;
            status.partitions = partitions;
            changes
        });
    }
}

/// What is known of a task that panicked.
pub(super) fn ended_by_panic(error: &JoinError) -> Error {
    Error::new(ErrorKind::Fault, format!("its task has ended: {error}"))
}

pub(super) fn other_mode(shared: &Shared) -> Error {
    Invalid::Setting {
        setting: "the mode of a group",
        value: shared.group.to_string(),
        remedy: "its consumers keep order or compete, not both: choose another name",
    }
    .into()
}
