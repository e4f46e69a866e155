//! Ten pools in this process and two processes besides, on one log.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, Command, Stdio},
};

use es_core::{
    Append, ErrorKind, EventId, ExpectedVersion, Position, Read, Receipt, Store, Version,
};
use es_store_postgres::{PostgresOptions, PostgresStore};

use crate::{
    checks::{Follower, Seen, events, same, stream, whole},
    server::{on_a_schema, skipping},
};

const POOLS: usize = 10;
const PROCESSES: usize = 2;
const ROUNDS: usize = 25;
/// Streams that everybody appends to, whatever their version.
const OPEN: usize = 3;
/// Streams that everybody appends to at the version that they have just read.
const CONTESTED: usize = 3;

/// What one task has had acknowledged, in the order in which it was.
type Acknowledged = Vec<Seen>;

fn positions(receipt: &Receipt, ids: &[EventId]) -> Vec<Seen> {
    let places = (receipt.first.get()..).map(Position::new);
    assert_eq!(receipt.last.get() - receipt.first.get() + 1, ids.len() as u64);
    places.zip(ids.iter().copied()).collect()
}

/// Appends of one to three events, to open streams; a conflict would be a failure.
async fn without_expectation(store: Store, task: usize) -> Acknowledged {
    let mut acknowledged = Vec::new();
    for round in 0..ROUNDS {
        let events = events(1 + (task + round) % 3);
        let ids: Vec<_> = events.iter().map(|event| event.id).collect();
        let key = stream(&format!("open-{}", (task + round) % OPEN));
        let append = Append::to(key, ExpectedVersion::Any).events(events);
        acknowledged.extend(positions(&store.append(append).await.unwrap(), &ids));
    }
    acknowledged
}

/// Appends at the version that was read; a conflict names another version than that, and is
/// tried again with other events.
async fn at_a_version(store: Store, task: usize) -> Acknowledged {
    let mut acknowledged = Vec::new();
    for round in 0..ROUNDS {
        let key = stream(&format!("contested-{}", (task + round) % CONTESTED));
        let mut version = store.version(&key).await.unwrap();
        loop {
            let events = events(1 + round % 2);
            let ids: Vec<_> = events.iter().map(|event| event.id).collect();
            let expected = ExpectedVersion::exactly(version);
            match store.append(Append::to(key.clone(), expected).events(events)).await {
                Ok(receipt) => {
                    let behind = Version::after(version, ids.len() as u64).unwrap();
                    assert_eq!(receipt.version(), behind);
                    acknowledged.extend(positions(&receipt, &ids));
                    break;
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
                    let actual = error.conflict().unwrap().actual;
                    assert_ne!(actual, version, "a false conflict");
                    version = actual;
                }
            }
        }
    }
    acknowledged
}

/// Both kinds at once; each task apart, since only a task's own events have an order.
async fn work(store: &Store, number: usize) -> Vec<Acknowledged> {
    let any = tokio::spawn(without_expectation(store.clone(), number));
    let exact = tokio::spawn(at_a_version(store.clone(), number));
    vec![any.await.unwrap(), exact.await.unwrap()]
}

/// This test binary again, as a process that works and writes down what was acknowledged.
fn start(url: &str, schema: &str, number: usize) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "processes::the_role_of_a_child", "--nocapture"])
        .env("ES_CHILD_URL", url)
        .env("ES_CHILD_SCHEMA", schema)
        .env("ES_CHILD_NUMBER", number.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// What a child has written down, once it has ended well.
fn told(mut child: Child) -> Vec<Acknowledged> {
    let mut tasks = vec![Vec::new(), Vec::new()];
    let mut has_ended = false;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        has_ended |= line == "all written";
        let Some(line) = line.strip_prefix("written ") else { continue };
        let parts: Vec<&str> = line.split(' ').collect();
        let [task, position, id] = parts[..] else { panic!("{line}") };
        let seen = (Position::new(position.parse().unwrap()), id.parse().unwrap());
        tasks[task.parse::<usize>().unwrap()].push(seen);
    }
    assert!(child.wait().unwrap().success() && has_ended, "a child has failed");
    tasks
}

/// Without a parent it has nothing to do, and says so by working on a log of its own.
#[test]
fn the_role_of_a_child() {
    let Ok(schema) = std::env::var("ES_CHILD_SCHEMA") else {
        return on_a_schema(|schema| async move {
            let tasks = work(&schema.store().await, 0).await;
            assert!(tasks.iter().all(|task| task.len() >= ROUNDS));
        });
    };
    skipping(move |_| {
        let number = std::env::var("ES_CHILD_NUMBER").unwrap().parse().unwrap();
        let options = PostgresOptions::new().with_schema(schema).unwrap();
        let url = std::env::var("ES_CHILD_URL").unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let tasks = runtime.block_on(async {
            let store = PostgresStore::open_with(&url, options).await.unwrap();
            work(&Store::new(store), number).await
        });
        let mut out = std::io::stdout().lock();
        // Ends whatever the test runner has begun, as it does where there is one processor.
        writeln!(out).unwrap();
        for (task, written) in tasks.iter().enumerate() {
            for (position, id) in written {
                writeln!(out, "written {task} {position} {id}").unwrap();
            }
        }
        writeln!(out, "all written").unwrap();
    });
}

#[test]
fn ten_pools_and_two_processes_keep_one_log() {
    on_a_schema(|schema| async move {
        let store = schema.store().await;
        let follower = Follower::start(&store);
        let children = (0..PROCESSES).map(|number| start(&schema.url, &schema.name, 100 + number));
        let children: Vec<Child> = children.collect();
        let mut pools = Vec::new();
        for number in 0..POOLS {
            // Two, three or four connections, so that there is every way of sharing them.
            let options = schema.options().with_connections(2 + number % 3).unwrap();
            let pool = PostgresStore::open_with(&schema.url, options).await.unwrap();
            pools.push(tokio::spawn(async move { work(&Store::new(pool), number).await }));
        }
        let mut tasks = Vec::new();
        for pool in pools {
            tasks.extend(pool.await.unwrap());
        }
        for child in children {
            tasks.extend(tokio::task::spawn_blocking(|| told(child)).await.unwrap());
        }

        let log = whole(&store).await;
        for task in &tasks {
            assert!(task.is_sorted(), "what a task wrote later has later positions");
        }
        let mut acknowledged: Vec<Seen> = tasks.into_iter().flatten().collect();
        acknowledged.sort_unstable();
        same(&acknowledged, &log).unwrap();
        follower.has_met(log.len()).await;
        same(&follower.seen(), &log).unwrap();
        let mut backward = store.read(Read::all().backward()).into_vec().await.unwrap();
        backward.reverse();
        same(&acknowledged, &backward).unwrap();
    });
}
