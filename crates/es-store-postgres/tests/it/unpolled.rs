//! Futures and streams that are begun, and then not polled any more.

use std::time::Duration;

use es_core::{EventStore, Read};
use futures_util::{FutureExt, StreamExt};

use crate::{
    checks::{self, stream, to},
    server::on_a_schema,
};

/// Far longer than anything takes that is not held up.
const HELD_UP: Duration = Duration::from_secs(20);

/// Appends work on in a task; a caller that sends for itself works as it is polled.
#[test]
fn an_append_that_nobody_polls_holds_up_no_other() {
    on_a_schema(|schema| async move {
        for connections in [2, 4] {
            let options = schema.options().with_connections(connections).unwrap();
            let store = es_store_postgres::PostgresStore::open_with(&schema.url, options).await;
            let store = es_core::Store::new(store.unwrap());
            for _ in 0..5 {
                store.append(to("warm", 1)).await.unwrap();
            }
            let mut begun = Box::pin(store.append(to("begun", 1)));
            assert!((&mut begun).now_or_never().is_none());
            for _ in 0..3 {
                store.append(to("other", 1).deadline(HELD_UP)).await.unwrap();
            }
            begun.await.unwrap();
            checks::whole(&store).await;
            store.append(to("warm", 1)).await.unwrap();
            checks::whole(&store).await;
        }
    });
}

/// Short reads share a connection: a reply that nobody takes must not hold up the next.
#[test]
fn a_load_that_nobody_polls_holds_up_no_other() {
    on_a_schema(|schema| async move {
        let own = schema.open().await;
        let store = es_core::Store::new(own.clone());
        for key in ["a", "b"] {
            store.append(to(key, 500)).await.unwrap();
            store.read(Read::stream(stream(key))).into_vec().await.unwrap();
        }
        let mut begun: Vec<_> =
            (0..4).map(|_| EventStore::read(&own, Read::stream(stream("a")))).collect();
        for begun in &mut begun {
            drop(begun.next().now_or_never());
        }
        let other = store.read(Read::stream(stream("b"))).into_vec();
        let other = tokio::time::timeout(HELD_UP, other).await.expect("it waits for the others");
        assert_eq!(other.unwrap().len(), 500);
        drop(begun);
    });
}
