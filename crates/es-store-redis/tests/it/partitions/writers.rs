//! Many writers, in one process and in two, on all partitions at once.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use es_core::{Append, EventId, ExpectedVersion, Position, Read, StreamId, Version};
use es_store_redis::RedisPartitions;
use fastrand::Rng;

use super::{Place, by_partition, followed, met, open, places, whole};
use crate::{
    checks::{events, stream},
    server::{Log, on_a_log},
};

const PARTITIONS: u16 = 4;
const WRITERS: usize = 32;
const APPENDS: usize = 60;

/// Appends to a stream of its own at an exact version, and to streams that all write to.
async fn write(partitions: RedisPartitions, name: String, seed: u64) -> Vec<Place> {
    let (own, mut version) = (stream(&name), None::<Version>);
    let (mut rng, mut written) = (Rng::with_seed(seed), Vec::new());
    for _ in 0..APPENDS {
        let events = events(rng.usize(1..4));
        let ids: Vec<EventId> = events.iter().map(|event| event.id).collect();
        let is_own = rng.bool();
        let (to, expected) = match is_own {
            true => (own.clone(), ExpectedVersion::exactly(version)),
            false => (stream(&format!("shared-{}", rng.u8(..6))), ExpectedVersion::Any),
        };
        let append = Append::to(to.clone(), expected).events(events);
        let receipt = partitions.append(append).await.unwrap();
        if is_own {
            version = Some(receipt.version());
        }
        let partition = partitions.partition_of(&to);
        let at = (receipt.first.get()..).map(Position::new).zip(ids);
        written.extend(at.map(|(position, id)| (partition, position, id)));
    }
    written
}

async fn write_all(handles: &[RedisPartitions], name: &str, writers: usize) -> Vec<Place> {
    let tasks: Vec<_> = (0..writers)
        .zip(handles.iter().cycle())
        .map(|(number, handle)| {
            let name = format!("{name}-{number}");
            tokio::spawn(write(handle.clone(), name, u64::try_from(number).unwrap()))
        })
        .collect();
    let mut written = Vec::new();
    for task in tasks {
        written.extend(task.await.unwrap());
    }
    written.sort_unstable();
    written
}

#[test]
fn thirty_two_writers_fill_dense_partitions_and_a_follower_misses_nothing() {
    on_a_log(|log| async move {
        let handles = [open(&log, PARTITIONS).await, open(&log, PARTITIONS).await];
        let mut live = handles[0].follow(&handles[0].start(), Read::all()).unwrap();
        let written = write_all(&handles, "writer", WRITERS).await;
        let logs = whole(&handles[0]).await;
        assert!(logs.iter().all(|log| !log.is_empty()), "each has some");
        assert_eq!(places(&logs), written);
        let live = met(&mut live, written.len()).await;
        assert_eq!(by_partition(live), written);
        assert_eq!(*handles[1].heads().await.unwrap().iter().collect::<Vec<_>>(), {
            let mut ends = handles[0].start().iter().collect::<Vec<_>>();
            for (end, log) in ends.iter_mut().zip(&logs) {
                end.position = log.last().unwrap().position;
            }
            ends
        });
        assert_eq!(by_partition(followed(&handles[1], written.len()).await), written);
        let (partition, _, id) = written[written.len() / 2];
        let (found, event) = handles[1].find(id).await.unwrap().unwrap();
        assert_eq!((found, event.id), (partition, id));
        assert_eq!(handles[1].find(EventId::new()).await.unwrap(), None);
    });
}

/// This test binary again, as a process that writes.
fn start(log: &Log, number: usize) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "partitions::writers::the_role_of_a_child", "--nocapture"])
        .env("ES_CHILD_LOG", &log.name)
        .env("ES_TEST_REDIS_URL", &log.url)
        .env("ES_CHILD_NUMBER", number.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// What a child has written down, once it has ended well.
fn told(mut child: Child) -> Vec<Place> {
    let (mut written, mut has_ended) = (Vec::new(), false);
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        has_ended |= line == "all written";
        let Some(line) = line.strip_prefix("written ") else { continue };
        let parts: Vec<&str> = line.split(' ').collect();
        let [partition, position, id] = parts[..] else { panic!("{line}") };
        let position = Position::new(position.parse().unwrap());
        written.push((partition.parse().unwrap(), position, id.parse().unwrap()));
    }
    assert!(child.wait().unwrap().success() && has_ended, "a child has failed");
    written
}

#[test]
fn two_processes_share_partitions() {
    on_a_log(|log| async move {
        let children = [start(&log, 0), start(&log, 1)];
        let mut written: Vec<Place> = children.into_iter().flat_map(told).collect();
        written.sort_unstable();
        let partitions = open(&log, PARTITIONS).await;
        assert_eq!(places(&whole(&partitions).await), written);
        assert_eq!(by_partition(followed(&partitions, written.len()).await), written);
    });
}

/// What a process of the test above does; alone it looks that there is nothing to do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_role_of_a_child() {
    let Ok(number) = std::env::var("ES_CHILD_NUMBER") else {
        assert!(std::env::var_os("ES_CHILD_LOG").is_none(), "half of a role");
        return;
    };
    let options = es_store_redis::RedisOptions::new();
    let options = options.with_name(std::env::var("ES_CHILD_LOG").unwrap()).unwrap();
    let (url, placement) = (crate::server::url(), es_store_redis::Placement::ByStream);
    let handle = RedisPartitions::open(&url, PARTITIONS, placement, options).await.unwrap();
    // The line break before the first one ends whatever the test runner has begun, as it does
    // where there is one processor.
    println!();
    for (partition, position, id) in write_all(&[handle], &number, 8).await {
        println!("written {partition} {position} {id}");
    }
    println!("all written");
}

/// A stream is in one place whoever asks, and each partition has some of the streams.
#[test]
fn by_stream_finds_what_was_written_wherever_it_is() {
    on_a_log(|log| async move {
        let partitions = open(&log, PARTITIONS).await;
        let (all, names) = (partitions.by_stream(), (0..40).map(|key| stream(&key.to_string())));
        let names: Vec<StreamId> = names.collect();
        for name in &names {
            let append = Append::to(name.clone(), ExpectedVersion::NoStream).events(events(2));
            all.append(append).await.unwrap();
        }
        for name in &names {
            let read = all.read(Read::stream(name.clone())).into_vec().await.unwrap();
            assert_eq!(read.len(), 2, "{name}");
            assert_eq!(
                read,
                partitions.of(name).read(Read::stream(name.clone())).into_vec().await.unwrap()
            );
        }
        let durability = all.durability().await.unwrap();
        assert_eq!(durability, partitions.partition(0).unwrap().durability().await.unwrap());
    });
}
