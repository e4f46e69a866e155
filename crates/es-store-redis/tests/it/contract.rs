//! The public contract, case by case.

mod store {
    use es_testkit::Fixture;

    use crate::server::Log;

    es_testkit::contract_tests!(
        fixture = || async {
            let log = Log::new();
            Fixture::new(log.store().await, log)
        }
    );
}

mod shared {
    use es_testkit::Fixture;

    use crate::server::Log;

    es_testkit::shared_contract_tests!(
        fixture = || async {
            let log = Log::new();
            Fixture::new([log.store().await, log.store().await], log)
        }
    );
}
