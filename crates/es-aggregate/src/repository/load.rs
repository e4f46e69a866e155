//! Loading: from a snapshot or from the start, to the end or to a moment in the past.

use std::fmt::Display;

use es_core::{
    Error, ErrorKind, Observation, Read, Result, SnapshotUse, StreamId, Timestamp, Version,
};

use super::Repository;
use crate::{
    Aggregate, Root,
    snapshot::{Found, Snapshots},
};

/// A moment in the life of an aggregate.
///
/// ```
/// # use es_aggregate::{Aggregate, Decide, Repository};
/// # use es_core::{Event, Store};
/// # use es_store_memory::MemoryStore;
/// # #[derive(Debug, PartialEq, Event)]
/// # enum AccountEvent {
/// #     Deposited { cents: u64 },
/// #     Withdrawn { cents: u64 },
/// # }
/// # #[derive(Default)]
/// # struct Account {
/// #     cents: u64,
/// # }
/// # impl Aggregate for Account {
/// #     const CATEGORY: &'static str = "account";
/// #     type Event = AccountEvent;
/// #     fn evolve(&mut self, event: &AccountEvent) {
/// #         match event {
/// #             AccountEvent::Deposited { cents } => self.cents += cents,
/// #             AccountEvent::Withdrawn { cents } => self.cents -= cents,
/// #         }
/// #     }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let accounts = Repository::<Account>::new(Store::new(MemoryStore::new()));
/// use es_core::Version;
///
/// let mut alice = accounts.create("alice")?;
/// alice.record(AccountEvent::Deposited { cents: 100 });
/// alice.record(AccountEvent::Withdrawn { cents: 30 });
/// let recorded_at = accounts.save(&mut alice).await?.receipt.unwrap().recorded_at;
///
/// assert_eq!(accounts.load_at("alice", Version::FIRST).await?.cents, 100);
/// assert_eq!(accounts.load_at("alice", recorded_at).await?.cents, 70);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Moment {
    /// Right after the event of this version.
    Version(Version),
    /// At this time, by when the events were recorded.
    Time(Timestamp),
}

impl From<Version> for Moment {
    fn from(version: Version) -> Self {
        Self::Version(version)
    }
}

impl From<Timestamp> for Moment {
    fn from(time: Timestamp) -> Self {
        Self::Time(time)
    }
}

impl<A: Aggregate> Repository<A> {
    /// Loads an aggregate as it is now.
    ///
    /// # Errors
    /// `NotFound` when it has no events; `UnknownEvent` or `Undecodable`, with the position,
    /// when its stream holds an event that is not among `A::Event` (A2); else those of a
    /// read.
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    pub fn load(&self, id: impl Display) -> impl Future<Output = Result<Root<A>>> + Send {
        let stream = self.stream(id);
        async move {
            let root = self.fold(stream?).await?;
            found(root, || "it has no events".to_owned())
        }
    }

    /// Loads an aggregate as it is now, or begins a new one.
    ///
    /// # Errors
    /// Those of [`Repository::load`] but `NotFound`.
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    pub fn load_or_create(&self, id: impl Display) -> impl Future<Output = Result<Root<A>>> + Send {
        let stream = self.stream(id);
        async move { self.fold(stream?).await }
    }

    /// Loads an aggregate as it was at a version or a time: time travel.
    ///
    /// Saving what is loaded from the past conflicts, unless nothing has happened since.
    ///
    /// # Errors
    /// `NotFound` when it had no events at that time, or never had that version; else those
    /// of [`Repository::load`].
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    pub fn load_at(
        &self,
        id: impl Display,
        moment: impl Into<Moment>,
    ) -> impl Future<Output = Result<Root<A>>> + Send {
        let (stream, moment) = (self.stream(id), moment.into());
        async move {
            let stream = stream?;
            let read = Read::stream(stream.clone());
            match moment {
                Moment::Time(time) => {
                    let mut root = Root::at(stream);
                    self.advance(&mut root, read.recorded_until(time)).await?;
                    found(root, || format!("it had no events at {time}"))
                }
                Moment::Version(version) => {
                    let root = self.fold_until(stream, read.to_version(version), version).await?;
                    if root.version() == Some(version) {
                        return Ok(root);
                    }
                    let end = root.version().map_or(0, Version::get);
                    Err(not_found(&root, format!("it has no version {version}, only {end}")))
                }
            }
        }
    }

