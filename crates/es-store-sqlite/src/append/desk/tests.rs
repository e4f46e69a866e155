//! Who writes: a caller that is alone, or the thread.

use es_core::{Append, ExpectedVersion, NewEvent, Payload, Position, Schema, StreamId};
use tokio::sync::watch;

use super::*;
use crate::{
    open::{self, Place},
    options::SqliteOptions,
};

struct Office {
    desk: Desk,
    room: Arc<Semaphore>,
}

impl Office {
    fn new() -> Self {
        let (connection, log) = open::writer(&Place::Memory, &SqliteOptions::new()).unwrap();
        let (published, _) = watch::channel(Position::START);
        let pen = Pen::new(connection, None, log, Arc::new(published), None);
        let room = Arc::new(Semaphore::new(8));
        Self { desk: Desk::new(pen, (Arc::clone(&room), 8), true), room }
    }

    fn pending(&self) -> Box<Pending> {
        let place = Arc::clone(&self.room).try_acquire_owned().unwrap();
        let event = NewEvent::raw(Schema::from_static("noted", 1), Payload::json(&1).unwrap());
        let stream = StreamId::new("note", "one").unwrap();
        let request = Append::to(stream, ExpectedVersion::Any).event(event).build().unwrap();
        Box::new(Pending::new(request, Vec::new(), Instant::now(), place).0)
    }

    /// Whether a caller writes for itself now.
    fn writes(&self) -> bool {
        // How quick this machine is has no say here.
        let pace = self.desk.pace.load(Ordering::Relaxed);
        let writes = match self.desk.attempt(self.pending()) {
            Attempt::Done(result, _) => result.map(|_| true).unwrap(),
            Attempt::ForTheThread(_) => false,
        };
        self.desk.pace.store(pace, Ordering::Relaxed);
        writes
    }

    /// How many of the next callers leave it to the thread, which does what it is asked.
    fn detours(&self) -> u32 {
        let mut detours = 0;
        while !self.writes() {
            drop(self.desk.wait());
            self.desk.committed(1, Duration::ZERO);
            detours += 1;
        }
        detours
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_is_alone_writes_and_beside_another_it_does_not() {
    let office = Office::new();
    assert!(office.writes());
    let other = office.pending();
    assert!(!office.writes(), "the one that came first would wait for those that come later");
    drop(other);
    assert!(office.writes());
    let pen = office.desk.wait();
    assert!(!office.writes(), "a caller does not wait for the thread");
    drop(pen);
    assert!(office.writes());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_panic_left_in_the_middle_is_undone_and_forgotten() {
    let office = Office::new();
    let mut pen = office.desk.wait();
    pen.begin().unwrap();
    let half = office.pending();
    pen.decider().append(&half.request, &[]).unwrap();
    drop(half);
    pen.recover();
    drop(pen);
    assert!(office.writes(), "the transaction is over");
    assert_eq!(office.desk.wait().head(), 1, "and so is what was known of it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_shared_commit_the_thread_writes_for_a_while() {
    let office = Office::new();
    office.desk.committed(2, Duration::ZERO);
    assert_eq!(office.detours(), WHILE_MANY);
    // One that was waited for counts as well, whoever wrote it.
    let waits = [office.pending(), office.pending()];
    office.desk.committed(1, Duration::ZERO);
    drop(waits);
    assert_eq!(office.detours(), WHILE_MANY);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_so_often_the_thread_writes_for_a_caller_that_is_alone() {
    let office = Office::new();
    for _ in 0..3 {
        for _ in 0..IN_A_ROW {
            assert!(office.writes());
        }
        assert_eq!(office.detours(), 1);
        drop(office.desk.wait());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_disk_is_waited_for_by_the_thread_alone() {
    let office = Office::new();
    // Now and then a commit is slow on any disk.
    office.desk.committed(1, Duration::from_millis(4));
    assert!(office.writes());
    for _ in 0..20 {
        office.desk.committed(1, Duration::from_millis(4));
    }
    assert!(!office.writes());
    assert!(office.detours() > 5);
    // However slow one was, it is forgotten soon.
    office.desk.committed(1, Duration::from_secs(3_600));
    assert!(office.detours() < 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_writes_for_long_gives_way() {
    let office = Office::new();
    let millisecond = Duration::from_millis(1);
    assert!(!office.desk.is_to_give_way(millisecond * 6 / 10));
    assert!(office.desk.is_to_give_way(millisecond * 6 / 10));
    assert!(!office.desk.is_to_give_way(millisecond * 6 / 10));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn where_one_thread_runs_all_tasks_it_does_not_write() {
    assert!(!Office::new().writes());
}

#[tokio::test]
async fn a_runtime_of_one_thread_does_not_write() {
    assert!(!Office::new().writes());
}

#[test]
fn outside_of_a_runtime_nobody_writes() {
    assert!(!Office::new().writes());
}
