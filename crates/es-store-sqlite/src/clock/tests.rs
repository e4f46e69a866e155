//! Who waits is told in time, and what is ready needs no clock.

use std::{
    future::{pending, ready},
    time::Duration,
};

use super::*;

#[tokio::test]
async fn what_is_ready_is_given_and_starts_no_thread() {
    let clock = Clock::default();
    let past = Some(Instant::now());
    assert_eq!(clock.until(past, ready(1)).await.unwrap(), Some(1));
    assert_eq!(clock.until(None, ready(2)).await.unwrap(), Some(2));
    assert!(clock.0.lock().unwrap().is_none());
}

#[tokio::test]
async fn those_who_wait_are_told_in_the_order_of_their_moments() {
    let clock = Clock::default();
    let now = Instant::now();
    let at = |millis| Some(now + Duration::from_millis(millis));
    let order = Mutex::new(Vec::new());
    let wait = async |millis| {
        assert_eq!(clock.until(at(millis), pending::<()>()).await.unwrap(), None);
        assert!(Some(Instant::now()) >= at(millis), "not before its time");
        order.lock().unwrap().push(millis);
    };
    tokio::join!(wait(60), wait(1), wait(30));
    assert_eq!(*order.lock().unwrap(), [1, 30, 60]);
}

#[tokio::test]
async fn those_who_have_left_are_forgotten() {
    let clock = Clock::default();
    let late = Instant::now() + Duration::from_secs(3_600);
    for _ in 0..10 * FORGOTTEN {
        drop(clock.alarm(late).unwrap());
    }
    let soon = Some(Instant::now() + Duration::from_millis(1));
    assert_eq!(clock.until(soon, pending::<()>()).await.unwrap(), None);
    // With the clock goes its thread, whoever waits still.
    let rings = clock.alarm(late).unwrap();
    drop(clock);
    assert!(rings.await.is_err());
}
