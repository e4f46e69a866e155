//! Who is to carry the log over, from how long it is and what the thread has found.

use super::*;

const THROUGH: Option<Found> = Some(Found::Through);
const IN_USE: Option<Found> = Some(Found::InUse);

/// What is done behind commits of ten pages each until the log has `pages`, with its pages.
fn acts(schedule: &mut Schedule, pages: u32, found: Option<Found>) -> Vec<(u32, Act)> {
    let from = schedule.pages + 10;
    let commits = (from..=pages).step_by(10);
    let acts = commits.map(|pages| (pages, schedule.next(pages, found)));
    acts.filter(|(_, act)| *act != Act::Nothing).collect()
}

#[test]
fn the_thread_is_asked_each_time_the_log_has_grown() {
    let asked = acts(&mut Schedule::new(), 1_990, THROUGH);
    assert_eq!(asked, [(500, Act::Ask), (1_000, Act::Ask), (1_500, Act::Ask)]);
}

#[test]
fn a_long_log_is_begun_anew_once_the_thread_has_come_through_twice() {
    let mut schedule = Schedule::new();
    acts(&mut schedule, ANEW - 10, THROUGH);
    let rest = acts(&mut schedule, ANEW + 30, THROUGH);
    assert_eq!(rest, [(4_000, Act::Ask), (4_010, Act::Ask), (4_020, Act::Finish)]);
}

#[test]
fn a_log_that_was_begun_anew_is_as_short_as_a_new_one() {
    let mut schedule = Schedule::new();
    acts(&mut schedule, ANEW + 20, THROUGH);
    assert_eq!(schedule.next(10, THROUGH), Act::Nothing);
    assert_eq!(acts(&mut schedule, 990, THROUGH), [(500, Act::Ask)]);
}

#[test]
fn while_the_thread_works_the_writer_leaves_the_log_to_it() {
    let mut schedule = Schedule::new();
    let busy = acts(&mut schedule, BOUND - 10, None);
    assert!(busy.iter().all(|(_, act)| *act == Act::Ask), "{busy:?}");
}

#[test]
fn a_thread_that_never_comes_through_is_not_waited_for_behind_the_bound() {
    for found in [None, IN_USE] {
        let mut schedule = Schedule::new();
        let all = acts(&mut schedule, 30_000, found);
        let finished: Vec<u32> =
            all.iter().filter(|(_, act)| *act == Act::Finish).map(|(pages, _)| *pages).collect();
        assert_eq!(finished, [8_000, 12_000, 18_000, 27_000]);
    }
}

#[test]
fn what_could_not_be_begun_anew_is_tried_again() {
    let mut schedule = Schedule::new();
    acts(&mut schedule, ANEW + 20, THROUGH);
    let rest = acts(&mut schedule, ANEW + STEP + 50, THROUGH);
    assert_eq!(
        rest,
        [(4_510, Act::Ask), (4_520, Act::Ask), (4_530, Act::Ask), (4_540, Act::Finish)]
    );
}
