//! A long stream that is read again: in one page, as long as that is known to be small.

use es_core::{
    Append, EventStore, ExpectedVersion, NewEvent, Payload, Read, Schema, Store, Version,
};
use es_store_redis::RedisStore;
use futures_util::TryStreamExt;

use crate::{
    checks::{stream, to},
    server::on_a_log,
};

/// The sizes of the pages of a read, whose events must be all of their stream up to `last`.
async fn pages(store: &RedisStore, read: Read, last: u64) -> Vec<usize> {
    let pages: Vec<_> = store.read(read).try_collect().await.unwrap();
    let versions: Vec<u64> = pages.iter().flatten().map(|event| event.version.get()).collect();
    assert_eq!(versions, (1..=last).collect::<Vec<_>>());
    pages.iter().map(Vec::len).filter(|events| *events > 0).collect()
}

#[test]
fn a_long_stream_is_read_again_in_one_page() {
    on_a_log(|log| async move {
        let store = log.open().await;
        let writer = Store::new(store.clone());
        let read = || Read::stream(stream("long"));
        writer.append(to("long", 700)).await.unwrap();
        assert_eq!(pages(&store, read(), 700).await, [128, 572]);
        assert_eq!(pages(&store, read(), 700).await, [700]);
        writer.append(to("long", 50)).await.unwrap();
        assert_eq!(pages(&store, read(), 750).await, [750], "a few more make no difference");
        writer.append(to("long", 50)).await.unwrap();
        assert_eq!(pages(&store, read(), 800).await, [764, 36], "more take another page");
        assert_eq!(pages(&store, read(), 800).await, [800], "and are known from then on");
        writer.append(to("long", 64)).await.unwrap();
        writer.append(to("another", 1)).await.unwrap();
        // As many as were asked for: whether that is all is told by the next page.
        assert_eq!(pages(&store, read(), 864).await, [864]);
        writer.append(to("long", 36)).await.unwrap();
        assert_eq!(pages(&store, read(), 900).await, [900], "which is known from then on, too");
        writer.append(to("long", 400)).await.unwrap();
        assert_eq!(pages(&store, read(), 1_300).await, [928, 372]);
        assert_eq!(pages(&store, read(), 1_300).await, [1_300]);

        // What is bounded is as long as its bounds say.
        let some = read().to_version(Version::new(300).unwrap());
        assert_eq!(pages(&store, some, 300).await, [300]);
        assert_eq!(pages(&store, read().limit(7), 7).await, [7]);
        // Others know nothing of it.
        assert_eq!(pages(&log.open().await, read(), 1_300).await[0], 128);
        assert_eq!(pages(&store, read().after(es_core::Position::START), 1_300).await, [1_300]);
    });
}

#[test]
fn a_stream_of_large_events_is_read_in_pages_each_time() {
    on_a_log(|log| async move {
        let store = log.open().await;
        let writer = Store::new(store.clone());
        let large = Payload::json(&"x".repeat(20_000)).unwrap();
        let schema = Schema::from_static("noted", 1);
        let mut left = 300;
        while left > 0 {
            let events = (0..100).map(|_| NewEvent::raw(schema.clone(), large.clone()));
            let append = Append::to(stream("large"), ExpectedVersion::Any);
            writer.append(append.events(events)).await.unwrap();
            left -= 100;
        }
        let read = || Read::stream(stream("large"));
        for _ in 0..3 {
            let pages = pages(&store, read(), 300).await;
            assert_eq!(pages[0], 128);
            assert!(pages.len() > 3, "{pages:?}");
        }
    });
}
