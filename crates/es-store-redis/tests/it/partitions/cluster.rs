//! Partitions over the slots of a cluster. One process is as strict about slots as many are.

use std::collections::HashSet;

use es_core::{Append, ExpectedVersion, Read};
use es_store_redis::{Placement, RedisOptions, RedisPartitions};
use es_testkit::{
    Fixture,
    servers::{RedisConfig, RedisServer},
};

use super::{by_partition, followed, places, stream_in, whole};
use crate::checks::events;

#[test]
fn each_partition_is_in_a_slot_of_its_own() {
    let cluster = async { Fixture::new(RedisServer::cluster(&RedisConfig::durable()), ()) };
    es_testkit::run(cluster, |server| async move {
        let url = server.url().replace("redis://", "redis-cluster://");
        let (placement, options) = (Placement::ByStream, RedisOptions::new());
        let partitions = RedisPartitions::open(&url, 6, placement, options).await.unwrap();
        let mut written = 0;
        for partition in 0..6 {
            let [a, b, c] = [0, 1, 2].map(|number| stream_in(&partitions, partition, number));
            let append = Append::to(a, ExpectedVersion::NoStream)
                .events(events(3))
                .and(b, ExpectedVersion::Any)
                .events(events(2))
                .require(c, ExpectedVersion::NoStream);
            partitions.append(append).await.unwrap();
            written += 5;
        }
        let logs = whole(&partitions).await;
        assert_eq!(by_partition(followed(&partitions, written).await), places(&logs));
        for store in partitions.stores() {
            let backward = store.read(Read::all().backward()).into_vec().await.unwrap();
            assert_eq!(backward.len(), 5);
        }
        // Every key of a partition is in the slot of that partition.
        let keys = server.ask(&["KEYS", "*"]);
        let keys: HashSet<String> = keys.list().iter().map(|key| key.text()).collect();
        let mut slots = HashSet::new();
        for partition in 0..6 {
            let prefix = format!("{{es/{partition}}}:");
            let of = keys.iter().filter(|key| key.starts_with(&prefix));
            let of: HashSet<u16> = of.map(|key| es_redis::slot(key.as_bytes())).collect();
            assert_eq!(of.len(), 1, "{prefix}");
            slots.extend(of);
        }
        assert_eq!(slots.len(), 6);
        assert!(keys.iter().all(|key| key.starts_with("{es/")), "{keys:?}");
    });
}
