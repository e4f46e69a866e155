//! The public contract, case by case: on a file, and in memory.

mod file {
    use es_core::Store;
    use es_store_sqlite::SqliteStore;
    use es_testkit::Fixture;

    es_testkit::contract_tests!(
        fixture = || async {
            let folder = tempfile::tempdir().unwrap();
            let store = SqliteStore::open(folder.path().join("log.db")).await.unwrap();
            Fixture::new(Store::new(store), folder)
        }
    );
}

mod memory {
    use es_core::Store;
    use es_store_sqlite::SqliteStore;

    es_testkit::contract_tests!(
        store = || async { Store::new(SqliteStore::in_memory().await.unwrap()) }
    );
}

/// Checkpoints, dead letters and snapshots in a file that is a log, in one of their own, and
/// in memory.
mod beside {
    use std::{future::Future, path::PathBuf};

    use es_store_sqlite::{SqliteReadModel, SqliteSnapshotStore, SqliteStore};
    use es_testkit::Fixture;
    use tempfile::TempDir;

    async fn in_a_file<T, Opening>(open: impl FnOnce(PathBuf) -> Opening) -> Fixture<T>
    where
        T: 'static,
        Opening: Future<Output = es_core::Result<T>>,
    {
        let folder = tempfile::tempdir().unwrap();
        let opened = open(folder.path().join("views.db")).await.unwrap();
        Fixture::new(opened, folder)
    }

    async fn in_a_log<T, Opening>(open: impl FnOnce(PathBuf) -> Opening) -> Fixture<T>
    where
        T: 'static,
        Opening: Future<Output = es_core::Result<T>>,
    {
        let folder: TempDir = tempfile::tempdir().unwrap();
        let file = folder.path().join("log.db");
        let log = SqliteStore::open(&file).await.unwrap();
        let opened = open(file).await.unwrap();
        Fixture::new(opened, (log, folder))
    }

    mod checkpoints_in_a_file {
        use super::{SqliteReadModel, in_a_file};

        es_testkit::checkpoint_contract_tests!(fixture = || in_a_file(SqliteReadModel::open));
    }

    mod checkpoints_in_a_log {
        use super::{SqliteReadModel, in_a_log};

        es_testkit::checkpoint_contract_tests!(fixture = || in_a_log(SqliteReadModel::open));
    }

    mod checkpoints_in_memory {
        use super::SqliteReadModel;

        es_testkit::checkpoint_contract_tests!(
            checkpoints = || async { SqliteReadModel::in_memory().await.unwrap() }
        );
    }

    mod dead_letters_in_a_file {
        use super::{SqliteReadModel, in_a_file};

        es_testkit::dead_letter_contract_tests!(fixture = || in_a_file(SqliteReadModel::open));
    }

    mod dead_letters_in_a_log {
        use super::{SqliteReadModel, in_a_log};

        es_testkit::dead_letter_contract_tests!(fixture = || in_a_log(SqliteReadModel::open));
    }

    mod dead_letters_in_memory {
        use super::SqliteReadModel;

        es_testkit::dead_letter_contract_tests!(
            dead_letters = || async { SqliteReadModel::in_memory().await.unwrap() }
        );
    }

    mod snapshots_in_a_file {
        use super::{SqliteSnapshotStore, in_a_file};

        es_testkit::snapshot_contract_tests!(fixture = || in_a_file(SqliteSnapshotStore::open));
    }

    mod snapshots_in_a_log {
        use super::{SqliteSnapshotStore, in_a_log};

        es_testkit::snapshot_contract_tests!(fixture = || in_a_log(SqliteSnapshotStore::open));
    }

    mod snapshots_in_memory {
        use super::SqliteSnapshotStore;

        es_testkit::snapshot_contract_tests!(
            snapshots = || async { SqliteSnapshotStore::in_memory().await.unwrap() }
        );
    }
}
