//! A server of the test's own, which it may stop.

use std::{
    fs::File,
    net::TcpListener,
    process::{Child, Command as Program, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

use es_redis::{Command, Redis, RedisOptions, Reply};
use tempfile::TempDir;

pub(crate) struct OwnServer {
    port: u16,
    folder: TempDir,
    settings: Vec<&'static str>,
    process: Option<Child>,
}

impl OwnServer {
    /// Starts one with these settings. Without its program the test is skipped.
    pub(crate) async fn start(settings: &[&'static str]) -> Self {
        loop {
            let port = free_port();
            let folder = tempfile::tempdir().unwrap();
            let mut server = Self { port, folder, settings: settings.to_vec(), process: None };
            if server.runs().await {
                return server;
            }
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Runs it again, and waits until it takes commands.
    pub(crate) async fn run(&mut self) {
        assert!(self.runs().await, "it does not start again");
    }

    /// Runs it, and says whether it came up: somebody else may have taken the port.
    async fn runs(&mut self) -> bool {
        let log = File::create(self.folder.path().join("log")).unwrap();
        let mut program = Program::new("redis-server");
        program.args(["--bind", "127.0.0.1", "--save", "", "--port", &self.port.to_string()]);
        program.args(&self.settings).current_dir(self.folder.path());
        let process = match program.stdin(Stdio::null()).stdout(log).spawn() {
            Ok(process) => self.process.insert(process),
            Err(error) => es_testkit::skip(format!("no redis-server ({error})")),
        };
        let own = format!("process_id:{}\r\n", process.id());
        while self.process.as_mut().is_some_and(|p| p.try_wait().unwrap().is_none()) {
            if let Ok(redis) = Redis::connect(&self.url(), options()).await
                && let Ok(info) = redis.command(Command::new("INFO").arg("server")).await
                && text(info).contains(&own)
            {
                return true;
            }
            tokio::task::yield_now().await;
        }
        false
    }

    /// Kills it as it is.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    pub(crate) async fn connect(&self) -> Redis {
        Redis::connect(&self.url(), options()).await.unwrap()
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        self.kill();
    }
}

pub(crate) fn options() -> RedisOptions {
    RedisOptions::new().with_longest_pause(Duration::from_millis(100))
}

/// A port that nobody has, and that no outgoing connection is given.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = u16::try_from(std::process::id() % 200).unwrap() * 50;
    loop {
        let port = 20_000 + (first + NEXT.fetch_add(1, Ordering::Relaxed)) % 10_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Runs a test on a server of its own.
pub(crate) fn on_a_server<Test: Future<Output = ()>>(test: impl FnOnce(OwnServer) -> Test) {
    let fixture = async { es_testkit::Fixture::new(OwnServer::start(&[]).await, ()) };
    es_testkit::run(fixture, test);
}

pub(crate) fn text(reply: Reply) -> String {
    reply.text("a test").unwrap()
}
