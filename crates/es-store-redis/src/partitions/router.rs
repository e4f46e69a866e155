//! All partitions as a store of streams, for whoever works on one stream at a time.

use std::{
    cmp::Reverse,
    fmt::{self, Debug, Display},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use es_core::{
    AppendRequest, Capabilities, Durability, Error, ErrorKind, EventStore, FoldStream, Head,
    PageStream, Position, Read, Receipt, Result, Selection,
};
use futures_util::{StreamExt, future::try_join_all, stream};

use super::{
    PartitionsError,
    partition::{Layout, Partition},
};

/// Sends each append and each read of a stream to where the stream is. It has no log of its
/// own: whatever would need an order of all events is refused.
pub(super) struct Router {
    pub(super) partitions: Arc<[Arc<Partition>]>,
    pub(super) layout: Layout,
    pub(super) name: String,
}

impl Router {
    /// The partition that has all of a selection, where one has.
    fn of(&self, selection: &Selection) -> Result<&Partition> {
        match selection {
            Selection::Stream(name) => self.at(self.layout.partition(name)),
            _ => Err(no_order("a read of more than one stream")),
        }
    }

    fn at(&self, index: usize) -> Result<&Partition> {
        let count = self.partitions.len();
        let found = self.partitions.get(index);
        found
            .map(AsRef::as_ref)
            .ok_or_else(|| PartitionsError::NoSuchPartition { asked: index, count }.into())
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl EventStore for Router {
    fn capabilities(&self) -> Capabilities {
        Capabilities::ALL.with_conditions(false)
    }

    async fn append(&self, append: AppendRequest) -> Result<Receipt> {
        if !append.unless().is_empty() {
            return Err(PartitionsError::Condition.into());
        }
        self.at(self.layout.one(&append)?)?.store.append(append).await
    }

    fn read(&self, read: Read) -> PageStream {
        match self.of(&read.selection) {
            Ok(partition) => partition.store.read(read),
            Err(error) => stream::once(async { Err(error) }).boxed(),
        }
    }

    fn read_to_fold(&self, read: Read) -> FoldStream {
        match self.of(&read.selection) {
            Ok(partition) => partition.store.read_to_fold(read),
            Err(error) => stream::once(async { Err(error) }).boxed(),
        }
    }

    async fn head(&self) -> Result<Head> {
        Err(no_order("the head"))
    }

    async fn wait(&self, _: Position) -> Result<Head> {
        Err(no_order("waiting"))
    }

    /// That of the partition that keeps least.
    async fn durability(&self) -> Result<Durability> {
        let asked = self.partitions.iter().map(|partition| partition.store.durability());
        let mut all = try_join_all(asked).await?;
        all.sort_by_key(|found| {
            let survives = [
                found.survives_client_crash,
                found.survives_server_crash,
                found.survives_power_loss,
            ];
            // A window that nobody knows is longer than any other.
            let window = found.loss_window.unwrap_or(Duration::MAX);
            (survives.into_iter().filter(|survives| *survives).count(), Reverse(window))
        });
        all.into_iter().next().ok_or_else(|| no_order("durability"))
    }
}

fn no_order(what: &str) -> Error {
    let message = format!(
        "{what} needs one order of all events, which partitions do not have: ask one of them \
         (`partition`), or follow all (`RedisPartitions::follow`)"
    );
    Error::new(ErrorKind::Unsupported, message)
}

impl Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router").field("name", &self.name).field("layout", &self.layout).finish()
    }
}

impl Display for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
