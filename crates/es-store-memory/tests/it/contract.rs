//! The public contract, case by case: on the store, behind a layer, and erased.

mod store {
    use es_core::Store;
    use es_store_memory::MemoryStore;

    es_testkit::contract_tests!(store = || async { Store::new(MemoryStore::new()) });
}

mod layered {
    use es_core::Store;
    use es_store_memory::MemoryStore;
    use es_testkit::Faults;

    // Without a plan it does nothing: what every layer is before it does something.
    es_testkit::contract_tests!(
        store = || async { Store::new(MemoryStore::new()).layer(&Faults::new()) }
    );
}

mod erased {
    use std::sync::Arc;

    use es_core::{Backend, Store};
    use es_store_memory::MemoryStore;

    es_testkit::contract_tests!(
        store = || async {
            let inner: Backend = Arc::new(MemoryStore::new());
            let outer: Backend = Arc::new(inner);
            Store::from_backend(outer)
        }
    );
}

mod snapshots {
    use es_store_memory::MemorySnapshotStore;

    es_testkit::snapshot_contract_tests!(snapshots = || async { MemorySnapshotStore::new() });
}

mod checkpoints {
    use es_store_memory::MemoryCheckpointStore;

    es_testkit::checkpoint_contract_tests!(checkpoints = || async { MemoryCheckpointStore::new() });
    mod dead_letters {
        use es_store_memory::MemoryCheckpointStore;

        es_testkit::dead_letter_contract_tests!(
            dead_letters = || async { MemoryCheckpointStore::new() }
        );
    }
}

mod read_model {
    use es_store_memory::{MemoryReadModel, MemoryTx, Table};
    use es_testkit::read_model::Rows;

    es_testkit::checkpoint_contract_tests!(checkpoints = || async { MemoryReadModel::new() });
    mod dead_letters {
        use es_store_memory::MemoryReadModel;

        es_testkit::dead_letter_contract_tests!(dead_letters = || async { MemoryReadModel::new() });
    }

    const NUMBERS: Table<String, i64> = Table::new("numbers");

    struct Numbers(MemoryReadModel);

    impl Rows for Numbers {
        type Model = MemoryReadModel;

        fn model(&self) -> &MemoryReadModel {
            &self.0
        }

        async fn put(&self, tx: &mut MemoryTx, key: &str, value: i64) {
            tx.put(&NUMBERS, key.to_owned(), value).unwrap();
        }

        async fn get(&self, key: &str) -> Option<i64> {
            self.0.get(&NUMBERS, &key.to_owned()).unwrap()
        }
    }

    es_testkit::read_model_contract_tests!(rows = || async { Numbers(MemoryReadModel::new()) });
}
