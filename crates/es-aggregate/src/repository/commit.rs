//! Saving: the append, and what follows a commit without being able to undo it.

use std::sync::Arc;

use es_core::{
    Error, EventBus, Metadata, Position, Read, Receipt, Recorded, Result, Store, Version,
};

use super::{
    Repository,
    sending::Sending,
    terms::{Ids, Terms},
};
use crate::{Aggregate, Root};

/// What became of a save or a command.
#[derive(Debug)]
#[non_exhaustive]
pub struct Saved<E> {
    /// The events that were written; none when nothing happened (A3).
    pub events: Vec<E>,
    /// The version of the aggregate now; `None` when it still has no events.
    pub version: Option<Version>,
    /// The receipt of the append; `None` when nothing was written. Where a save found that the
    /// beginning of it had been written before, that of the rest.
    pub receipt: Option<Receipt>,
    /// Why the events were not published, where a publisher is set and failed. The save
    /// itself has succeeded.
    pub unpublished: Option<Error>,
}

impl<A: Aggregate> Repository<A> {
    /// Writes what was recorded on `root`. Nothing recorded, nothing written.
    ///
    /// While the outcome is unknown, the same is sent a few times again. After an error the
    /// root keeps what was recorded, under the same event ids, so that saving it again is
    /// safe, also after `OutcomeUnknown`, and also when more was recorded meanwhile: if the
    /// log has what was sent before, the rest is appended behind it.
    ///
    /// # Errors
    /// `Conflict` when the stream has changed since it was loaded (or exists, for a new
    /// one): load again and decide again. Else those of an append.
    ///
    /// # Cancel safety
    /// The events are written all or none, and the root keeps them as recorded; saving it
    /// again settles it.
    pub async fn save(&self, root: &mut Root<A>) -> Result<Saved<A::Event>> {
        self.save_with(root, Metadata::new()).await
    }

    /// Writes what was recorded on `root` with this metadata: who did it, what caused it
    /// ([`Metadata::caused_by`]).
    ///
    /// # Errors
    /// Those of [`Repository::save`].
    ///
    /// # Cancel safety
    /// As [`Repository::save`].
    pub async fn save_with(
        &self,
        root: &mut Root<A>,
        metadata: Metadata,
    ) -> Result<Saved<A::Event>> {
        let terms = Terms { metadata, ..Terms::default() };
        let (before, count) = (root.version(), root.pending().len());
        let saved = match self.write(root, count, &terms).await {
            Err(error) if error.idempotency_clash().is_some() => {
                self.write_rest(root, error, &terms).await?
            }
            saved => saved?,
        };
        self.keep_snapshot(root, before, &saved).await;
        Ok(self.publish(saved).await)
    }

    /// Takes a snapshot of the aggregate as it is now, whatever the policy.
    ///
    /// # Errors
    /// `Unsupported` when the repository has no snapshots; those of [`Repository::load`];
    /// those of the snapshot store.
    ///
    /// # Cancel safety
    /// The snapshot is kept or it is not.
    pub fn snapshot(&self, id: impl std::fmt::Display) -> impl Future<Output = Result<()>> + Send {
        let root = self.load(id);
        async move {
            let Some(snapshots) = &self.snapshots else {
                let why = "this repository has no snapshots: set them up by `with_snapshots`";
                return Err(Error::new(es_core::ErrorKind::Unsupported, why));
            };
            let root = root.await?;
            let log = self.store.head().await?.log;
            match snapshots.take(&root, log)? {
                Some(snapshot) => snapshots.save(snapshot).await,
                None => Ok(()),
            }
        }
    }

    /// Waits until the snapshots that are being written in the background are written.
    ///
    /// # Cancel safety
    /// Dropping the future stops those that are still being written; they are only a cache.
    pub async fn flush_snapshots(&self) {
        if let Some(snapshots) = &self.snapshots {
            snapshots.flush().await;
        }
    }

    /// Appends the first `count` events that are pending on `root`; then they no longer are.
    pub(super) async fn write(
        &self,
        root: &mut Root<A>,
        count: usize,
        terms: &Terms,
    ) -> Result<Saved<A::Event>> {
        if count == 0 {
            return Ok(Saved::nothing(root.version()));
        }
        let encode = || root.encode_pending(count);
        let receipt = self.sending(root, terms).send(encode()?, encode).await?;
        let events = root.committed(count, &receipt);
        Ok(Saved::written(events, receipt))
    }

