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
