//! What a factory gives besides the store lives as long as the test, and learns how it
//! ended.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
};

use es_testkit::{__private::run, Fixture};

const IN_USE: u8 = 0;
const CLEANED_UP: u8 = 1;
const LEFT_AS_EVIDENCE: u8 = 2;

struct Guard(Arc<AtomicU8>);

impl Drop for Guard {
    fn drop(&mut self) {
        let end = if std::thread::panicking() { LEFT_AS_EVIDENCE } else { CLEANED_UP };
        self.0.store(end, Ordering::SeqCst);
    }
}

#[test]
fn a_guard_is_dropped_after_the_case() {
    let end = Arc::new(AtomicU8::new(IN_USE));
    let guard = Guard(Arc::clone(&end));
    run(async { Fixture::new(end, guard) }, |end| async move {
        assert_eq!(end.load(Ordering::SeqCst), IN_USE);
    });
}

#[test]
fn a_guard_learns_how_the_case_ended() {
    for (fails, wanted) in [(false, CLEANED_UP), (true, LEFT_AS_EVIDENCE)] {
        let end = Arc::new(AtomicU8::new(IN_USE));
        let guard = Guard(Arc::clone(&end));
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            run(async { Fixture::new((), guard) }, |()| async move {
                assert!(!fails, "the case fails");
            });
        }));
        assert_eq!(outcome.is_err(), fails);
        assert_eq!(end.load(Ordering::SeqCst), wanted);
    }
}
