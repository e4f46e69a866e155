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

/// A process that is killed when this is dropped.
pub(crate) struct Killed(Child);

impl Killed {
    /// This test binary in a role of one test.
    pub(crate) fn start(role: &str, backend: &str, place: &str, count: usize) -> Self {
        Self(spawn(role, backend, place, count, Stdio::piped()))
    }

    /// What it says.
    pub(crate) fn output(&mut self) -> impl Read + use<> {
        self.0.stdout.take().unwrap()
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn spawn(role: &str, backend: &str, place: &str, count: usize, output: Stdio) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", role, "--nocapture"])
        .env(PLACE, place)
        .env(BACKEND, backend)
        .env(COUNT, count.to_string())
        .stdin(Stdio::piped())
        .stdout(output)
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Where a process works, and how much it takes on, if it is one of this backend.
pub(crate) fn told(backend: &str) -> Option<(String, usize)> {
    let place = std::env::var(PLACE).ok()?;
    let is_meant = std::env::var(BACKEND).as_deref() == Ok(backend);
    is_meant.then(|| (place, std::env::var(COUNT).unwrap().parse().unwrap()))
}

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
        spawn(self.role, self.backend, &self.place, self.books, Stdio::null())
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
    let Some((place, books)) = told(backend) else { return };
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
