//! The merged follow goes on from a vector of positions, through kills of the server.

use es_core::{Append, ErrorKind, ExpectedVersion, Follow, Read};
use es_store_redis::{Placement, RedisFollow, RedisOptions, RedisPartitions, RedisPositions};
use es_testkit::{
    Fixture,
    servers::{RedisConfig, RedisServer},
};
use fastrand::Rng;

use super::{Place, by_partition, open, places, stream_in, whole};
use crate::{
    checks::{event, events},
    load::Load,
    server::on_a_log,
};

async fn opened(url: &str) -> RedisPartitions {
    let (placement, options) = (Placement::ByStream, RedisOptions::new());
    RedisPartitions::open(url, 3, placement, options).await.unwrap()
}

/// Takes in some events, and keeps a checkpoint behind each. What is met behind the last
/// checkpoint is forgotten, as it is by a reader that dies.
async fn some(follow: &mut RedisFollow, most: usize, seen: &mut Vec<Place>) -> String {
    let mut kept = serde_json::to_string(follow.positions()).unwrap();
    let mut tries = 0;
    for _ in 0..most {
        match follow.next().await.unwrap() {
            Ok(followed) => {
                if let Follow::Event(event) = &followed.item {
                    seen.push((followed.partition, event.position, event.id));
                }
                kept = serde_json::to_string(follow.positions()).unwrap();
            }
            Err(error) => {
                assert!(error.is_temporary(), "{error:?}");
                tries += 1;
                assert!(tries < 10_000, "the server never came back: {error:?}");
            }
        }
    }
    kept
}

#[test]
fn a_reader_goes_on_from_its_vector_after_kills_of_the_server() {
    let kills: usize =
        std::env::var("ES_TEST_KILLS").ok().map_or(8, |number| number.parse().unwrap());
    let fixture = async { Fixture::new(RedisServer::start(&RedisConfig::durable()), ()) };
    es_testkit::run(fixture, |mut server| async move {
        let partitions = opened(&server.url()).await;
        let load = std::sync::Arc::new(Load::default());
        let tasks = load.start(&partitions.by_stream(), 8);
        let mut rng = Rng::with_seed(4);
        let (mut seen, mut kept) =
            (Vec::new(), serde_json::to_string(&partitions.start()).unwrap());
        for _ in 0..kills {
            load.advances(rng.usize(1..200), &tasks).await;
            // A reader that begins anew each time, on a handle of its own.
            let reader = opened(&server.url()).await;
            let from: RedisPositions = serde_json::from_str(&kept).unwrap();
            let mut follow = reader.follow(&from, Read::all()).unwrap();
            let before = rng.usize(1..300);
            kept = some(&mut follow, before, &mut seen).await;
            server.kill();
            server.run_again();
            kept = match rng.bool() {
                true => some(&mut follow, rng.usize(1..50), &mut seen).await,
                false => kept,
            };
        }
        load.end(tasks).await;
        let logs = whole(&partitions).await;
        let there = places(&logs);
        let from: RedisPositions = serde_json::from_str(&kept).unwrap();
        let mut follow = partitions.follow(&from, Read::all()).unwrap();
        seen.extend(super::met(&mut follow, there.len() - seen.len()).await);
        assert_eq!(by_partition(seen), there, "each once, in the order of its partition");
        println!("{} events over {kills} kills", there.len());
    });
}

/// A quiet partition moves its place too, and a filter that lets nothing through.
#[test]
fn the_vector_moves_behind_what_a_filter_keeps_back() {
    on_a_log(|log| async move {
        let partitions = open(&log, 2).await;
        for partition in 0..2 {
            let name = stream_in(&partitions, partition, 0);
            let append = Append::to(name, ExpectedVersion::Any).events(events(3 + partition));
            partitions.append(append).await.unwrap();
        }
        let none = Read::all().tagged(es_core::Tag::new("nobody", "says").unwrap());
        let mut follow = partitions.follow(&partitions.start(), none).unwrap();
        let mut caught_up = [false; 2];
        while !caught_up.iter().all(|caught_up| *caught_up) {
            let followed = follow.next().await.unwrap().unwrap();
            assert!(followed.item.caught_up().is_some());
            caught_up[followed.partition] = true;
        }
        assert_eq!(follow.positions(), &partitions.heads().await.unwrap());
    });
}

/// One partition that was replaced ends the whole, and says which log it was.
#[test]
fn a_partition_that_was_replaced_ends_the_follow() {
    on_a_log(|log| async move {
        let partitions = open(&log, 2).await;
        let name = stream_in(&partitions, 1, 0);
        partitions.append(Append::to(name, ExpectedVersion::Any).event(event())).await.unwrap();
        let mut heads = serde_json::to_value(partitions.heads().await.unwrap()).unwrap();
        heads[1]["log"] = serde_json::to_value(es_core::LogId::generate()).unwrap();
        let other: RedisPositions = serde_json::from_value(heads).unwrap();
        let mut follow = partitions.follow(&other, Read::all()).unwrap();
        let error = loop {
            match follow.next().await.unwrap() {
                Ok(followed) => assert_eq!(followed.partition, 0),
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::LogDiverged);
        assert!(follow.next().await.is_none());
    });
}
