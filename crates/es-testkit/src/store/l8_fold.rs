//! L8: a fold is given what a read yields, in the same order, whatever form its store
//! hands it over in.

use es_core::{ContentType, ErrorKind, Event, LogId, NewEvent, Payload, Read, Store, Version};

use crate::sample::{
    Sample, category, event, expect_fold, filler, many, put, read, schema, stream, tag, tenant,
    typed,
};

/// Of every kind of read, in both directions, with bounds and limits.
pub async fn a_fold_is_given_what_a_read_yields(store: Store) {
    put(&store, "a", vec![event("opened").with_tag(tag("kind", "new")), event("noted")]).await;
    put(&store, "b", many(3)).await;
    let bytes = Payload::new(ContentType::BINARY, vec![0, 255, 0]).unwrap();
    put(&store, "a", vec![NewEvent::raw(schema("scanned", 7), bytes), event("noted")]).await;
    put(&store.for_tenant(tenant("acme")), "a", vec![event("opened"), filler(40_000)]).await;
    let known = read(&store, Read::all()).await;
    let (id, third) = (known[1].id, known[2].position);
    let all = [
        Read::all(),
        Read::all().all_tenants(),
        Read::all().after(third),
        Read::all().until(third),
        Read::stream(stream("a")),
        Read::stream(stream("a")).until(third),
        Read::stream(stream("b")).until(third),
        Read::stream(stream("a")).after(third),
        Read::stream(stream("a")).from_version(Version::new(2).unwrap()),
        Read::stream(stream("nobody")),
        Read::category(category("account")),
        Read::all().of_types([schema("noted", 1).name]),
        Read::all().of_types([schema("noted", 1).name]).all_tenants(),
        Read::all().of_types([schema("opened", 1).name]).tagged(tag("kind", "new")),
        Read::stream(stream("a")).of_types([schema("noted", 1).name]),
        Read::all().tagged(tag("kind", "new")),
        Read::all().tagged(tag("kind", "new")).all_tenants(),
        Read::event(id),
    ];
    for wanted in all {
        for wanted in [wanted.clone().limit(2), wanted.clone().backward(), wanted] {
            expect_fold(&store, wanted).await;
        }
    }
    let scoped = store.for_tenant(tenant("acme"));
    assert_eq!(expect_fold(&scoped, Read::stream(stream("a"))).await, 2);
}

/// A stream that takes many pages, by itself and as part of the log, in both directions.
pub async fn a_fold_of_a_large_stream_is_whole(store: Store) {
    for batch in many(3_000).chunks(1_000) {
        put(&store, "large", batch.to_vec()).await;
    }
    put(&store, "small", many(1)).await;
    for wanted in [Read::stream(stream("large")), Read::all(), Read::category(category("account"))]
    {
        assert!(expect_fold(&store, wanted.clone()).await >= 3_000);
        expect_fold(&store, wanted.clone().limit(2_500)).await;
        expect_fold(&store, wanted.backward()).await;
    }
}

/// Its pages are bounded like those of a read: none holds half of a large stream.
pub async fn a_fold_comes_in_bounded_pages(store: Store) {
    let payload = Payload::json(&"x".repeat(1_000)).unwrap();
    for _ in 0..10 {
        let events = (0..500).map(|_| NewEvent::raw(schema("noted", 1), payload.clone()));
        put(&store, "large", events.collect()).await;
    }
    for wanted in [Read::stream(stream("large")), Read::all()] {
        let mut pages = store.read_to_fold(wanted.clone());
        let (mut count, mut largest) = (0, 0);
        while let Some(page) = pages.next().await.transpose().unwrap() {
            count += page.len();
            largest = largest.max(page.len());
        }
        assert_eq!(count, 5_000);
        assert!(largest <= 2_500, "a page of {largest} events: {wanted:?}");
    }
}

/// A fold into a state takes each value in order; what does not decode ends it with the place.
pub async fn an_undecodable_event_ends_a_fold_with_its_position(store: Store) {
    let amounts = |read| store.fold(read, Vec::new(), |sum: &mut Vec<Sample>, e| sum.push(e));
    let events: Vec<_> = (1..4).map(|amount| typed(&Sample::Deposited { amount })).collect();
    put(&store, "a", events).await;
    let wanted: Vec<_> = (1..4).map(|amount| Sample::Deposited { amount }).collect();
    assert_eq!(amounts(Read::stream(stream("a"))).await.unwrap(), wanted);
    let broken = NewEvent::raw(Sample::SCHEMAS[1].clone(), Payload::json("a lot").unwrap());
    let receipt = put(&store, "a", vec![broken.clone()]).await;
    for wanted in [Read::stream(stream("a")), Read::all()] {
        let error = amounts(wanted).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Undecodable);
        let details = error.undecodable_details().unwrap();
        assert_eq!(details.position, Some(receipt.last));
        assert_eq!((details.event, details.stream.as_ref()), (Some(broken.id), Some(&stream("a"))));
    }
}

/// A log that was named must be this one, as for a read.
pub async fn a_fold_of_another_log_has_diverged(store: Store) {
    put(&store, "a", many(2)).await;
    let head = store.head().await.unwrap();
    assert_eq!(expect_fold(&store, Read::all().of_log(head.log)).await, 2);
    let mut pages = store.read_to_fold(Read::all().of_log(LogId::generate()));
    let error = pages.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LogDiverged);
    assert!(pages.next().await.is_none(), "an error is the last item");
}
