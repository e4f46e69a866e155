//! Saving: the append, and what follows a commit without being able to undo it.

use es_core::{
    Append, Error, Metadata, NewEvent, Read, Receipt, Recorded, Result, StreamId, Version,
};

use super::Repository;
use crate::{Aggregate, Root};

/// What became of a save or a command.
#[derive(Debug)]
#[non_exhaustive]
pub struct Saved<E> {
    /// The events that were written; none when nothing happened (A3).
    pub events: Vec<E>,
    /// The version of the aggregate now; `None` when it still has no events.
    pub version: Option<Version>,
    /// The receipt of the append; `None` when nothing was written.
    pub receipt: Option<Receipt>,
    /// Why the events were not published, where a publisher is set and failed. The save
    /// itself has succeeded.
    pub unpublished: Option<Error>,
}

/// How an append is to be written: what the caller said besides the events.
#[derive(Clone, Debug, Default)]
pub(super) struct Terms {
    pub(super) metadata: Metadata,
    pub(super) deadline: Option<std::time::Duration>,
}

impl<A: Aggregate> Repository<A> {
    /// Writes what was recorded on `root`. Nothing recorded, nothing written.
    ///
    /// After an error the root keeps what was recorded, under the same event ids, so that
    /// saving it again is safe, also after `OutcomeUnknown`.
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
        let terms = Terms { metadata, deadline: None };
        let (saved, before) = self.write(root, &terms).await?;
        Ok(self.after_commit(root, saved, before).await)
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

    /// Appends what is pending on `root`. On success nothing is pending any more.
    pub(super) async fn write(
        &self,
        root: &mut Root<A>,
        terms: &Terms,
    ) -> Result<(Saved<A::Event>, Before)> {
        let before = Before(root.version());
        if root.pending().len() == 0 {
            return Ok((Saved::nothing(root.version()), before));
        }
        let append = Append::to(root.stream().clone(), root.expected());
        let receipt = self.append(append, root.encode_pending()?, terms).await?;
        let version = receipt.version();
        let events = root.committed(version);
        let saved =
            Saved { events, version: Some(version), receipt: Some(receipt), unpublished: None };
        Ok((saved, before))
    }

    /// Appends `events`, which were decided on the state of `root`, and then takes them
    /// into it.
    pub(super) async fn write_decided(
        &self,
        root: &mut Root<A>,
        events: Vec<A::Event>,
        terms: &Terms,
    ) -> Result<Saved<A::Event>> {
        let encoded = events.iter().map(NewEvent::of).collect::<Result<Vec<_>>>()?;
        let last = encoded.last().map(|event| event.id);
        let append = Append::to(root.stream().clone(), root.expected());
        let receipt = self.append(append, encoded, terms).await?;
        let version = receipt.version();
        root.grow(&events, last, version);
        Ok(Saved { events, version: Some(version), receipt: Some(receipt), unpublished: None })
    }

    async fn append(
        &self,
        append: Append,
        events: Vec<NewEvent>,
        terms: &Terms,
    ) -> Result<Receipt> {
        let mut append = append.events(events).with_metadata(terms.metadata.clone());
        if let Some(deadline) = terms.deadline {
            append = append.deadline(deadline);
        }
        self.store.append(append).await
    }

    /// Snapshot and publication. The commit has happened; nothing here makes it undone.
    pub(super) async fn after_commit(
        &self,
        root: &Root<A>,
        mut saved: Saved<A::Event>,
        Before(before): Before,
    ) -> Saved<A::Event> {
        let Some(receipt) = &saved.receipt else {
            return saved;
        };
        if let Some(snapshots) = &self.snapshots
            && snapshots.policy().is_due(before, receipt.version())
        {
            snapshots.save_after_commit(root, receipt.log).await;
        }
        saved.unpublished = self.publish(root.stream(), receipt).await.err();
        saved
    }

    /// Publishes the events of `receipt`, as the log recorded them.
    async fn publish(&self, stream: &StreamId, receipt: &Receipt) -> Result<()> {
        let Some(bus) = &self.bus else { return Ok(()) };
        let read = Read::stream(stream.clone()).until(receipt.last);
        let read = match receipt.first.get().checked_sub(1) {
            Some(before) => read.after(es_core::Position::new(before)),
            None => read,
        };
        let events: Vec<Recorded> = self.store.read(read).into_vec().await?;
        let published = bus.publish(&events).await;
        if let Err(error) = &published {
            tracing::warn!(%stream, %error, "saved events were not published");
        }
        published
    }
}

/// The version of a root before it was written.
pub(super) struct Before(pub(super) Option<Version>);

impl<E> Saved<E> {
    /// Nothing happened.
    pub(super) const fn nothing(version: Option<Version>) -> Self {
        Self { events: Vec::new(), version, receipt: None, unpublished: None }
    }
}
