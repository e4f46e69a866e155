//! When the way without the lock is tried.

use es_core::Position;

use super::{MOST, Odds, Sent};
use crate::names::{Layout, Names};

fn odds(sent: Sent, layout: Layout) -> Odds {
    Odds::of(sent, &Names::new("eventsource", "es_").unwrap().laid_out(layout))
}

fn good() -> Odds {
    odds(Sent::ByName, Layout::default())
}

/// How many calls go by the lock until the next one that tries without.
fn left_out(odds: &Odds) -> u32 {
    let tries = (0..).find(|_| odds.behind(Position::new(7)).is_some());
    tries.unwrap()
}

#[test]
fn who_is_wrong_tries_less_and_less_often_up_to_a_bound() {
    let odds = good();
    assert_eq!(left_out(&odds), 0);
    for expected in [1, 3, 7, 15, 31, MOST, MOST] {
        odds.lost();
        assert!(!odds.are_good());
        assert_eq!(left_out(&odds), expected);
    }
}

#[test]
fn who_is_right_tries_more_often_again() {
    let odds = good();
    odds.lost();
    odds.lost();
    assert_eq!(left_out(&odds), 3);
    odds.won();
    odds.won();
    assert!(odds.are_good());
    odds.lost();
    assert_eq!(left_out(&odds), 1);
}

#[test]
fn a_batch_that_needs_the_lock_says_nothing_about_the_next_one() {
    let odds = good();
    odds.passed_over();
    assert!(!odds.are_good());
    assert_eq!(left_out(&odds), 0);
    odds.won();
    assert!(odds.are_good());
}

#[test]
fn there_is_nothing_to_append_behind_in_an_empty_log() {
    assert_eq!(good().behind(Position::START), None);
    assert_eq!(good().behind(Position::new(7)), Some(7));
}

#[test]
fn a_connection_that_cannot_is_not_tried() {
    let odds = good();
    odds.set(false);
    assert_eq!(odds.behind(Position::new(7)), None);
    odds.set(true);
    assert_eq!(odds.behind(Position::new(7)), Some(7));
}

#[test]
fn poolers_partitions_and_separate_tenants_need_the_lock() {
    let partitioned = Layout { is_partitioned: true, is_separated: false };
    let separated = Layout { is_partitioned: false, is_separated: true };
    for (sent, layout) in
        [(Sent::ByText, Layout::default()), (Sent::ByName, partitioned), (Sent::ByName, separated)]
    {
        let odds = odds(sent, layout);
        odds.set(true);
        assert_eq!(odds.behind(Position::new(7)), None, "{sent:?} {layout:?}");
        assert!(!odds.are_good());
    }
}
