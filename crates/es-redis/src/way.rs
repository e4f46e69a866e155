//! Which connection a command goes by: the one there is, or that of the node of a cluster
//! that has its slot.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::FutureExt;

use crate::{
    Command, Error, RedisOptions, Reply, Result,
    cluster::Cluster,
    driver::{Address, Connection},
    link::Link,
};

/// The way to a server, or to the nodes of a cluster.
pub(crate) enum Way {
    One(Arc<Link>),
    Cluster(Box<Cluster>),
}

/// The connection that a command goes by.
pub(crate) struct Route {
    pub(crate) link: Arc<Link>,
    pub(crate) connection: Connection,
    pub(crate) number: u64,
}

/// What becomes of a command that was answered with an error.
pub(crate) enum Next {
    /// That is its answer.
    Answered(Result<Reply>),
    /// It was not run, and is to be sent again by the way that is right now.
    Again,
}

impl Way {
    /// Connects; the first try must succeed.
    pub(crate) async fn open(address: Address, options: RedisOptions) -> Result<Self> {
        if address.is_cluster() {
            return Ok(Self::Cluster(Box::new(Cluster::open(address, options).boxed().await?)));
        }
        Ok(Self::One(Arc::new(Link::open(address, options).await?)))
    }

    /// The way of a command; waits until `until` for a connection.
    pub(crate) async fn route(&self, slot: Option<u16>, until: Instant) -> Result<Route> {
        match self {
            Self::One(link) => {
                let (connection, number) = link.connection(until).await?;
                Ok(Route { link: Arc::clone(link), connection, number })
            }
            // Erased, so that what waits for a command is no deeper because of clusters.
            Self::Cluster(cluster) => cluster.route(slot, until).boxed().await,
        }
    }

    /// Waits until there may be another connection than that of a route.
    pub(crate) async fn other_than(&self, route: &Route, until: Instant) {
        let until = match self {
            Self::One(_) => until,
            // Another node may have taken over, and this one may never come back.
            Self::Cluster(_) => until.min(Instant::now() + Duration::from_millis(50)),
        };
        route.link.other_than(route.number, until).await;
    }

    /// Follows a redirection, if the error is one.
    pub(crate) async fn redirected(&self, error: Error, command: &Command, until: Instant) -> Next {
        match self {
            Self::Cluster(cluster) => cluster.redirected(error, command, until).boxed().await,
            Self::One(_) => Next::Answered(Err(error)),
        }
    }

    /// Whether a batch has to be sent command by command, since its keys are not on one node.
    pub(crate) fn parts(&self, commands: &[Command]) -> bool {
        let mut slots = commands.iter().filter_map(|command| command.slot);
        let first = slots.next();
        matches!(self, Self::Cluster(_)) && slots.any(|slot| Some(slot) != first)
    }

    /// Whether an error says that the command goes elsewhere.
    pub(crate) fn redirects(&self, error: &Error) -> bool {
        matches!(self, Self::Cluster(_))
            && (error.is_refused_as("MOVED") || error.is_refused_as("ASK"))
    }

    /// Whether this error says that another connection leads to a server that takes commands.
    pub(crate) fn is_of_a_wrong_server(&self, error: &Error) -> bool {
        match self {
            Self::One(_) => error.is_of_a_wrong_server(),
            // The nodes that answer so know better soon, by the same connections.
            Self::Cluster(_) => false,
        }
    }
}
