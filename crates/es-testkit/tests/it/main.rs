//! The contract on the naive store, plain and wrapped, and on stores that break it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod guarded;
mod listed;
#[cfg(feature = "proptest")]
mod machine;
mod mutants;
mod naive;
#[cfg(feature = "servers")]
mod servers;
mod wrapped;

/// The executable specification itself.
mod plain {
    use super::naive::{Checkpoints, Naive, Snapshots};
    use es_core::Store;

    es_testkit::contract_tests!(store = || async { Store::new(Naive::new()) });
    es_testkit::snapshot_contract_tests!(snapshots = || async { Snapshots::default() });
    es_testkit::checkpoint_contract_tests!(checkpoints = || async { Checkpoints::default() });
    es_testkit::dead_letter_contract_tests!(dead_letters = || async { Checkpoints::default() });
}
