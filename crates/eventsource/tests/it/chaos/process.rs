//! This test binary as processes that work, and what befalls them.

use std::{
    io::Read,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use super::{Bank, events};

/// How many work at once.
const PROCESSES: usize = 3;

/// What a process is told: where it works, if it is one.
const PLACE: &str = "ES_CHAOS_PLACE";
const BACKEND: &str = "ES_CHAOS_BACKEND";
/// How many projections it works on.
const COUNT: &str = "ES_CHAOS_COUNT";

/// Processes that work. Dropping it kills them.
pub(crate) struct Workers {
    role: &'static str,
    backend: &'static str,
    place: String,
    books: usize,
    children: Vec<Child>,
}

impl Workers {
    pub(crate) fn start(role: &'static str, backend: &'static str, at: &str, books: usize) -> Self {
        let (place, children) = (at.to_owned(), Vec::new());
        let mut workers = Self { role, backend, place, books, children };
        for _ in 0..PROCESSES {
            workers.children.push(workers.one());
        }
        workers
    }

    fn one(&self) -> Child {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", self.role, "--nocapture"])
            .env(PLACE, &self.place)
            .env(BACKEND, self.backend)
            .env(COUNT, self.books.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// Kills, pauses, lets go on and stops at random, for a while that grows with the number of
    /// events. All are at work again at the end.
    pub(crate) async fn rage(mut self) -> Self {
        let until = Instant::now() + Duration::from_millis(8_000 + 2 * events());
        let (mut killed, mut paused) = (0, 0);
        while Instant::now() < until {
            pass(fastrand::u64(50..600)).await;
            let at = fastrand::usize(0..PROCESSES);
            match fastrand::u8(0..4) {
                0 | 1 => {
                    self.children[at].kill().unwrap();
                    self.children[at].wait().unwrap();
                    pass(fastrand::u64(0..1_200)).await;
                    self.children[at] = self.one();
                    killed += 1;
                }
                2 => {
                    // Longer than its lease, or shorter.
                    self.signal(at, "STOP");
                    pass(fastrand::u64(10..2_000)).await;
                    self.signal(at, "CONT");
                    paused += 1;
                }
                _ => {
                    // In good order.
                    drop(self.children[at].stdin.take());
                    self.children[at].wait().unwrap();
                    self.children[at] = self.one();
                }
            }
        }
        assert!(killed > 0 && paused > 0, "{killed} killed, {paused} paused");
        self
    }

    fn signal(&self, at: usize, signal: &str) {
        let process = self.children[at].id().to_string();
        let sent = Command::new("kill").args([&format!("-{signal}"), &process]).status();
        assert!(sent.unwrap().success(), "{signal} is sent");
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        for child in &mut self.children {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// Works until its standard input ends, if it is such a process.
pub(crate) fn role<B: Bank, F: Future<Output = B>>(backend: &str, open: impl FnOnce(String) -> F) {
    let place =
        std::env::var(PLACE).ok().filter(|_| std::env::var(BACKEND).as_deref() == Ok(backend));
    let Some(place) = place else { return };
    let books = std::env::var(COUNT).unwrap().parse().unwrap();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let running = open(place).await.runner(books).start().unwrap();
        let input = tokio::task::spawn_blocking(|| std::io::stdin().read(&mut [0]));
        drop(input.await.unwrap());
        running.stop(Duration::from_secs(5)).await;
    });
    std::process::exit(0);
}

/// Lets so much time go by.
pub(crate) async fn pass(millis: u64) {
    let nothing = std::future::pending::<()>();
    let _ = tokio::time::timeout(Duration::from_millis(millis), nothing).await;
}
