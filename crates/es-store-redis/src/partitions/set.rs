//! The partitions as one value: opened together, asked one by one, followed together.

use std::{
    fmt::{self, Debug, Display},
    sync::Arc,
};

use es_core::{
    Append, Backend, EventId, EventStore, Head, Invalid, Position, Read, Receipt, Recorded, Result,
    Store, StreamId,
};
use futures_util::future::try_join_all;

use super::{
    PartitionsError, Placement, RedisFollow, RedisPositions, open,
    partition::{Layout, Partition},
    router::Router,
};
use crate::options::RedisOptions;

/// How many partitions there may be: each is a connection, or two.
const MOST: u16 = 1_024;

/// A log in several partitions, for more appends than one server runs.
///
/// Each partition is a complete log: its own order, dense positions, conditions, checkpoints;
/// it may be on a server or in a slot of its own. **Between partitions there is no order.**
/// So this is not an [`EventStore`]: nobody can ask it for "all events, in order", for one
/// head, or for a condition over everything. What is left is here: the store of a
/// stream ([`of`](Self::of)), of a partition ([`partition`](Self::partition)), all streams one
/// by one ([`by_stream`](Self::by_stream)), and all partitions followed at once, with a
/// position in each ([`follow`](Self::follow)).
///
/// Take one log, [`RedisStore`](crate::RedisStore), as long as one server keeps up.
///
/// ```no_run
/// use es_core::{Append, ExpectedVersion, Read, StreamId};
/// use es_store_redis::{Placement, RedisOptions, RedisPartitions};
/// # use es_core::{NewEvent, Payload, Schema};
///
/// # async fn run() -> es_core::Result<()> {
/// # let opened = NewEvent::raw(Schema::from_static("account.opened", 1), Payload::json("Alice")?);
/// let options = RedisOptions::new();
/// let url = "redis-cluster://localhost";
/// let log = RedisPartitions::open(url, 8, Placement::ByStream, options).await?;
/// let alice = StreamId::new("account", "alice")?;
/// log.append(Append::to(alice, ExpectedVersion::NoStream).event(opened)).await?;
///
/// let mut all = log.follow(&log.start(), Read::all())?;
/// while let Some(met) = all.next().await {
///     let met = met?;
///     println!("partition {}: {:?}", met.partition, met.item);
///     let checkpoint = all.positions(); // kept where the reader keeps its state
/// #   let _ = checkpoint;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RedisPartitions {
    partitions: Arc<[Arc<Partition>]>,
    router: Arc<Router>,
}

impl RedisPartitions {
    /// Opens the `count` partitions of the log that `options` name, all of them on the server
    /// or the cluster at `url`, and makes them if they are not there.
    ///
    /// Number and placement are written down when they are made, and cannot be
    /// changed: to have others, copy the events into a log of another name.
    ///
    /// # Errors
    /// Those of [`RedisStore::open`](crate::RedisStore::open); `Invalid` with a
    /// [`PartitionsError`] when they were made with another number or placement, and for a
    /// number of 0 or above 1,024; `LogDiverged` when one of them was there and is gone, or is
    /// another log.
    ///
    /// # Cancel safety
    /// Dropping the future leaves nothing open; some of the partitions may be made.
    pub async fn open(
        url: &str,
        count: u16,
        placement: Placement,
        options: RedisOptions,
    ) -> Result<Self> {
        Self::open_over(&[url], count, placement, options).await
    }

    /// The same over several servers: partition `i`, counted from 0, is on server `i` modulo
    /// their number. Name them in the same order each time; a mix-up is `LogDiverged`.
    ///
    /// # Errors
    /// Those of [`RedisPartitions::open`].
    ///
    /// # Cancel safety
    /// That of [`RedisPartitions::open`].
    pub async fn open_over(
        urls: &[&str],
        count: u16,
        placement: Placement,
        options: RedisOptions,
    ) -> Result<Self> {
        let layout = layout(count, placement)?;
        let stores = open::all(urls, &options, layout).await?;
        let partitions = stores.into_iter().enumerate();
        let partitions: Arc<[_]> =
            partitions.map(|(index, store)| Arc::new(Partition { store, layout, index })).collect();
        let name = format!("{count} partitions of {}", options.name);
        let router = Arc::new(Router { partitions: Arc::clone(&partitions), layout, name });
        Ok(Self { partitions, router })
    }

    /// Lets one partition go on after its server has lost events, as
    /// [`RedisStore::continue_after_loss`](crate::RedisStore::continue_after_loss) does for a
    /// log. The others stay as they are.
    ///
    /// # Errors
    /// Those of [`RedisPartitions::open`] and of `continue_after_loss`; `Invalid` for a
    /// partition that there is not.
    ///
    /// # Cancel safety
    /// It is done or not; done twice, the partition has another identity once more.
    pub async fn continue_after_loss(
        urls: &[&str],
        (count, placement): (u16, Placement),
        options: RedisOptions,
        partition: usize,
        beyond: Position,
    ) -> Result<Head> {
        crate::store::countable(beyond)?;
        let layout = layout(count, placement)?;
        let head = open::go_on(urls, &options, layout, partition, beyond).await?;
        tracing::warn!(partition, log = %head.log, at = %head.position, "a partition goes on after a loss");
        Ok(head)
    }

