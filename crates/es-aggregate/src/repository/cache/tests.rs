//! What is kept and what is forgotten, with one shard and with several.

use std::sync::Arc;

use es_core::{Event, Payload, Result, Schema, StreamId};

use super::{Cache, MOST_SHARDS, SLOTS_PER_SHARD};
use crate::Aggregate;

#[derive(Default)]
struct Nothing;

struct Never;

impl Event for Never {
    const SCHEMAS: &'static [Schema] = &[Schema::from_static("never", 1)];

    fn schema(&self) -> &'static Schema {
        &Self::SCHEMAS[0]
    }

    fn encode(&self) -> Result<Payload> {
        Payload::json(&())
    }

    fn decode(_: &Schema, _: &Payload) -> Result<Self> {
        Ok(Self)
    }
}

impl Aggregate for Nothing {
    const CATEGORY: &'static str = "nothing";
    type Event = Never;

    fn evolve(&mut self, _: &Never) {}
}

fn cache(capacity: usize) -> Cache<Nothing> {
    Cache::new(capacity)
}

fn stream(number: usize) -> StreamId {
    StreamId::new("nothing", number).unwrap()
}

fn kept(cache: &Cache<Nothing>) -> usize {
    let others = cache.others.iter().chain([&cache.first]);
    others.map(|shard| shard.slots.lock().unwrap().len()).sum()
}

#[test]
fn a_small_cache_forgets_in_the_order_of_use() {
    let cache = cache(3);
    let slots = [0, 1, 2].map(|n| Arc::downgrade(&cache.slot(&stream(n))));
    cache.slot(&stream(0));
    cache.slot(&stream(3));
    let there = slots.map(|slot| slot.upgrade().is_some());
    assert_eq!(there, [true, false, true]);
}

#[test]
fn the_shards_have_the_capacity_together() {
    for capacity in [1, 2, 64, 127, 128, 1_000, 100_003] {
        let cache = cache(capacity);
        let others = cache.others.iter().map(|shard| shard.capacity);
        assert_eq!(others.sum::<usize>() + cache.first.capacity, capacity);
        assert!(cache.others.len() < MOST_SHARDS);
    }
}

#[test]
fn no_more_is_kept_than_was_asked_for() {
    let capacity = MOST_SHARDS * SLOTS_PER_SHARD + 7;
    let cache = cache(capacity);
    for n in 0..5 * capacity {
        cache.slot(&stream(n));
        assert!(kept(&cache) <= capacity);
    }
    assert!(cache.others.iter().all(|shard| !shard.slots.lock().unwrap().is_empty()));
}

#[test]
fn a_slot_in_use_is_the_same_for_all_and_is_not_evicted() {
    let capacity = 2 * SLOTS_PER_SHARD;
    let cache = cache(capacity);
    let held: Vec<_> = (0..3 * capacity).map(|n| cache.slot(&stream(n))).collect();
    for (n, slot) in held.iter().enumerate() {
        assert!(Arc::ptr_eq(slot, &cache.slot(&stream(n))), "stream {n} has two slots");
    }
    drop(held);
    // What had to be kept beyond the capacity goes, shard by shard, with the next use.
    for n in 0..capacity {
        cache.slot(&stream(n));
    }
    assert!(kept(&cache) <= capacity);
}
