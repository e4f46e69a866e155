//! Posting lists against a plain vector, and who is woken by what.

use std::{pin::pin, sync::Arc, task::Poll};

use super::{Postings, Published};
use crate::sample::Bell;

/// Ascending positions with gaps.
fn positions(count: u32) -> Vec<u32> {
    (0..count).map(|n| n * 3 + 1 + n % 2).collect()
}

fn list_of(positions: &[u32]) -> Postings {
    let list = Postings::new();
    positions.iter().for_each(|position| list.push(*position));
    list
}

#[test]
fn a_posting_list_is_a_vector_at_every_length() {
    for count in
        (0..160).chain([252, 253, 254, 1020, 1021, 1022, 2044, 2045, 2046, 3070, 5000, 200_000])
    {
        let expected = positions(count);
        let list = list_of(&expected);
        assert_eq!(list.len(), count);
        let mut all = Vec::new();
        list.copy(0..count, &mut all);
        assert_eq!(all, expected);
        for position in [0, 1, 2, 3, 4, 16, 17, 40, 41, 760, 3 * count, u32::MAX] {
            let below = expected.partition_point(|entry| *entry <= position);
            assert_eq!(list.count_up_to(position) as usize, below, "of {count}");
        }
    }
}

#[test]
fn any_range_of_a_posting_list_is_copied() {
    let expected = positions(150);
    let list = list_of(&expected);
    for start in 0..=151 {
        for end in start..=152 {
            let mut copied = vec![7];
            list.copy(start..end, &mut copied);
            let range = start.min(150) as usize..end.min(150) as usize;
            assert_eq!(copied[0], 7);
            assert_eq!(copied[1..], expected[range], "{start}..{end}");
        }
    }
}

#[test]
fn a_range_that_ends_before_it_starts_is_empty() {
    let mut copied = Vec::new();
    #[expect(clippy::reversed_empty_ranges, reason = "it is what is tested")]
    list_of(&positions(30)).copy(20..10, &mut copied);
    assert!(copied.is_empty());
}

#[test]
fn only_those_whose_position_came_are_woken() {
    let published = Published::new();
    let (near, far) = (Arc::new(Bell::default()), Arc::new(Bell::default()));
    let mut for_first = pin!(published.beyond(0));
    let mut for_fifth = pin!(published.beyond(4));
    assert!(near.poll(&mut for_first).is_pending());
    assert!(far.poll(&mut for_fifth).is_pending());

    published.publish(4);
    published.wake();
    assert_eq!((near.rings(), far.rings()), (1, 0));
    assert_eq!(near.poll(&mut for_first), Poll::Ready(4));

    published.publish(5);
    published.wake();
    assert_eq!((near.rings(), far.rings()), (1, 1));
    assert_eq!(far.poll(&mut for_fifth), Poll::Ready(5));
    assert_eq!(published.waiting(), 0);
}

#[test]
fn a_waiter_is_woken_with_the_waker_it_was_polled_with_last() {
    let published = Published::new();
    let (old, new) = (Arc::new(Bell::default()), Arc::new(Bell::default()));
    let mut waiter = pin!(published.beyond(0));
    assert!(old.poll(&mut waiter).is_pending());
    assert!(new.poll(&mut waiter).is_pending());
    assert_eq!(published.waiting(), 1);
    published.publish(1);
    published.wake();
    assert_eq!((old.rings(), new.rings()), (0, 1));
}

#[test]
fn a_waiter_that_is_dropped_leaves_nothing() {
    let published = Published::new();
    let bell = Arc::new(Bell::default());
    let mut gone = Box::pin(published.beyond(0));
    let mut stays = Box::pin(published.beyond(0));
    assert!(bell.poll(&mut gone).is_pending());
    assert!(bell.poll(&mut stays).is_pending());
    drop(gone);
    assert_eq!(published.waiting(), 1);
    published.publish(1);
    published.wake();
    assert_eq!(bell.rings(), 1);
    drop(stays);
    assert_eq!(published.waiting(), 0);
    assert_eq!(Arc::strong_count(&bell), 1, "a waker was kept");
}

#[test]
fn a_waiter_that_is_ready_at_once_never_registers() {
    let published = Published::new();
    published.publish(3);
    let bell = Arc::new(Bell::default());
    assert_eq!(bell.poll(&mut pin!(published.beyond(2))), Poll::Ready(3));
    assert_eq!((published.waiting(), bell.rings()), (0, 0));
}
