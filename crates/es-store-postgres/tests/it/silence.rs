//! Connections that fall silent, as when a machine or a network dies: nobody hears of it.

use std::{
    net::{SocketAddr, ToSocketAddrs},
    sync::Arc,
    time::Duration,
};

use es_core::{ErrorKind, Read, Store};
use es_store_postgres::PostgresStore;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

use crate::{
    checks::{self, stream, to},
    server::{Schema, on_a_schema},
};

/// Carries bytes to a server; connections that were there when it was told to be still carry
/// nothing any more, and are not closed.
struct Still {
    address: SocketAddr,
    age: Arc<watch::Sender<u64>>,
}

impl Still {
    async fn before(schema: &Schema) -> Self {
        let (_, rest) = schema.url.split_once('@').unwrap();
        let (server, _) = rest.split_once('/').unwrap();
        let server = server.to_socket_addrs().unwrap().next().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, age) = (listener.local_addr().unwrap(), Arc::<watch::Sender<u64>>::default());
        let ages = Arc::clone(&age);
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let server = TcpStream::connect(server).await.unwrap();
                let (client, server) = (client.into_split(), server.into_split());
                tokio::spawn(carry(client.0, server.1, ages.subscribe()));
                tokio::spawn(carry(server.0, client.1, ages.subscribe()));
            }
        });
        Self { address, age }
    }

    fn url(&self, schema: &Schema) -> String {
        let (user, rest) = schema.url.split_once('@').unwrap();
        let (_, database) = rest.split_once('/').unwrap();
        format!("{user}@{}/{database}", self.address)
    }

    fn be_still(&self) {
        self.age.send_modify(|age| *age += 1);
    }
}

async fn stilled(age: &mut watch::Receiver<u64>, born: u64) {
    drop(age.wait_for(|age| *age != born).await);
}

async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut age: watch::Receiver<u64>,
) {
    let (born, mut piece) = (*age.borrow_and_update(), vec![0; 1 << 16]);
    loop {
        let length = tokio::select! {
            biased;
            () = stilled(&mut age, born) => std::future::pending().await,
            read = from.read(&mut piece) => read.unwrap_or(0),
        };
        if length == 0 || to.write_all(&piece[..length]).await.is_err() {
            return;
        }
    }
}

/// A store with connections of all kinds, and the pool full of idle ones.
async fn warmed(still: &Still, schema: &Schema) -> Store {
    let options = schema.options().with_connections(8).unwrap();
    let options = options.with_connect_timeout(Duration::from_secs(2)).with_listening(false);
    let store = PostgresStore::open_with(&still.url(schema), options).await.unwrap();
    let store = Store::new(store);
    for _ in 0..5 {
        store.append(to("a", 1)).await.unwrap();
    }
    let reads = (0..8).map(|_| store.read(Read::all()).into_vec());
    for read in futures_util::future::join_all(reads).await {
        read.unwrap();
    }
    store.read(Read::stream(stream("a"))).into_vec().await.unwrap();
    store
}

#[test]
fn an_append_ends_with_its_deadline_and_later_ones_find_new_connections() {
    on_a_schema(|schema| async move {
        let still = Still::before(&schema).await;
        let store = warmed(&still, &schema).await;
        still.be_still();
        let append = || to("a", 1).deadline(Duration::from_secs(2));
        let error = store.append(append()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
        for _ in 0..5 {
            store.append(append()).await.unwrap();
        }
        checks::whole(&schema.store().await).await;
    });
}

/// The place that the lone one had is not lost for those who wait in the queue.
#[test]
fn appends_of_many_find_new_connections_too() {
    on_a_schema(|schema| async move {
        let still = Still::before(&schema).await;
        let store = warmed(&still, &schema).await;
        still.be_still();
        let round = || {
            let append = || store.append(to("a", 1).deadline(Duration::from_secs(2)));
            futures_util::future::join_all((0..3).map(|_| append()))
        };
        drop(round().await);
        let mut rounds = 0;
        while round().await.iter().any(Result::is_err) {
            rounds += 1;
            assert!(rounds < 3, "they go on with what is dead");
        }
        checks::whole(&schema.store().await).await;
    });
}

/// Reads until one is answered. Each of the dead connections is given up by whoever meets it.
async fn read_in_time(store: &Store, read: Read) {
    let patience = Duration::from_secs(1);
    let mut given_up = 0;
    while tokio::time::timeout(patience, store.read(read.clone()).into_vec()).await.is_err() {
        given_up += 1;
        assert!(given_up < 24, "reads go on with what is dead");
    }
}

#[test]
fn loads_that_were_given_up_leave_no_dead_connection_to_those_that_follow() {
    on_a_schema(|schema| async move {
        let still = Still::before(&schema).await;
        let store = warmed(&still, &schema).await;
        still.be_still();
        read_in_time(&store, Read::stream(stream("a"))).await;
        store.head().await.unwrap();
    });
}

/// Others than short reads have a connection of their own.
#[test]
fn nor_do_reads_of_the_log() {
    on_a_schema(|schema| async move {
        let still = Still::before(&schema).await;
        let store = warmed(&still, &schema).await;
        still.be_still();
        read_in_time(&store, Read::all()).await;
        store.head().await.unwrap();
    });
}

/// A head takes no time, so one that does not come is not waited for.
#[test]
fn a_head_that_does_not_come_is_unavailable_and_the_next_one_comes() {
    on_a_schema(|schema| async move {
        let still = Still::before(&schema).await;
        let store = warmed(&still, &schema).await;
        still.be_still();
        let error = store.head().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert!(error.to_string().contains("did not answer within"), "{error}");
        store.head().await.unwrap();
    });
}

/// The first of two hosts takes connections and says nothing.
#[test]
fn the_second_host_is_found_where_the_first_is_silent() {
    on_a_schema(|schema| async move {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let place = silent.local_addr().unwrap();
        tokio::spawn(async move {
            let mut held = Vec::new();
            loop {
                held.push(silent.accept().await.unwrap());
            }
        });
        let url = schema.url.replacen('@', &format!("@{place},"), 1);
        let options = schema.options().with_connect_timeout(Duration::from_secs(2));
        let url = format!("{url}?target_session_attrs=read-write");
        let store = Store::new(PostgresStore::open_with(&url, options).await.unwrap());
        // Less than what the silent one would be given.
        let append = to("a", 1).deadline(Duration::from_millis(800));
        store.append(append).await.unwrap();
        assert_eq!(
            store.follow(Read::all()).next_event().await.unwrap().unwrap().position.get(),
            1
        );
    });
}
