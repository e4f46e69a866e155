//! What is stuck, and what is only quiet.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use es_core::Position;

use super::*;
use crate::board::Board;

const STUCK: Duration = Duration::from_secs(30);
const MOMENT: Duration = Duration::from_millis(1);

#[test]
fn one_that_was_quiet_for_long_is_not_stuck_with_what_has_just_come() {
    let (board, begun) = (Board::new(), Instant::now());
    board.change(|view| {
        view.state = State::Live;
        view.gets_on(begun);
    });
    let health = |lag: Duration, at: Duration| {
        health_of(
            &board.view(),
            Ok(Lag::new(u64::from(!lag.is_zero()), lag)),
            None,
            STUCK,
            begun + at,
        )
    };
    assert_eq!(health(MOMENT, STUCK * 2), Health::Healthy);

    // By a clock that was set back the event has only just come, time and again.
    board.is_behind(Position::START, begun + STUCK * 2);
    assert_eq!(health(MOMENT, STUCK * 3), Health::Healthy);
    board.is_behind(Position::START, begun + STUCK * 3);
    assert!(health(MOMENT, STUCK * 3 + MOMENT).is_unhealthy(), "it has stood there since");
    assert_eq!(health(Duration::ZERO, STUCK * 4), Health::Healthy, "nothing is left to do");

    board.change(|view| view.moved(Position::new(1), begun + STUCK * 4));
    board.is_behind(Position::START, begun + STUCK * 4);
    assert_eq!(health(MOMENT, STUCK * 6), Health::Healthy, "it got on, and was quiet since");
}
