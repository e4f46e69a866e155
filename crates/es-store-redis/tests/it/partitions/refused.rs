//! What would need all partitions in one order is refused, with a word on what to do.

use std::time::Duration;

use es_core::{
    Append, ErrorKind, EventType, ExpectedVersion, Invalid, Position, Query, Read, Store,
};
use es_store_redis::{PartitionsError, Placement, RedisPartitions};

use super::{open, stream_in, whole};
use crate::{
    checks::{event, events, stream},
    server::on_a_log,
};

fn of(error: &es_core::Error) -> PartitionsError {
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error:?}");
    PartitionsError::of(error).unwrap().clone()
}

#[test]
fn an_append_over_two_partitions_names_streams_partitions_and_remedy() {
    on_a_log(|log| async move {
        let partitions = open(&log, 3).await;
        let [a, b] = [0, 2].map(|partition| stream_in(&partitions, partition, 0));
        let any = ExpectedVersion::Any;
        let both = || Append::to(a.clone(), any).event(event()).and(b.clone(), any).event(event());
        let one = || Append::to(a.clone(), any).event(event());
        let demand = || one().require(b.clone(), ExpectedVersion::NoStream);
        let first = partitions.partition(0).unwrap();
        for error in [
            partitions.append(both()).await.unwrap_err(),
            partitions.append(demand()).await.unwrap_err(),
            partitions.by_stream().append(both()).await.unwrap_err(),
            first.append(both()).await.unwrap_err(),
            first.append(demand()).await.unwrap_err(),
        ] {
            let streams = vec![(a.clone(), 0), (b.clone(), 2)];
            let placement = Placement::ByStream;
            assert_eq!(of(&error), PartitionsError::Apart { streams, placement });
            let words = error.to_string();
            let says = |part: &str| assert!(words.contains(part), "{words}");
            says(&format!("{a} in 0, {b} in 2"));
            says("by key, category or tenant");
        }
        assert!(whole(&partitions).await.iter().all(Vec::is_empty), "nothing was written");
        // Within a partition an append reaches several streams, as in any log.
        let other = stream_in(&partitions, 0, 1);
        let within = one()
            .and(other.clone(), any)
            .events(events(2))
            .require(stream_in(&partitions, 0, 2), ExpectedVersion::NoStream);
        let receipt = partitions.append(within).await.unwrap();
        assert_eq!((receipt.first, receipt.last), (Position::new(1), Position::new(3)));
    });
}

#[test]
fn a_stream_is_neither_written_nor_read_in_the_wrong_partition() {
    on_a_log(|log| async move {
        let partitions = open(&log, 2).await;
        let (there, here) = (stream_in(&partitions, 1, 0), partitions.partition(0).unwrap());
        let append = || Append::to(there.clone(), ExpectedVersion::Any).event(event());
        let elsewhere =
            PartitionsError::Elsewhere { stream: there.clone(), asked: 0, partition: 1 };
        assert_eq!(of(&here.append(append()).await.unwrap_err()), elsewhere);
        partitions.append(append()).await.unwrap();
        // Nothing at all would be the beginning of a second life.
        let read = here.read(Read::stream(there.clone())).into_vec().await;
        assert_eq!(of(&read.unwrap_err()), elsewhere);
        assert_eq!(of(&here.version(&there).await.unwrap_err()), elsewhere);
        let mut follow = here.follow(Read::stream(there.clone()));
        assert_eq!(of(&follow.next_event().await.unwrap().unwrap_err()), elsewhere);
        assert_eq!(partitions.of(&there).version(&there).await.unwrap().unwrap().get(), 1);
    });
}

#[test]
fn conditions_hold_within_a_partition_and_nowhere_else() {
    on_a_log(|log| async move {
        let partitions = open(&log, 2).await;
        let noted = Query::any().of_types([EventType::from_static("noted")]);
        let name = stream_in(&partitions, 1, 0);
        let append = || {
            let append = Append::to(name.clone(), ExpectedVersion::Any).event(event());
            append.unless(noted.clone(), Position::START)
        };
        assert_eq!(of(&partitions.append(append()).await.unwrap_err()), PartitionsError::Condition);
        let error = partitions.by_stream().append(append()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        // What the other partition has does not count: it is another log.
        let other = stream_in(&partitions, 0, 0);
        let unconditional = Append::to(other, ExpectedVersion::Any).event(event());
        partitions.append(unconditional).await.unwrap();
        let store = partitions.of(&name);
        store.append(append()).await.unwrap();
        let error = store.append(append()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConditionFailed);
    });
}

/// It fails for a store that answers, and for one that waits.
async fn has_no_order(store: &Store) {
    let read = store.read(Read::all()).into_vec().await.unwrap_err();
    let category = Read::category(stream("a").category().clone());
    let category = store.read(category).into_vec().await.unwrap_err();
    let wait = tokio::time::timeout(Duration::from_secs(60), store.wait(Position::START)).await;
    let follow = store.follow(Read::all()).next().await.unwrap().unwrap_err();
    for error in [
        read,
        category,
        follow,
        store.head().await.unwrap_err(),
        wait.unwrap().unwrap_err(),
        store.find(event().id).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:?}");
        assert!(error.to_string().contains("RedisPartitions::follow"), "{error}");
    }
}

#[test]
fn all_streams_together_have_no_head_and_no_order() {
    on_a_log(|log| async move {
        let partitions = open(&log, 2).await;
        has_no_order(&partitions.by_stream()).await;
        let error = partitions.partition(2).unwrap_err();
        assert_eq!(of(&error), PartitionsError::NoSuchPartition { asked: 2, count: 2 });
        let follow = |read| partitions.follow(&partitions.start(), read);
        for read in [Read::all().limit(1), Read::all().after(Position::new(3))] {
            let error = follow(read).unwrap_err();
            assert!(matches!(error.invalid(), Some(Invalid::Read { .. })), "{error:?}");
        }
        let fewer = super::open(&crate::server::Log::new(), 1).await;
        let error = partitions.follow(&fewer.start(), Read::all()).unwrap_err();
        assert_eq!(of(&error), PartitionsError::OtherPositions { positions: 1, count: 2 });
    });
}

#[test]
fn what_is_placed_together_is_appended_together() {
    on_a_log(|log| async move {
        let placement = Placement::ByKey;
        let options = log.options();
        let partitions = RedisPartitions::open(&log.url, 7, placement, options).await.unwrap();
        for key in 0..20 {
            let name = |category| es_core::StreamId::new(category, key).unwrap();
            let append = Append::to(name("order"), ExpectedVersion::NoStream)
                .event(event())
                .and(name("shipment"), ExpectedVersion::NoStream)
                .event(event());
            partitions.append(append).await.unwrap();
        }
        let two = Append::to(stream("a"), ExpectedVersion::Any).event(event());
        let apart = (0..).map(|key| stream(&format!("{key}")));
        let apart = apart
            .into_iter()
            .find(|other| partitions.partition_of(other) != partitions.partition_of(&stream("a")));
        let two = two.and(apart.unwrap(), ExpectedVersion::Any).event(event());
        let error = partitions.append(two).await.unwrap_err();
        assert!(error.to_string().contains("what their placement goes by"), "{error}");
    });
}
