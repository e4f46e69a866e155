//! A sentinel that watches a Redis server and promotes a replica of it.

use std::{
    net::SocketAddr,
    path::Path,
    process::{Child, Command},
};

use tempfile::TempDir;

use super::{
    RedisServer, Reply, ask,
    process::{self, ATTEMPTS, free_port},
};

/// The name under which the primary is watched.
const NAME: &str = "main";

/// One sentinel, whose word is enough for a failover. It takes a primary for dead after half a
/// second of silence, and does so only from [`fails_over_from`](Self::fails_over_from) on:
/// a machine that is busy for that long would have it promote a replica in the middle of a test.
#[derive(Debug)]
pub struct RedisSentinel {
    folder: TempDir,
    port: u16,
    process: Child,
}

impl RedisSentinel {
    /// Starts a sentinel that watches `primary` and knows its replicas.
    ///
    /// # Panics
    /// When it does not come up, or does not find a replica.
    #[must_use]
    pub fn start(primary: &RedisServer) -> Self {
        let folder = tempfile::Builder::new().prefix("es-sentinel").tempdir().expect("a folder");
        let mut started = Err(std::io::ErrorKind::AddrInUse.into());
        let mut port = 0;
        for _ in 0..ATTEMPTS {
            port = free_port();
            started = run(folder.path(), port, primary.address());
            if started.is_ok() {
                break;
            }
        }
        let process = started.expect("the sentinel starts");
        let sentinel = Self { folder, port, process };
        process::until(
            "the sentinel knows a replica",
            || matches!(sentinel.ask(&["SENTINEL", "REPLICAS", NAME]), Reply::Many(all) if !all.is_empty()),
        );
        sentinel
    }

    /// The address that the sentinel listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// The name to ask this sentinel for.
    #[must_use]
    pub fn name(&self) -> &'static str {
        NAME
    }

    /// The address of the server that the sentinel takes for the primary now.
    ///
    /// # Panics
    /// When the sentinel does not know.
    #[must_use]
    pub fn primary(&self) -> SocketAddr {
        let reply = self.ask(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME]);
        let [host, port] = reply.list() else { panic!("no address: {reply:?}") };
        format!("{}:{}", host.text(), port.text()).parse().expect("an address")
    }

    /// From here on takes a primary for dead that says nothing for half a second. Waits until
    /// another server than `old` is the primary, and answers as one.
    pub fn fails_over_from(&self, old: SocketAddr) {
        let soon = self.ask(&["SENTINEL", "SET", NAME, "down-after-milliseconds", "500"]);
        assert_eq!(soon.text(), "OK", "the sentinel is told");
        process::until("another server is the primary", || {
            let now = self.primary();
            let role = || ask(now, &["ROLE"]).ok().map(|reply| reply.list()[0].text());
            now != old && role().as_deref() == Some("master")
        });
    }

    /// What the sentinel has written to its log.
    #[must_use]
    pub fn said(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("said")).unwrap_or_default()
    }

    fn ask(&self, words: &[&str]) -> Reply {
        ask(self.address(), words).expect("the sentinel replies")
    }
}

/// A sentinel on `port` that watches `watched`.
fn run(folder: &Path, port: u16, watched: SocketAddr) -> std::io::Result<Child> {
    let config = format!(
        "port {port}\nbind 127.0.0.1\n\
         sentinel monitor {NAME} {} {} 1\n\
         sentinel down-after-milliseconds {NAME} 600000\n\
         sentinel failover-timeout {NAME} 3000\n",
        watched.ip(),
        watched.port()
    );
    let file = folder.join("sentinel.conf");
    std::fs::write(&file, config)?;
    let mut command = Command::new(process::program());
    command.arg(&file).arg("--sentinel").current_dir(folder);
    process::start(&mut command, &folder.join("said"), port)
}

impl Drop for RedisSentinel {
    fn drop(&mut self) {
        process::kill(&mut self.process);
    }
}
