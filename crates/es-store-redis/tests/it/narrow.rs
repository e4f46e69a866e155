//! Events that are so large that many of them do not come in the time of one command.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use es_core::{Append, ExpectedVersion, NewEvent, Payload, Read, Schema, Store};
use es_store_redis::{RedisOptions, RedisStore};
use es_testkit::{
    Fixture,
    servers::{RedisConfig, RedisServer},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::{
    checks::{stream, to},
    server::store_at,
};

/// Bytes that come from the server in a second.
const PER_SECOND: f64 = 8.0 * 1_048_576.0;
/// Bytes in each event, and how many events there are: they take three seconds.
const LARGE: usize = 1 << 18;
const EVENTS: usize = 96;
/// How long a command takes at most.
const PATIENCE: Duration = Duration::from_secs(1);

/// A line to the server on which replies take their time.
async fn line(server: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(server).await.unwrap();
            tokio::spawn(carry(client, server));
        }
    });
    address
}

async fn carry(client: TcpStream, server: TcpStream) -> std::io::Result<()> {
    let (mut asked, mut answers) = client.into_split();
    let (mut replies, mut asking) = server.into_split();
    let up = tokio::spawn(async move { tokio::io::copy(&mut asked, &mut asking).await });
    let (mut part, mut free) = (vec![0; 1 << 16], Instant::now());
    loop {
        let read = replies.read(&mut part).await?;
        if read == 0 {
            break;
        }
        let bytes = f64::from(u32::try_from(read).unwrap());
        free = free.max(Instant::now()) + Duration::from_secs_f64(bytes / PER_SECOND);
        // waits: so narrow is the line
        tokio::time::sleep_until(free.into()).await;
        if answers.write_all(&part[..read]).await.is_err() {
            break; // whoever asked has gone, and with it what is still on the way
        }
    }
    up.abort();
    Ok(())
}

#[test]
fn large_events_come_over_a_narrow_line() {
    let server = async { Fixture::new(RedisServer::start(&RedisConfig::in_memory()), ()) };
    es_testkit::run(server, |server| async move {
        let near = Store::new(RedisStore::open(&server.url()).await.unwrap());
        let payload = Payload::json(&"x".repeat(LARGE)).unwrap();
        let large = || NewEvent::raw(Schema::from_static("large", 1), payload.clone());
        for _ in 0..EVENTS / 8 {
            let events: Vec<_> = (0..8).map(|_| large()).collect();
            let append = Append::to(stream("a"), ExpectedVersion::Any).events(events);
            near.append(append).await.unwrap();
        }
        let url = format!("redis://{}", line(server.address()).await);
        let options = RedisOptions::new().with_command_timeout(PATIENCE);
        for read in [Read::stream(stream("a")), Read::all(), Read::all().backward()] {
            // One that knows nothing of the events.
            let far = RedisStore::open_with(&url, options.clone()).await.unwrap();
            let far = Store::new(far);
            let met = far.read(read.clone()).into_vec().await.unwrap();
            assert_eq!(met.len(), EVENTS, "{read:?}");
            let versions = met.iter().map(|event| event.version.get());
            let mut versions: Vec<u64> = versions.collect();
            if met[0].version > met[1].version {
                versions.reverse();
            }
            assert!(versions.into_iter().eq(1..=EVENTS as u64), "{read:?}");
        }
    });
}

#[test]
fn small_events_are_asked_for_as_if_none_were_large() {
    let server = async { Fixture::new(RedisServer::start(&RedisConfig::in_memory()), ()) };
    es_testkit::run(server, |server| async move {
        let store = store_at(&server.url()).await;
        let lists = || {
            let calls = server.info("cmdstat_lrange");
            let calls =
                calls.as_deref().and_then(|all| all.strip_prefix("calls=")?.split(',').next());
            calls.map_or(0, |calls| calls.parse::<u64>().unwrap())
        };
        // What lies behind the first 128 is asked for together, in pieces of 128.
        for (count, asked) in [(10, 1), (100, 1), (1_000, 1 + 8)] {
            let key = format!("of-{count}");
            store.append(to(&key, count)).await.unwrap();
            let before = lists();
            let met = store.read(Read::stream(stream(&key))).into_vec().await.unwrap();
            assert_eq!((met.len(), lists() - before), (count, asked));
        }
    });
}
