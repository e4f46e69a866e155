//! A sentinel that watches a Redis server and promotes a replica of it.

use std::{
    net::SocketAddr,
    process::{Child, Command},
};

use tempfile::TempDir;

use super::{
    RedisServer, Reply, ask,
    process::{self, free_port},
};

/// The name under which the primary is watched.
const NAME: &str = "main";

/// One sentinel, whose word is enough for a failover, and who takes a primary for dead after
/// half a second of silence.
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
        let (file, port) = (folder.path().join("sentinel.conf"), free_port());
        let watched = primary.address();
        let config = format!(
            "port {port}\nbind 127.0.0.1\n\
             sentinel monitor {NAME} {} {} 1\n\
             sentinel down-after-milliseconds {NAME} 500\n\
             sentinel failover-timeout {NAME} 3000\n",
            watched.ip(),
            watched.port()
        );
        std::fs::write(&file, config).expect("a file for the sentinel");
        let mut command = Command::new(process::program());
        command.arg(&file).arg("--sentinel").current_dir(folder.path());
        let process = process::start(&mut command, &folder.path().join("said"), port);
        let process = process.expect("the sentinel starts");
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

    /// Waits until another server than `old` is the primary, and answers as one.
    pub fn fails_over_from(&self, old: SocketAddr) {
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

impl Drop for RedisSentinel {
    fn drop(&mut self) {
        process::kill(&mut self.process);
    }
}
