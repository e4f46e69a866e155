//! The nodes of a cluster: who has which slots, and a link to each.
//!
//! *Hazard.* The client follows `ASK` by sending `ASKING` to a connection that others use and
//! taking the next reply for the one to it, so that each later reply goes to the wrong
//! caller; then it sends the command back to the node that has not got the key. It follows
//! `MOVED` by asking all over for each command that was on its way. *Mechanism.* Nodes are
//! servers like others, each with a link of its own, and redirections are followed here: a
//! slot that moved is noted and the command goes there; `ASKING` and the command behind it
//! go by a connection that one caller at a time has. *Why it is sound.* A command that is
//! answered with a redirection was not run, so sending it elsewhere runs it once. *Cost.*
//! While a slot is on its way, commands for keys that are there already wait for each other.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::Mutex as Turn;

use crate::{
    Command, Error, ErrorKind, RedisOptions, Reply, Result,
    driver::Address,
    in_order::InOrder,
    link::Link,
    slots::{Node, Slots},
    way::{Next, Route},
};

/// How long one node is waited for before others are asked who has its slots.
const PATIENCE: Duration = Duration::from_millis(100);
/// How long a node has to say who has which slots.
const TELLING: Duration = Duration::from_secs(1);

/// A cluster. Dropping it closes all connections.
pub(crate) struct Cluster {
    address: Address,
    options: RedisOptions,
    state: Mutex<State>,
    /// Held by whoever looks who has which slots.
    looking: Turn<()>,
}

#[derive(Default)]
struct State {
    slots: Slots,
    /// How often `slots` was learnt.
    looks: u64,
    links: HashMap<Node, Arc<Link>>,
    askers: HashMap<Node, Arc<Turn<Link>>>,
}

impl Cluster {
    /// Connects to any of the nodes that the address names, and asks who has which slots.
    pub(crate) async fn open(address: Address, options: RedisOptions) -> Result<Self> {
        let mut state = State::default();
        let mut last = Error::new(ErrorKind::Invalid, "the URL names no node of the cluster");
        for node in address.seeds() {
            let link = match Link::open(address.of(&node), options.clone()).await {
                Ok(link) => Arc::new(link),
                Err(error) => {
                    last = error;
                    continue;
                }
            };
            match told(&link, &node).await {
                Ok(slots) => state.slots = slots,
                Err(error) => {
                    last = error;
                    continue;
                }
            }
            state.links.insert(node, link);
            let (state, looking) = (Mutex::new(state), Turn::new(()));
            return Ok(Self { address, options, state, looking });
        }
        Err(last)
    }

    /// The way to the node that has a slot, or to any one; waits for it until `until`.
    pub(crate) async fn route(&self, slot: Option<u16>, until: Instant) -> Result<Route> {
        loop {
            let (link, looks) = self.link(slot);
            let error = match link {
                Some(link) => {
                    let soon = until.min(Instant::now() + PATIENCE);
                    match link.connection(soon).await {
                        Ok((connection, number)) => return Ok(Route { link, connection, number }),
                        Err(error) => error,
                    }
                }
                None => {
                    let soon = until.min(Instant::now() + PATIENCE / 2);
                    tokio::time::sleep_until(soon.into()).await;
                    Error::new(ErrorKind::Unreachable, "no node of the cluster has this slot")
                }
            };
            if Instant::now() >= until {
                return Err(error);
            }
            self.look(looks, until).await;
        }
    }

    /// Follows a redirection, if the error is one.
    pub(crate) async fn redirected(&self, error: Error, command: &Command, until: Instant) -> Next {
        let Some((is_moved, slot, node)) = self.redirection(&error) else {
            return Next::Answered(Err(error));
        };
        if Instant::now() >= until {
            return Next::Answered(Err(error));
        }
        if is_moved {
            // Two nodes that do not agree yet send a command to and fro.
            if !self.moved(slot, node) {
                tokio::time::sleep(pause()).await;
            }
            return Next::Again;
        }
        match self.ask(node, command, until).await {
            // The slot has arrived there or has gone on, or is not there yet.
            Err(error) if self.redirection(&error).is_some() => {
                tokio::time::sleep(pause()).await;
                Next::Again
            }
            answer => Next::Answered(answer),
        }
    }

    /// Notes where a slot has gone, and says whether that was not known.
    fn moved(&self, slot: u16, node: Node) -> bool {
        let mut state = self.state();
        let is_news = state.slots.node(Some(slot)) != Some(&node);
        state.slots.moved(slot, node);
        is_news
    }

