//! The connection that short reads share, so that many of them need none each: their queries
//! follow each other on it without waiting for the replies.
//!
//! *Hazard.* The driver hands replies out in order and keeps a few pieces of each: a read whose
//! reply nobody takes would hold up all that come behind it. *Mechanism.* Pages are fetched by
//! tasks of their own, whoever polls their stream; one that is dropped before it was answered
//! leaves the connection to those who have it, and whoever comes next makes another.
//! *Cost.* A task for each page.

use std::{
    ops::Deref,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use deadpool_postgres::Object;
use es_core::Result;

use crate::{
    connect::Connections,
    lent::{Held, Lent},
};

/// Connections behind which one is kept for short reads.
const FOR_A_LANE: usize = 4;

/// The connection, once there is one.
#[derive(Default)]
pub(crate) struct Lane {
    client: Mutex<Option<Arc<Held>>>,
}

/// A connection for one page.
pub(super) enum Lending<'l> {
    Own(Box<Lent>),
    Shared(Shared<'l>),
}

/// A use of the lane.
pub(super) struct Shared<'l> {
    lane: &'l Lane,
    connections: &'l Connections,
    /// Until it has been answered.
    client: Option<Arc<Held>>,
}

impl Lane {
    /// A connection, which a short read shares where there are enough for that.
    pub(super) async fn lend<'l>(
        &'l self,
        connections: &'l Connections,
        is_short: bool,
    ) -> Result<Lending<'l>> {
        if !is_short || connections.most() < FOR_A_LANE {
            return connections.get().await.map(|client| Lending::Own(Box::new(client)));
        }
        let known = self.client().as_ref().filter(|client| !client.is_closed()).cloned();
        let client = match known {
            Some(client) => client,
            None => {
                let client = Arc::new(Held::new(connections.get().await?.answered()));
                *self.client() = Some(Arc::clone(&client));
                client
            }
        };
        Ok(Lending::Shared(Shared { lane: self, connections, client: Some(client) }))
    }

    /// Keeps a connection from whoever comes next.
    fn leave(&self, client: &Arc<Held>) {
        self.client().take_if(|known| Arc::ptr_eq(known, client));
    }

    fn client(&self) -> MutexGuard<'_, Option<Arc<Held>>> {
        self.client.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lending<'_> {
    /// All that was asked has been answered.
    pub(super) fn answered(self) {
        match self {
            Self::Own(client) => drop(client.answered()),
            Self::Shared(mut shared) => drop(shared.client.take()),
        }
    }

    /// It broke, or much is on its way that nobody wants: nobody is to have it.
    pub(super) fn close(self) {
        match self {
            Self::Own(client) => client.close(),
            Self::Shared(mut shared) => {
                if let Some(client) = shared.client.take() {
                    shared.lane.leave(&client);
                    client.give_up();
                }
            }
        }
    }
}

impl Deref for Lending<'_> {
    type Target = Object;

    #[expect(clippy::expect_used, reason = "only what consumes the value takes the client")]
    fn deref(&self) -> &Object {
        match self {
            Self::Own(client) => client,
            Self::Shared(shared) => shared.client.as_ref().expect("a connection that is lent"),
        }
    }
}

impl Drop for Shared<'_> {
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            self.lane.leave(&client);
            client.give_up_unless_it_answers(self.connections.patience());
        }
    }
}
