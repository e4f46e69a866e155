//! Few connections, many callers.

use es_core::{Append, ErrorKind, ExpectedVersion, Read, Store};
use es_store_postgres::{
    PostgresStore,
    deadpool_postgres::{Manager, Pool},
    tokio_postgres::{Config, NoTls},
};

use crate::{
    checks::{events, stream},
    server::on_a_schema,
};

#[test]
fn appends_under_load_leave_a_connection_to_read_with() {
    on_a_schema(|schema| async move {
        let options = schema.options().with_connections(2).unwrap();
        let store = Store::new(PostgresStore::open_with(&schema.url, options).await.unwrap());
        let appends: Vec<_> = (0..400)
            .map(|number| {
                let store = store.clone();
                tokio::spawn(async move {
                    let append = Append::to(stream(&format!("s-{number}")), ExpectedVersion::Any);
                    store.append(append.events(events(1))).await
                })
            })
            .collect();
        for append in appends {
            append.await.unwrap().unwrap();
        }
        assert_eq!(store.read(Read::all()).into_vec().await.unwrap().len(), 400);
    });
}

#[test]
fn a_pool_of_one_connection_is_refused() {
    on_a_schema(|schema| async move {
        let config: Config = schema.url.parse().unwrap();
        let pool = Pool::builder(Manager::new(config, NoTls)).max_size(1).build().unwrap();
        let error = PostgresStore::with_pool(pool, schema.options()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    });
}

#[test]
fn a_full_queue_refuses_and_one_after_the_other_is_never_refused() {
    on_a_schema(|schema| async move {
        let options = schema.options().with_queue(1).unwrap().with_refusal_when_full(true);
        let store = Store::new(PostgresStore::open_with(&schema.url, options).await.unwrap());
        let append = || Append::to(stream("a"), ExpectedVersion::Any).events(events(1));
        let theirs = store.clone();
        let work = async move {
            for _ in 0..500 {
                theirs.append(append()).await.unwrap();
            }
        };
        tokio::spawn(work).await.unwrap();

        let both = [store.clone(), store.clone()]
            .map(|store| async move { store.append(append()).await.map_err(|error| error.kind()) });
        let answers = futures_util::future::join_all(both).await;
        let refused = answers.iter().filter(|answer| **answer == Err(ErrorKind::Busy)).count();
        assert_eq!(refused, 1, "{answers:?}");
    });
}
