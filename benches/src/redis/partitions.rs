//! Workload `partitions`: appends from many tasks to a log in several partitions. The floor is
//! one log on one server, so the ratio says what partitions gain, or cost.

use std::{
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use eventsource::{Placement, RedisPartitions, RedisStore, Store, prelude::*};
use serde_json::json;
use tempfile::TempDir;

use super::{append::batch, name, options};
use crate::{
    Effort,
    domain::account,
    measure::{Row, Run, alternate},
    memory::at_once,
};

const TASKS: u64 = 32;

pub(super) async fn measure(effort: Effort, durability: &str) -> anyhow::Result<Vec<Row>> {
    let servers = [(); 2].map(|()| Server::start());
    let servers: Vec<Server> = servers.into_iter().collect::<anyhow::Result<_>>()?;
    let mut rows = Vec::new();
    for (partitions, of) in [(1, 1), (2, 1), (4, 1), (4, 2)] {
        let urls: Vec<&str> = servers.iter().take(of).map(|server| server.url.as_str()).collect();
        rows.push(one(effort, durability, partitions, &urls).await?);
    }
    Ok(rows)
}

async fn one(effort: Effort, durability: &str, count: u16, urls: &[&str]) -> anyhow::Result<Row> {
    let first = *urls.first().context("no server")?;
    let placement = Placement::ByStream;
    let partitions = RedisPartitions::open_over(urls, count, placement, options(&name())?).await?;
    let store = Store::new(RedisStore::open_with(first, options(&name())?).await?);
    let calls = (16_000 / effort.thrift / TASKS).max(40);
    let mut round = 0;
    let mut ours = || {
        round += 1;
        work(partitions.by_stream(), round, calls)
    };
    let mut bare_round = 0;
    let floor = || {
        bare_round += 1;
        work(store.clone(), bare_round, calls)
    };
    let (ours, floor) = alternate(effort.rounds, &mut ours, floor).await?;
    let params = json!({ "tasks": TASKS, "partitions": count, "servers": urls.len() });
    let durability = durability.to_owned();
    Ok(Row { area: "redis", workload: "partitions", params, ours, floor, durability })
}

/// Each task appends to a stream of its own, one event after the other.
async fn work(store: Store, round: u64, calls: u64) -> anyhow::Result<Run> {
    at_once(TASKS, move |task| {
        let (store, stream) = (store.clone(), account(round * 1_000 + task));
        async move {
            let (stream, mut run) = (stream?, Run::default());
            let mut expected = ExpectedVersion::NoStream;
            for call in 0..calls {
                let called = Instant::now();
                let append = Append::to(stream.clone(), expected).events(batch(call, 1)?);
                let receipt = store.append(append).await?;
                run.called(called.elapsed(), 1);
                expected = ExpectedVersion::Exact(receipt.version());
            }
            Ok(run)
        }
    })
    .await
}

/// A server as durable as the one that the other workloads run on.
struct Server {
    process: Child,
    url: String,
    _folder: TempDir,
}

impl Server {
    fn start() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let mut command = Command::new("redis-server");
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""]);
        command.args(["--appendonly", "yes", "--appendfsync", "always", "--dir"]);
        command.arg(folder.path()).stdin(Stdio::null()).stdout(Stdio::null());
        let process = command.spawn().context("no redis-server")?;
        let url = format!("redis://127.0.0.1:{port}");
        let server = Self { process, url, _folder: folder };
        for _ in 0..500 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Ok(server);
            }
            thread::sleep(Duration::from_millis(20));
        }
        bail!("the server does not answer")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