    /// Folds the whole stream, from a snapshot if there is a usable one.
    pub(super) async fn fold(&self, stream: StreamId) -> Result<Root<A>> {
        let read = Read::stream(stream.clone());
        self.fold_until(stream, read, Version::MAX).await
    }

    /// Takes in what the log has behind `root`. True when that may change a decision: there
    /// was something, or the log no longer has what `root` ends with, and it was folded anew.
    pub(super) async fn catch_up(&self, root: &mut Root<A>) -> Result<bool> {
        let before = root.version();
        if self.go_on(root, Read::stream(root.stream().clone())).await? {
            return Ok(root.version() != before);
        }
        tracing::warn!(stream = %root.stream(), "the log disagrees with a kept state");
        *root = self.fold(root.stream().clone()).await?;
        Ok(true)
    }

    pub(super) async fn fold_until(
        &self,
        stream: StreamId,
        read: Read,
        last: Version,
    ) -> Result<Root<A>> {
        if let Some(snapshots) = &self.snapshots
            && let Some(root) = self.resume(snapshots, &stream, &read, last).await?
        {
            return Ok(root);
        }
        let mut root = Root::at(stream);
        self.advance(&mut root, read).await?;
        Ok(root)
    }

    /// Folds on from a snapshot, if there is one and the log agrees with it.
    async fn resume(
        &self,
        snapshots: &Snapshots<A>,
        stream: &StreamId,
        read: &Read,
        last: Version,
    ) -> Result<Option<Root<A>>> {
        let mut root = match snapshots.load(stream).await {
            Found::Root(root) => root,
            Found::Nothing => return Ok(self.without(SnapshotUse::Missing)),
            Found::Unusable => return Ok(self.without(SnapshotUse::Unusable)),
        };
        let Some(version) = root.version().filter(|version| *version <= last) else {
            return Ok(None);
        };
        if !self.go_on(&mut root, read.clone()).await? {
            tracing::warn!(%stream, %version, "the log disagrees with a snapshot");
            return Ok(self.without(SnapshotUse::Unusable));
        }
        self.tell_snapshot(SnapshotUse::Hit);
        Ok(Some(root))
    }

    /// Takes in what `read`, which is of the stream of `root`, has behind it. False, with
    /// `root` as it was, when the log does not have the event that `root` ends with.
    ///
    /// *Hazard.* A log that lost its end, or was restored from a backup, and went on, may
    /// have other events under the versions that a kept state has folded in.
    /// *Mechanism.* The read begins with the event that the state ends with, and the two
    /// must have the same id. *Cost.* One event read again, with all its parts if it was
    /// split, and no further round trip.
    async fn go_on(&self, root: &mut Root<A>, read: Read) -> Result<bool> {
        let (Some(version), anchor) = (root.version(), root.last_event()) else {
            self.advance(root, read).await?;
            return Ok(true);
        };
        let mut pages = self.store.read_to_fold(read.from_version(version));
        let mut is_anchored = false;
        while let Some(page) = pages.next().await.transpose()? {
            for event in page.events() {
                if is_anchored && event.version > version {
                    root.take_next(&event)?;
                } else if event.version == version && anchor == Some(event.id) {
                    is_anchored = true;
                } else {
                    return Ok(false);
                }
            }
        }
        root.check_whole()?;
        Ok(is_anchored)
    }

    /// No root, and that is told.
    fn without(&self, used: SnapshotUse) -> Option<Root<A>> {
        self.tell_snapshot(used);
        None
    }

    fn tell_snapshot(&self, used: SnapshotUse) {
        if let Some(observer) = self.store.observer() {
            observer.observe(&Observation::Snapshot { aggregate: A::CATEGORY, used });
        }
    }

    /// Untyped, because a typed read passes over dropped events, whose versions count.
    async fn advance(&self, root: &mut Root<A>, read: Read) -> Result<()> {
        let mut pages = self.store.read_to_fold(read);
        while let Some(page) = pages.next().await.transpose()? {
            page.events().try_for_each(|event| root.take_next(&event))?;
        }
        root.check_whole()
    }
}

fn found<A: Aggregate>(root: Root<A>, why_not: impl FnOnce() -> String) -> Result<Root<A>> {
    if root.version().is_some() { Ok(root) } else { Err(not_found(&root, why_not())) }
}

fn not_found<A: Aggregate>(root: &Root<A>, why: String) -> Error {
    Error::new(ErrorKind::NotFound, format!("{} was not found: {why}", root.stream()))
}
