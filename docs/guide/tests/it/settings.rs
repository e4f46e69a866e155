//! The settings of Redis that the documents show, given to a server.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use crate::documents::blocks_of;

#[test]
fn redis_starts_with_what_operators_are_told() {
    let blocks: Vec<_> =
        blocks_of("docs/redis.md").into_iter().filter(|b| b.language() == "conf").collect();
    assert_eq!(blocks.len(), 1);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("redis.conf");
    std::fs::write(&file, &blocks[0].text).unwrap();
    let server = Command::new("redis-server")
        .arg(&file)
        .args(["--port", "0", "--unixsocket", "redis.sock", "--dir"])
        .arg(folder.path())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut server) = server else {
        assert!(std::env::var_os("CI").is_none(), "there is no redis-server");
        eprintln!("SKIPPED redis_starts_with_what_operators_are_told: there is no redis-server");
        return;
    };
    // The last line is that it is ready, or why it has ended.
    let is_ready = |line: &str| line.to_lowercase().contains("ready to accept connections");
    let (mut said, mut started) = (Vec::new(), false);
    for line in BufReader::new(server.stdout.take().unwrap()).lines() {
        said.push(line.unwrap());
        started = said.last().is_some_and(|line| is_ready(line));
        if started {
            break;
        }
    }
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(started, "{said:#?}");
}
