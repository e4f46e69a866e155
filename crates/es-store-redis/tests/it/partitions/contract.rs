//! The public contract, case by case, on a partition. All streams that the cases name have to be in
//! it, so it is the only one.

mod partition {
    use es_testkit::Fixture;

    use crate::server::Log;

    es_testkit::contract_tests!(
        fixture = || async {
            let log = Log::new();
            Fixture::new(super::super::open(&log, 1).await.partition(0).unwrap(), log)
        }
    );
}

mod shared {
    use es_testkit::Fixture;

    use crate::server::Log;

    es_testkit::shared_contract_tests!(
        fixture = || async {
            let log = Log::new();
            let one = super::super::open(&log, 1).await;
            let other = super::super::open(&log, 1).await;
            Fixture::new([one.partition(0).unwrap(), other.partition(0).unwrap()], log)
        }
    );
}