    /// Sends a command to the node that a slot is on its way to.
    async fn ask(&self, node: Node, command: &Command, until: Instant) -> Result<Reply> {
        let asker = self.asker(node);
        let link = match tokio::time::timeout_at(until.into(), asker.lock()).await {
            Ok(link) => link,
            Err(_) => {
                return Err(Error::new(ErrorKind::Busy, "others wait for the same node"));
            }
        };
        let (connection, number) = link.connection(until).await?;
        let time = until.saturating_duration_since(Instant::now());
        let asking = Command::new("ASKING");
        // Both are queued before either is waited for, in this order, and nobody else sends.
        let both = [&asking, command].into_iter();
        let mut both = InOrder::new(both.map(|command| connection.send(command, time)));
        let (Some(asking), Some(answer)) = (both.next().await, both.next().await) else {
            return Err(Error::new(ErrorKind::Lost, "two commands have two replies"));
        };
        if asking.is_err() || answer.as_ref().is_err_and(|error| error.kind() == ErrorKind::Lost) {
            link.reset(number);
        }
        answer
    }

    /// Whether it moved for good, the slot, and where to.
    fn redirection(&self, error: &Error) -> Option<(bool, u16, Node)> {
        let mut words = error.refusal()?.message().split(' ');
        let is_moved = match words.next()? {
            "MOVED" => true,
            "ASK" => false,
            _ => return None,
        };
        let slot: u16 = words.next()?.parse().ok()?;
        let at = self.state().slots.node(Some(slot)).cloned();
        let at = at.or_else(|| self.address.seeds().next())?;
        Some((is_moved, slot, Node::parse(words.next()?, &at)?))
    }

    /// Asks one node after the other who has which slots, unless somebody has done so since
    /// `looks` was read.
    async fn look(&self, looks: u64, until: Instant) {
        let turn = tokio::time::timeout_at(until.into(), self.looking.lock()).await;
        let Ok(_turn) = turn else { return };
        if self.state().looks != looks {
            return;
        }
        let mut nodes: Vec<Node> = self.state().slots.nodes().iter().cloned().collect();
        nodes.extend(self.address.seeds());
        // None is asked first each time: it may be one that knows less than others.
        fastrand::shuffle(&mut nodes);
        for node in nodes {
            if Instant::now() >= until {
                return;
            }
            let link = self.link_to(&node);
            if let Ok(slots) = told(&link, &node).await
                && !slots.is_empty()
            {
                tracing::debug!(redis = self.address.place(), ?slots, "who has which slots");
                let mut state = self.state();
                let is_there = |node: &Node| slots.nodes().contains(node);
                // Whoever waits for a reply has the link as well.
                state.links.retain(|node, _| is_there(node));
                state.askers.retain(|node, _| is_there(node));
                state.slots = slots;
                state.looks += 1;
                return;
            }
        }
    }

    /// The link to the node that has a slot, and how often that was learnt.
    fn link(&self, slot: Option<u16>) -> (Option<Arc<Link>>, u64) {
        let mut state = self.state();
        let looks = state.looks;
        let node = state.slots.node(slot).cloned();
        (node.map(|node| self.linked(&mut state, &node)), looks)
    }

    fn link_to(&self, node: &Node) -> Arc<Link> {
        self.linked(&mut self.state(), node)
    }

    fn linked(&self, state: &mut State, node: &Node) -> Arc<Link> {
        let new = || Arc::new(Link::begin(self.address.of(node), self.options.clone()));
        Arc::clone(state.links.entry(node.clone()).or_insert_with(new))
    }

    /// A link of its own to a node, which one caller at a time has.
    fn asker(&self, node: Node) -> Arc<Turn<Link>> {
        let new = || {
            let link = Link::begin(self.address.of(&node), self.options.clone());
            Arc::new(Turn::new(link))
        };
        let mut state = self.state();
        Arc::clone(state.askers.entry(node.clone()).or_insert_with(new))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who has which slots, as a node tells.
async fn told(link: &Link, node: &Node) -> Result<Slots> {
    let (connection, number) = link.connection(Instant::now() + PATIENCE).await?;
    let slots = Command::new("CLUSTER").arg("SLOTS");
    let answer = connection.send(&slots, TELLING).await;
    if answer.as_ref().is_err_and(|error| error.kind() == ErrorKind::Lost) {
        link.reset(number); // it is dead without saying so
    }
    Slots::of(answer?, node)
}

/// Before a command is sent again to nodes that do not agree.
fn pause() -> Duration {
    Duration::from_millis(fastrand::u64(5..25))
}
