//! L3: the caller says what a stream must be; when it is not, nothing is written and the
//! conflict says what was expected and what is there.

use es_core::{Append, Conflict, ErrorKind, ExpectedVersion, Store, StreamId, Version};

use crate::{
    declined::{Need, declines},
    sample::{many, put, refused, stream, to, version},
    tasks::{together, turns},
};

/// `Any` admits a stream without events and one with events.
pub async fn any_admits_whatever_is_there(store: Store) {
    for wanted in [1, 2, 3] {
        let append = to("a", ExpectedVersion::Any).events(many(1));
        let receipt = store.append(append).await.unwrap();
        assert_eq!(receipt.version(), version(wanted));
    }
}

/// `NoStream` admits a stream without events.
pub async fn no_stream_admits_a_new_stream(store: Store) {
    put(&store, "b", many(1)).await; // another stream does not count
    let append = to("a", ExpectedVersion::NoStream).events(many(2));
    assert_eq!(store.append(append).await.unwrap().version(), version(2));
}

/// `NoStream` conflicts with a stream that has events.
pub async fn no_stream_conflicts_with_an_existing_stream(store: Store) {
    put(&store, "a", many(3)).await;
    expect_conflict(&store, ExpectedVersion::NoStream, Some(3)).await;
}

/// `Exists` admits a stream with events.
pub async fn exists_admits_an_existing_stream(store: Store) {
    put(&store, "a", many(3)).await;
    let append = to("a", ExpectedVersion::Exists).events(many(1));
    assert_eq!(store.append(append).await.unwrap().version(), version(4));
}

/// `Exists` conflicts with a stream without events.
pub async fn exists_conflicts_with_a_new_stream(store: Store) {
    put(&store, "b", many(1)).await;
    expect_conflict(&store, ExpectedVersion::Exists, None).await;
}

/// `Exact` admits the version that the stream has.
pub async fn exact_admits_the_version_that_is_there(store: Store) {
    put(&store, "a", many(3)).await;
    let append = to("a", ExpectedVersion::Exact(version(3))).events(many(2));
    assert_eq!(store.append(append).await.unwrap().version(), version(5));
}

/// `Exact` conflicts with a stream that has gone further.
pub async fn exact_conflicts_with_a_longer_stream(store: Store) {
    put(&store, "a", many(3)).await;
    expect_conflict(&store, ExpectedVersion::Exact(version(2)), Some(3)).await;
}

/// `Exact` conflicts with a stream that has not come that far.
pub async fn exact_conflicts_with_a_shorter_stream(store: Store) {
    put(&store, "a", many(3)).await;
    expect_conflict(&store, ExpectedVersion::Exact(version(4)), Some(3)).await;
    expect_conflict(&store, ExpectedVersion::Exact(Version::MAX), Some(3)).await;
}

/// `Exact` conflicts with a stream without events.
pub async fn exact_conflicts_with_a_new_stream(store: Store) {
    put(&store, "b", many(1)).await;
    expect_conflict(&store, ExpectedVersion::Exact(Version::FIRST), None).await;
}

/// The conflict names the stream, what was expected and the version that is there, each
/// time anew.
pub async fn a_conflict_names_the_actual_version(store: Store) {
    for actual in [1, 2, 3] {
        put(&store, "a", many(1)).await;
        expect_conflict(&store, ExpectedVersion::NoStream, Some(actual)).await;
    }
}

/// Among several streams, the conflict names the one that conflicts, and nothing is
/// written to the others.
pub async fn a_conflict_in_the_second_stream_writes_nothing_in_the_first(store: Store) {
    if declines(&store, Need::MultiStream) {
        return;
    }
    put(&store, "b", many(2)).await;
    let expected = ExpectedVersion::Exact(version(1));
    let append = to("a", ExpectedVersion::NoStream)
        .events(many(1))
        .and(stream("b"), expected)
        .events(many(1));
    let error = refused(&store, append, ErrorKind::Conflict).await;
    let wanted = Conflict::new(stream("b"), expected, Some(version(2)));
    assert_eq!(error.conflict(), Some(&wanted));
}

/// A demand on a stream that is not written holds: the append goes through, and the other
/// stream is left as it is.
pub async fn a_required_stream_that_is_as_required_admits(store: Store) {
    if declines(&store, Need::MultiStream) {
        return;
    }
    put(&store, "b", many(2)).await;
    let append = to("a", ExpectedVersion::NoStream)
        .events(many(1))
        .require(stream("b"), ExpectedVersion::Exact(version(2)))
        .require(stream("c"), ExpectedVersion::NoStream)
        .require(stream("d"), ExpectedVersion::Any);
    let receipt = store.append(append).await.unwrap();
    assert_eq!(receipt.versions, [(stream("a"), version(1))]);
    let b = store.version(&stream("b")).await.unwrap();
    assert_eq!(b, Some(version(2)));
}

