//! What a store says that it cannot do, it refuses: it does not do it by halves.

use es_core::{Append, ErrorKind, ExpectedVersion, Position, Query, Read, Store, Timestamp};

use crate::sample::{many, put, refused, stream, to};

/// An append to several streams, where the store cannot.
pub async fn several_streams_are_refused_where_unsupported(store: Store) {
    if store.capabilities().multi_stream {
        println!("declined: it has multi_stream");
        return;
    }
    let append = || to("a", ExpectedVersion::Any).events(many(1));
    let and = append().and(stream("b"), ExpectedVersion::Any).events(many(1));
    expect_unsupported(&store, and).await;
    let require = append().require(stream("b"), ExpectedVersion::NoStream);
    expect_unsupported(&store, require).await;
}

/// A condition, where the store cannot.
pub async fn conditions_are_refused_where_unsupported(store: Store) {
    if store.capabilities().conditions {
        println!("declined: it has conditions");
        return;
    }
    let append = to("a", ExpectedVersion::Any).events(many(1));
    expect_unsupported(&store, append.unless(Query::any(), Position::START)).await;
}

/// A read by time, where the store cannot.
pub async fn reads_by_time_are_refused_where_unsupported(store: Store) {
    if store.capabilities().time_bounds {
        println!("declined: it has time_bounds");
        return;
    }
    put(&store, "a", many(1)).await;
    for wanted in
        [Read::all().recorded_since(Timestamp::EPOCH), Read::all().recorded_until(Timestamp::now())]
    {
        let error = store.read(wanted.clone()).into_vec().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        let error = store.follow(wanted).next().await.unwrap().unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::Invalid));
    }
}

/// What it can do does not change.
pub async fn capabilities_do_not_change(store: Store) {
    let before = store.capabilities();
    put(&store, "a", many(1)).await;
    assert_eq!(store.capabilities(), before);
    assert_eq!(store.backend().capabilities(), before);
}

async fn expect_unsupported(store: &Store, append: Append) {
    refused(store, append, ErrorKind::Unsupported).await;
}