    /// Writes what is pending on `root` where the log has the beginning of it: an append of
    /// which the reply was lost, before more was recorded. `clash` is what the log said to
    /// the whole.
    async fn write_rest(
        &self,
        root: &mut Root<A>,
        clash: Error,
        terms: &Terms,
    ) -> Result<Saved<A::Event>> {
        let (known, count) = (self.known(root).await?, root.pending().len());
        if known == 0 || known == count {
            return Err(clash);
        }
        // The same append again gives its receipt, by which it is published.
        let first = self.write(root, known, terms).await?;
        let first = self.publish(first).await;
        let rest = self.write(root, count - known, terms).await?;
        let mut events = first.events;
        events.extend(rest.events);
        Ok(Saved { events, unpublished: first.unpublished, ..rest })
    }

    /// How many of the events that are pending on `root` the log has, from the first one on.
    async fn known(&self, root: &Root<A>) -> Result<usize> {
        let from = root.version().map_or(Version::FIRST, Version::next);
        let read = Read::stream(root.stream().clone()).from_version(from);
        let (mut events, mut pending) = (self.store.read(read), root.pending_ids());
        let (mut known, mut last) = (0, None);
        while let Some(event) = events.next().await.transpose()? {
            if last == Some(event.id) {
                continue; // another part of a split event
            }
            last = pending.next();
            if last != Some(event.id) {
                break;
            }
            known += 1;
        }
        Ok(known)
    }

    /// Appends `events`, which were decided on the state of `root`, and then takes them
    /// into it.
    pub(super) async fn write_decided(
        &self,
        root: &mut Root<A>,
        events: Vec<A::Event>,
        terms: &Terms,
    ) -> Result<Saved<A::Event>> {
        let encoded = terms.encode(root.stream(), &events)?;
        let ids = Ids::of(&encoded);
        let sending = self.sending(root, terms);
        let receipt = sending.send(encoded, || ids.encode(&events)).await?;
        let version = receipt.version();
        // A command that was executed before may have its events further back.
        if Version::after(root.version(), events.len() as u64) == Some(version) {
            root.grow(&events, ids.last(), version);
        }
        Ok(Saved::written(events, receipt))
    }

    fn sending<'a>(&'a self, root: &'a Root<A>, terms: &'a Terms) -> Sending<'a> {
        Sending { store: &self.store, stream: root.stream(), expected: root.expected(), terms }
    }

    /// Takes a snapshot of `root`, which was at `before`, if one is due.
    pub(super) async fn keep_snapshot(
        &self,
        root: &Root<A>,
        before: Option<Version>,
        saved: &Saved<A::Event>,
    ) {
        if let (Some(snapshots), Some(receipt)) = (&self.snapshots, &saved.receipt)
            && root.version().is_some_and(|after| snapshots.policy().is_due(before, after))
        {
            snapshots.save_after_commit(root, receipt.log).await;
        }
    }

    /// Publishes what was saved, where there is a publisher.
    ///
    /// *Hazard.* A bus may wait for a handler, and the handler for a command on the same
    /// aggregate.
    /// *Mechanism.* Nobody who calls this holds the slot of a stream.
    pub(super) async fn publish(&self, mut saved: Saved<A::Event>) -> Saved<A::Event> {
        if let (Some(bus), Some(receipt)) = (&self.bus, &saved.receipt)
            && let Err(error) = publish(&self.store, bus, receipt).await
        {
            saved.unpublished = saved.unpublished.or(Some(error));
        }
        saved
    }
}

/// Publishes the events of `receipt`, as the log recorded them.
async fn publish(store: &Store, bus: &Arc<dyn EventBus>, receipt: &Receipt) -> Result<()> {
    let Some((stream, _)) = receipt.versions.first() else { return Ok(()) };
    let read = Read::stream(stream.clone()).until(receipt.last);
    let read = match receipt.first.get().checked_sub(1) {
        Some(before) => read.after(Position::new(before)),
        None => read,
    };
    let events: Vec<Recorded> = store.read(read).into_vec().await?;
    let published = bus.publish(&events).await;
    if let Err(error) = &published {
        tracing::warn!(%stream, %error, "saved events were not published");
    }
    published
}

impl<E> Saved<E> {
    /// Nothing happened.
    pub(super) const fn nothing(version: Option<Version>) -> Self {
        Self { events: Vec::new(), version, receipt: None, unpublished: None }
    }

    fn written(events: Vec<E>, receipt: Receipt) -> Self {
        let version = Some(receipt.version());
        Self { events, version, receipt: Some(receipt), unpublished: None }
    }
}