    /// How many partitions there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.partitions.len()
    }

    /// How streams are placed.
    #[must_use]
    pub fn placement(&self) -> Placement {
        self.router.layout.placement
    }

    /// The partition of a stream, counted from 0.
    #[must_use]
    pub fn partition_of(&self, stream: &StreamId) -> usize {
        self.router.layout.partition(stream)
    }

    /// A partition as a store, counted from 0: a log as any other, with an order, conditions
    /// and checkpoints within it. Streams of other partitions are refused with a
    /// [`PartitionsError`], also where they are only read.
    ///
    /// # Errors
    /// `Invalid` where there is no such partition.
    pub fn partition(&self, index: usize) -> Result<Store> {
        let count = self.count();
        let found = self.partitions.get(index).map(store_of);
        found.ok_or_else(|| PartitionsError::NoSuchPartition { asked: index, count }.into())
    }

    /// All partitions as stores, in their order.
    pub fn stores(&self) -> impl Iterator<Item = Store> {
        self.partitions.iter().map(store_of)
    }

    /// The partition of a stream as a store.
    #[must_use]
    pub fn of(&self, stream: &StreamId) -> Store {
        let found = self.partitions.get(self.partition_of(stream)).map(store_of);
        found.unwrap_or_else(|| self.by_stream())
    }

    /// All streams, wherever they are, for whoever works on one at a time: a repository
    /// of aggregates. It appends within one partition and reads single streams. What would need
    /// an order of all events (other reads, the head, waiting) is `Unsupported`, and so are
    /// `unless` conditions.
    #[must_use]
    pub fn by_stream(&self) -> Store {
        Store::from_backend(Arc::clone(&self.router) as Backend)
    }

    /// Commits `append` as one, in the partition of its streams.
    ///
    /// # Errors
    /// `Invalid` with a [`PartitionsError`], before anything is sent, when its streams are in
    /// several partitions, or when it has an `unless` condition: that is held within one
    /// partition, by the store of that; else those of [`EventStore::append`].
    ///
    /// # Cancel safety
    /// That of [`EventStore::append`].
    pub async fn append(&self, append: Append) -> Result<Receipt> {
        self.router.append(append.build()?).await
    }

    /// The event with this id, and the partition that has it. Ids are kept apart within a
    /// partition only; where several have one, it is that of the first partition.
    ///
    /// # Errors
    /// Those of a read.
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    pub async fn find(&self, id: EventId) -> Result<Option<(usize, Recorded)>> {
        let stores: Vec<Store> = self.stores().collect();
        let found = try_join_all(stores.iter().map(|store| store.find(id))).await?;
        let found = found.into_iter().enumerate();
        Ok(found.filter_map(|(partition, event)| Some((partition, event?))).next())
    }

    /// Before all events of all partitions.
    #[must_use]
    pub fn start(&self) -> RedisPositions {
        let logs = self.partitions.iter().map(|partition| partition.store.log());
        RedisPositions::of(logs.map(|log| Head::new(log, Position::START)))
    }

    /// Where each partition ends. They are not asked at one moment.
    ///
    /// # Errors
    /// Those of [`EventStore::head`].
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    pub async fn heads(&self) -> Result<RedisPositions> {
        let heads = self.partitions.iter().map(|partition| partition.store.head());
        Ok(RedisPositions::of(try_join_all(heads).await?))
    }

    /// Reads what all partitions have behind `from`, and then what comes, without end.
    ///
    /// # Errors
    /// `Invalid` when `from` has another number of positions than there are partitions, and
    /// for a read with positions or a limit of its own, which would mean something else in each
    /// partition. What a follower is refused for otherwise, its first item says.
    pub fn follow(&self, from: &RedisPositions, read: Read) -> Result<RedisFollow> {
        let (positions, count) = (from.len(), self.count());
        if positions != count {
            return Err(PartitionsError::OtherPositions { positions, count }.into());
        }
        if read.after.is_some()
            || read.until.is_some()
            || read.log.is_some()
            || read.limit.is_some()
        {
            let reason = "positions, a log and a limit mean something else in each partition: \
                          begin at the positions that are given beside the read";
            return Err(Invalid::Read { reason }.into());
        }
        let partitions = self
            .stores()
            .zip(from.iter())
            .map(|(store, at)| store.follow(read.clone().after(at.position).of_log(at.log)));
        Ok(RedisFollow::new(partitions.collect(), from.clone()))
    }
}

fn store_of(partition: &Arc<Partition>) -> Store {
    Store::from_backend(Arc::clone(partition) as Backend)
}

fn layout(count: u16, placement: Placement) -> Result<Layout> {
    if count == 0 || count > MOST {
        let (setting, value) = ("the number of partitions", count.to_string());
        let remedy = "say 1 to 1,024; a few for each server are enough";
        return Err(Invalid::Setting { setting, value, remedy }.into());
    }
    Ok(Layout { count, placement })
}

impl Debug for RedisPartitions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisPartitions")
            .field("name", &self.router.name)
            .field("placement", &self.placement())
            .finish_non_exhaustive()
    }
}

impl Display for RedisPartitions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.router.name)
    }
}
