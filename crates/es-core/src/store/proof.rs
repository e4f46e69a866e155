//! Whether the log still has what a follower was told of.
//!
//! *Hazard.* A server dies and one takes its place that lacks the end of the log, and others
//! append there: a follower that goes on behind its position has seen events that are gone, and
//! never sees those in their place. *Mechanism.* The head names its last event and the term of
//! the server. In another term the follower looks for the events that it knows by their ids:
//! what it was told last before it began to read, and what it has read since, which may have
//! come from either server. *Why it is sound.* An event that is where it was proves all before
//! it. *Cost.* Nothing while the term is the same; two look-ups when it is another.

use std::future::poll_fn;

use super::Backend;
use crate::{Diverged, EventId, Position, Read, Recorded, Result};

/// An event and where it was.
pub(super) type Proof = (Position, EventId);

/// What a follower can prove.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Proofs {
    /// What it knew when it was last told of a head.
    pub(super) told: Option<Proof>,
    /// What it has met since.
    pub(super) met: Option<Proof>,
}

/// Makes sure that the log has the events where they were.
pub(super) async fn hold(backend: Backend, proofs: Proofs) -> Result<()> {
    for (position, expected) in [proofs.told, proofs.met].into_iter().flatten() {
        let found = match find(&backend, expected).await {
            Ok(found) => found,
            Err(error) if error.is_temporary() => return Err(error),
            // It is there, whether or not it can be read.
            Err(_) => continue,
        };
        if found != Some(position) {
            return Err(Diverged::Rewritten { position, expected }.into());
        }
    }
    Ok(())
}

async fn find(backend: &Backend, id: EventId) -> Result<Option<Position>> {
    let mut pages = backend.read(Read::event(id).all_tenants());
    while let Some(page) = poll_fn(|cx| pages.as_mut().poll_next(cx)).await {
        let page: Vec<Recorded> = page?;
        if let Some(event) = page.first() {
            return Ok(Some(event.position));
        }
    }
    Ok(None)
}
