//! How many partitions there are is kept on the server, and so is which log each of them has.

use es_core::{Append, ErrorKind, ExpectedVersion, Position, Result};
use es_store_redis::{PartitionsError, Placement, RedisOptions, RedisPartitions};
use es_testkit::{
    Fixture,
    servers::{RedisConfig, RedisServer},
};

use super::{open, stream_in, whole};
use crate::{checks::event, server::on_a_log};

const BY_STREAM: Placement = Placement::ByStream;

#[test]
fn another_number_or_placement_is_refused_and_makes_nothing() {
    on_a_log(|log| async move {
        let made = open(&log, 3).await;
        let name = stream_in(&made, 2, 0);
        made.append(Append::to(name, ExpectedVersion::Any).event(event())).await.unwrap();
        for (count, placement) in [(4, BY_STREAM), (1, BY_STREAM), (3, Placement::ByTenant)] {
            let opened = RedisPartitions::open(&log.url, count, placement, log.options()).await;
            let error = opened.unwrap_err();
            let asked = (usize::from(count), placement);
            let expected = PartitionsError::MadeOtherwise { made: (3, BY_STREAM), asked };
            assert_eq!(PartitionsError::of(&error), Some(&expected), "{error:?}");
            let words = format!("3 partitions by stream, not {count} by {placement}");
            assert!(error.to_string().contains(&words), "{error}");
        }
        for count in [0, 1_025] {
            let opened = RedisPartitions::open(&log.url, count, BY_STREAM, log.options()).await;
            assert_eq!(opened.unwrap_err().kind(), ErrorKind::Invalid);
        }
        let again = open(&log, 3).await;
        assert_eq!(again.start(), made.start());
        assert_eq!(whole(&again).await[2].len(), 1);
    });
}

/// A log of the same name without partitions is another one.
#[test]
fn partitions_and_a_log_of_one_name_do_not_meet() {
    on_a_log(|log| async move {
        let (one, partitions) = (log.open().await, open(&log, 2).await);
        assert!(partitions.start().iter().all(|head| head.log != one.log()));
        let name = stream_in(&partitions, 0, 0);
        partitions.append(Append::to(name, ExpectedVersion::Any).event(event())).await.unwrap();
        assert_eq!(es_core::EventStore::head(&one).await.unwrap().position, Position::START);
    });
}

#[test]
fn all_open_at_once_and_agree() {
    on_a_log(|log| async move {
        let opened = (0..12).map(|_| open(&log, 5));
        let opened = futures_util::future::join_all(opened).await;
        assert!(opened.iter().all(|one| one.start() == opened[0].start()));
    });
}

/// Two servers with a partition each, in which there is an event.
struct Two([RedisServer; 2]);

impl Two {
    fn start() -> Self {
        Self([(); 2].map(|()| RedisServer::start(&RedisConfig::durable())))
    }

    async fn open(&self) -> Result<RedisPartitions> {
        self.open_as([0, 1]).await
    }

    async fn open_as(&self, order: [usize; 2]) -> Result<RedisPartitions> {
        let urls = order.map(|server| self.0[server].url());
        let urls = urls.each_ref().map(String::as_str);
        RedisPartitions::open_over(&urls, 2, BY_STREAM, RedisOptions::new()).await
    }

    async fn goes_on(&self, partition: usize, beyond: u64) {
        let urls = self.0.each_ref().map(RedisServer::url);
        let urls = urls.each_ref().map(String::as_str);
        let (options, made) = (RedisOptions::new(), (2, BY_STREAM));
        let beyond = Position::new(beyond);
        RedisPartitions::continue_after_loss(&urls, made, options, partition, beyond)
            .await
            .unwrap();
    }
}

fn on_two_servers<Test: Future<Output = ()>>(test: impl FnOnce(Two, RedisPartitions) -> Test) {
    es_testkit::run(async { Fixture::new(Two::start(), ()) }, |two| async move {
        let partitions = two.open().await.unwrap();
        for partition in 0..2 {
            let name = stream_in(&partitions, partition, 0);
            let append = Append::to(name, ExpectedVersion::NoStream).event(event());
            partitions.append(append).await.unwrap();
        }
        test(two, partitions).await;
    });
}

#[test]
fn servers_in_another_order_are_noticed() {
    on_two_servers(|two, partitions| async move {
        assert_eq!(two.open().await.unwrap().start(), partitions.start());
        let error = two.open_as([1, 0]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LogDiverged, "{error:?}");
        let error = two.open_as([0, 0]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LogDiverged, "{error:?}");
        assert_eq!(whole(&two.open().await.unwrap()).await.len(), 2);
    });
}

/// A server that lost everything, whichever it is, is not filled with an empty log.
#[test]
fn a_partition_that_was_wiped_is_noticed_until_somebody_says_so() {
    for wiped in 0..2 {
        on_two_servers(|mut two, partitions| async move {
            two.0[wiped].wipe();
            for _ in 0..2 {
                let error = two.open().await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::LogDiverged, "{error:?}");
                assert_eq!(two.0[wiped].ask(&["DBSIZE"]).number(), 0, "nothing was made");
            }
            let lost = stream_in(&partitions, wiped, 0);
            let kept = stream_in(&partitions, 1 - wiped, 0);
            let error = partitions.of(&lost).version(&lost).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::LogDiverged, "{error:?}");
            partitions.of(&kept).version(&kept).await.unwrap().unwrap();

            two.goes_on(wiped, 1).await;
            let again = two.open().await.unwrap();
            assert_eq!(again.start().get(1 - wiped), partitions.start().get(1 - wiped));
            assert_ne!(again.start().get(wiped), partitions.start().get(wiped));
            let append = Append::to(lost, ExpectedVersion::NoStream).event(event());
            let receipt = again.append(append).await.unwrap();
            assert_eq!(receipt.first, Position::new(2), "behind all that was given");
            assert_eq!(again.of(&kept).version(&kept).await.unwrap().unwrap().get(), 1);
        });
    }
}

/// As after a backup of another log, or of another set of partitions, was restored.
#[test]
fn a_partition_of_another_log_or_another_set_is_noticed() {
    for field in ["log", "set"] {
        on_two_servers(|two, _| async move {
            let other = es_core::LogId::generate().as_uuid().to_string();
            two.0[1].ask(&["HSET", "{es/1}:meta", field, &other]);
            let error = two.open().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::LogDiverged, "{field}: {error:?}");
        });
    }
}

#[test]
fn both_may_be_lost() {
    on_two_servers(|mut two, _| async move {
        two.0.iter_mut().for_each(RedisServer::wipe);
        two.goes_on(1, 5).await;
        two.goes_on(0, 7).await;
        let heads = two.open().await.unwrap().heads().await.unwrap();
        assert_eq!(heads.get(0).unwrap().position, Position::new(7));
        assert_eq!(heads.get(1).unwrap().position, Position::new(5));
    });
}
