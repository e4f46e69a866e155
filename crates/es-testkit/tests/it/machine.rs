//! machine
use super::naive::Naive;
use es_core::Store;
use es_store_memory::MemoryStore;
use es_testkit::machine::{self, Histories};

#[test]
fn memory() {
    machine::test(|| async { Store::new(MemoryStore::new()) }, Histories::new(10_000));
}
#[test]
fn naive() {
    machine::test(|| async { Store::new(Naive::new()) }, Histories::new(10_000));
}
