//! Several partitions: each a whole log, and nothing that would need all of them in one order.

mod cluster;
mod contract;
mod follow;
mod opening;
mod refused;
mod writers;

use es_core::{EventId, Position, Read, Recorded, StreamId};
use es_store_redis::{Placement, RedisPartitions};

use crate::{checks, server::Log};

/// Partitions that place every stream by its name.
pub(super) async fn open(log: &Log, count: u16) -> RedisPartitions {
    RedisPartitions::open(&log.url, count, Placement::ByStream, log.options()).await.unwrap()
}

/// A stream of this partition, the `number`th that is found.
pub(super) fn stream_in(partitions: &RedisPartitions, partition: usize, number: usize) -> StreamId {
    let all = (0..).map(|key| checks::stream(&format!("s{key}")));
    let mut of = all.filter(|stream| partitions.partition_of(stream) == partition);
    of.nth(number).unwrap()
}

/// What each partition has, which must be dense, and nothing but its own streams.
pub(super) async fn whole(partitions: &RedisPartitions) -> Vec<Vec<Recorded>> {
    let mut logs = Vec::new();
    for (partition, store) in partitions.stores().enumerate() {
        let log = checks::whole(&store).await;
        assert!(log.iter().all(|event| partitions.partition_of(&event.stream) == partition));
        logs.push(log);
    }
    logs
}

/// A place in one of the partitions, and the event that is there.
pub(super) type Place = (usize, Position, EventId);

pub(super) fn places(logs: &[Vec<Recorded>]) -> Vec<Place> {
    let logs = logs.iter().enumerate();
    let places = logs.flat_map(|(partition, log)| {
        log.iter().map(move |event| (partition, event.position, event.id))
    });
    places.collect()
}

/// Follows from where `from` is until it has met so many events in all.
pub(super) async fn met(follow: &mut es_store_redis::RedisFollow, count: usize) -> Vec<Place> {
    let mut met = Vec::new();
    while met.len() < count {
        let followed = follow.next().await.unwrap().unwrap();
        if let Some(event) = followed.item.into_event() {
            met.push((followed.partition, event.position, event.id));
        }
    }
    met
}

/// The merged follow gives each partition in its order, and all of them together.
pub(super) async fn followed(partitions: &RedisPartitions, count: usize) -> Vec<Place> {
    let mut follow = partitions.follow(&partitions.start(), Read::all()).unwrap();
    met(&mut follow, count).await
}

/// Sorted by partition, and within it as it came.
pub(super) fn by_partition(mut places: Vec<Place>) -> Vec<Place> {
    places.sort_by_key(|(partition, ..)| *partition);
    places
}
