//! Large events over a line that does not bear much.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use es_bus::{Subscription, TopicOptions};
use es_core::{NewEvent, Payload, Position, Schema};
use es_testkit::servers::{RedisConfig, RedisServer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::{LEASE, World};
use crate::sample::Seen;

/// A way to `server` that breaks when a reply is longer than `most`, as one does that is so slow
/// that nobody waits for the end.
async fn weak_line(server: SocketAddr, most: usize) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(server).await.unwrap();
            let (mut from_client, mut to_client) = client.into_split();
            let (mut from_server, mut to_server) = server.into_split();
            // Since the last request.
            let carried = Arc::new(AtomicUsize::new(0));
            let of_reply = Arc::clone(&carried);
            tokio::spawn(async move {
                let requests = async {
                    let mut piece = vec![0; 1 << 16];
                    while let Ok(length @ 1..) = from_client.read(&mut piece).await {
                        of_reply.store(0, Ordering::SeqCst);
                        if to_server.write_all(&piece[..length]).await.is_err() {
                            return;
                        }
                    }
                };
                let replies = async {
                    let mut piece = vec![0; 1 << 16];
                    while let Ok(length @ 1..) = from_server.read(&mut piece).await {
                        if carried.fetch_add(length, Ordering::SeqCst) > most
                            || to_client.write_all(&piece[..length]).await.is_err()
                        {
                            return;
                        }
                    }
                };
                tokio::select! {
                    () = requests => {}
                    () = replies => {}
                }
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_is_too_large_is_read_in_pieces() {
    let server = RedisServer::start(&RedisConfig::in_memory());
    let world = World::at(server.url(), TopicOptions::default().with_partitions(1)).await;
    let relay = world.start();
    let (large, mut last) = ("x".repeat(100_000), Position::START);
    for _ in 0..100 {
        let payload = Payload::json(&large).unwrap();
        last = world.append_raw("a", NewEvent::raw(Schema::from_static("large", 1), payload)).await;
    }
    relay.published(last).await.unwrap();
    let line = weak_line(server.address(), 3_000_000).await;
    let topic = world.through(&format!("redis://{line}")).await;
    let seen = Seen::default();
    let noting = seen.clone();
    let all = Subscription::to_everything("all").call(move |event| noting.note(event));
    let consumer = topic.ordered(all).with_lease(LEASE * 10).start().await.unwrap();
    let handled = consumer.when(|status| status.handled >= 100);
    let handled = tokio::time::timeout(Duration::from_secs(120), handled).await;
    handled.expect("the partition is stuck").unwrap();
    let mut all = seen.all();
    all.dedup();
    assert_eq!(all, (1..=100).collect::<Vec<_>>());
}