/// A demand on a stream that is not written fails: a conflict that names that stream.
pub async fn a_required_stream_that_is_not_as_required_conflicts(store: Store) {
    if declines(&store, Need::MultiStream) {
        return;
    }
    put(&store, "b", many(2)).await;
    for (key, expected, actual) in [
        ("b", ExpectedVersion::Exact(version(1)), Some(version(2))),
        ("b", ExpectedVersion::NoStream, Some(version(2))),
        ("c", ExpectedVersion::Exists, None),
    ] {
        let append =
            to("a", ExpectedVersion::NoStream).events(many(1)).require(stream(key), expected);
        let error = refused(&store, append, ErrorKind::Conflict).await;
        let wanted = Conflict::new(stream(key), expected, actual);
        assert_eq!(error.conflict(), Some(&wanted));
    }
}

/// `Any` never conflicts, however many write to the same stream at once.
pub async fn any_never_conflicts_under_concurrency(store: Store) {
    let writers = (0..32).map(|_| {
        let store = store.clone();
        async move {
            for _ in 0..4 {
                let append = to("a", ExpectedVersion::Any).events(many(1));
                store.append(append).await.expect("`Any` never conflicts");
                turns(1).await;
            }
        }
    });
    together(writers).await;
    let last = store.version(&stream("a")).await.unwrap();
    assert_eq!(last, Some(version(128)));
}

/// Of many that create the same stream at once, one does; the others learn its version.
pub async fn one_of_many_creates_the_stream(store: Store) {
    let writers = (0..32).map(|_| {
        let append = to("a", ExpectedVersion::NoStream).events(many(2));
        let store = store.clone();
        async move { store.append(append).await }
    });
    let results = together(writers).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    for error in results.iter().filter_map(|result| result.as_ref().err()) {
        let conflict = error.conflict().expect("the losers have a conflict");
        assert_eq!(conflict.actual, Some(version(2)));
    }
}

/// Of many that append at the same exact version, one wins each version. Each loser learns
/// a version that the stream had by then: beyond the one it expected, and enough to win
/// with in the end.
pub async fn one_of_many_wins_each_exact_version(store: Store) {
    const WRITERS: u64 = 32;
    put(&store, "a", many(1)).await;
    let writers = (0..WRITERS).map(|_| {
        let store = store.clone();
        async move {
            let mut known = version(1);
            loop {
                turns(1).await;
                let append = to("a", ExpectedVersion::Exact(known)).events(many(1));
                let error = match store.append(append).await {
                    Ok(receipt) => {
                        assert_eq!(receipt.version(), known.next());
                        return receipt.version();
                    }
                    Err(error) => error,
                };
                let conflict = error.conflict().expect("the losers have a conflict");
                let actual = conflict.actual.expect("the stream exists");
                assert!(actual > known, "a conflict at {known} that says {actual}");
                assert!(actual <= version(1 + WRITERS), "the stream never had {actual}");
                known = actual;
            }
        }
    });
    let mut won = together(writers).await;
    won.sort_unstable();
    let wanted: Vec<_> = (2..=1 + WRITERS).map(version).collect();
    assert_eq!(won, wanted);
}

/// Two appends that each require what the other writes cannot both go through.
pub async fn a_required_stream_is_checked_in_the_same_commit(store: Store) {
    if declines(&store, Need::MultiStream) {
        return;
    }
    for round in 0..20 {
        let (left, right) = (key("left", round), key("right", round));
        let pair = [(left.clone(), right.clone()), (right, left)];
        let writers = pair.map(|(write, require)| {
            let append = Append::to(write, ExpectedVersion::NoStream)
                .events(many(1))
                .require(require, ExpectedVersion::NoStream);
            let store = store.clone();
            async move { store.append(append).await.is_ok() }
        });
        let won = together(writers).await;
        assert_eq!(won.iter().filter(|won| **won).count(), 1, "write skew");
    }
}

fn key(side: &str, round: usize) -> StreamId {
    stream(&format!("{side}-{round}"))
}

/// Checks that an append to stream `a` conflicts with `actual` and writes nothing.
async fn expect_conflict(store: &Store, expected: ExpectedVersion, actual: Option<u64>) {
    let append = to("a", expected).events(many(2));
    let error = refused(store, append, ErrorKind::Conflict).await;
    let wanted = Conflict::new(stream("a"), expected, actual.map(version));
    assert_eq!(error.conflict(), Some(&wanted));
}
