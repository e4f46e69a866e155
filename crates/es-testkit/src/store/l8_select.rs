//! L8: reads go by stream, by category, by event type, by tag or over all; a single event
//! is found by its id.

use es_core::{
    Append, Category, Direction, EventId, EventType, ExpectedVersion, NewEvent, Query, Read,
    Recorded, Selection, Store, StreamId, TenantScope,
};
use fastrand::Rng;

use crate::sample::{all, category, event, ids, newest_first, read, stream, tag, tenant, version};

/// A read of a stream yields its events and no others.
pub async fn by_stream(store: Store) {
    let log = write(&store).await;
    expect(&store, Read::stream(stream("alice")), &log, &[0, 2, 5]).await;
    expect(&store, Read::stream(stream("bob")), &log, &[1, 4]).await;
}

/// A stream without events is empty, not an error, even if its category has others.
pub async fn an_unknown_stream_is_empty(store: Store) {
    let log = write(&store).await;
    for name in ["account/carol", "order/alice", "nothing/alice", "acme@account/alice"] {
        let unknown: StreamId = name.parse().unwrap();
        expect(&store, Read::stream(unknown.clone()), &log, &[]).await;
        assert_eq!(store.version(&unknown).await.unwrap(), None);
    }
}

/// A read of a category yields the events of all of its streams, in log order.
pub async fn by_category(store: Store) {
    let log = write(&store).await;
    expect(&store, Read::category(category("account")), &log, &[0, 1, 2, 4, 5]).await;
    expect(&store, Read::category(category("order")), &log, &[3, 6]).await;
    expect(&store, Read::category(category("acc")), &log, &[]).await;
}

/// A read of everything yields everything, in log order.
pub async fn over_all(store: Store) {
    let log = write(&store).await;
    expect(&store, Read::all(), &log, &[0, 1, 2, 3, 4, 5, 6]).await;
}

/// A read of an empty log yields nothing.
pub async fn of_an_empty_log(store: Store) {
    expect(&store, Read::all(), &[], &[]).await;
    expect(&store, Read::all().limit(5), &[], &[]).await;
}

/// By one type, over all, in a category and in a stream.
pub async fn by_type(store: Store) {
    let log = write(&store).await;
    let deposited = || [EventType::from_static("account.deposited")];
    expect(&store, Read::all().of_types(deposited()), &log, &[2, 4, 5]).await;
    let orders = Read::category(category("order"));
    expect(&store, orders.of_types(deposited()), &log, &[]).await;
    let alice = Read::stream(stream("alice"));
    expect(&store, alice.of_types(deposited()), &log, &[2, 5]).await;
}

/// By several types: events of any of them.
pub async fn by_several_types(store: Store) {
    let log = write(&store).await;
    let types = ["account.opened", "order.shipped", "order.lost"].map(EventType::from_static);
    expect(&store, Read::all().of_types(types), &log, &[0, 1, 6]).await;
}

/// By no type at all: nothing. A filter that has run empty is not a filter that is absent.
pub async fn by_no_type_at_all(store: Store) {
    let log = write(&store).await;
    expect(&store, Read::all().of_types([]), &log, &[]).await;
    expect(&store, Read::stream(stream("alice")).of_types([]), &log, &[]).await;
}

/// By a tag, over all, in a category and in a stream.
pub async fn by_tag(store: Store) {
    let log = write(&store).await;
    let north = || tag("branch", "north");
    expect(&store, Read::all().tagged(north()), &log, &[2, 3, 4]).await;
    expect(&store, Read::category(category("order")).tagged(north()), &log, &[3]).await;
    expect(&store, Read::stream(stream("bob")).tagged(north()), &log, &[4]).await;
    expect(&store, Read::all().tagged(tag("branch", "nort")), &log, &[]).await;
}

/// By two tags: only events that have both.
pub async fn by_two_tags(store: Store) {
    let log = write(&store).await;
    let both = Read::all().tagged(tag("branch", "north")).tagged(tag("size", "big"));
    expect(&store, both, &log, &[2, 3]).await;
}

/// By type and tag together.
pub async fn by_type_and_tag(store: Store) {
    let log = write(&store).await;
    let both = Read::all()
        .of_types([EventType::from_static("account.deposited")])
        .tagged(tag("size", "big"));
    expect(&store, both, &log, &[2]).await;
}

/// By alternatives: events that one of them means, each event once.
pub async fn by_alternatives(store: Store) {
    let log = write(&store).await;
    let shipped = Query::any().of_types([EventType::from_static("order.shipped")]);
    let query =
        Query::tagged(tag("branch", "north")).or(Query::tagged(tag("size", "big"))).or(shipped);
    expect(&store, Read::all().matching(query.clone()), &log, &[2, 3, 4, 6]).await;
    let orders = Read::category(category("order")).matching(query);
    expect(&store, orders, &log, &[3, 6]).await;
}

/// An event is found by its id, with its place; so is one of a tenant.
pub async fn an_event_is_found_by_its_id(store: Store) {
    let log = write(&store).await;
    for wanted in &log {
        let found = store.find(wanted.id).await.unwrap();
        assert_eq!(found.as_ref(), Some(wanted));
    }
}

/// An id that the log does not have is not found.
pub async fn an_absent_event_is_not_found(store: Store) {
    assert_eq!(store.find(EventId::new()).await.unwrap(), None);
    write(&store).await;
    assert_eq!(store.find(EventId::new()).await.unwrap(), None);
}

/// Whatever is combined at random: the store yields exactly the events that
/// [`Read::covers`] covers, in order, up to the limit.
pub async fn random_reads_agree_with_what_they_cover(store: Store) {
    let mut rng = Rng::with_seed(8);
    for _ in 0..80 {
        let stream = random_stream(&mut rng);
        let events = (0..rng.usize(1..4)).map(|_| random_event(&mut rng));
        let events: Vec<_> = events.collect();
        let append = Append::to(stream, ExpectedVersion::Any).events(events);
        store.append(append).await.unwrap();
    }
    let log = all(&store).await;
    for _ in 0..150 {
        let wanted = random_read(&mut rng, &log, store.capabilities().time_bounds);
        let mut covered: Vec<_> = log.iter().filter(|e| wanted.covers(e)).cloned().collect();
        if wanted.direction == Direction::Backward {
            covered.reverse();
        }
        covered.truncate(wanted.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap()));
        let found = read(&store, wanted.clone()).await;
        assert_eq!(ids(&found), ids(&covered), "{wanted:?}");
    }
}

/// Seven events of four streams, interleaved; the returned ones are in log order.
async fn write(store: &Store) -> Vec<Recorded> {
    let (north, south) = (tag("branch", "north"), tag("branch", "south"));
    let big = tag("size", "big");
    let events = [
        ("account/alice", event("account.opened")),
        ("account/bob", event("account.opened")),
        ("account/alice", event("account.deposited").with_tag(north.clone()).with_tag(big.clone())),
        ("order/1", event("order.placed").with_tag(north.clone()).with_tag(big)),
        ("account/bob", event("account.deposited").with_tag(north)),
        ("account/alice", event("account.deposited").with_tag(south)),
        ("order/2", event("order.shipped")),
    ];
    for (stream, event) in events {
        let append = Append::to(stream.parse().unwrap(), ExpectedVersion::Any);
        store.append(append.event(event)).await.unwrap();
    }
    all(store).await
}

/// Checks that the read yields these events of the log, and backward the same.
async fn expect(store: &Store, wanted: Read, log: &[Recorded], at: &[usize]) {
    let events: Vec<_> = at.iter().map(|at| log[*at].clone()).collect();
    let found = read(store, wanted.clone()).await;
    assert_eq!(found, events, "{wanted:?}");
    let found = read(store, wanted.clone().backward()).await;
    assert_eq!(found, newest_first(&events), "backward: {wanted:?}");
}

fn random_stream(rng: &mut Rng) -> StreamId {
    let category = rng.choice(["account", "order"]).unwrap();
    let stream = StreamId::new(category, rng.u8(..3)).unwrap();
    match rng.u8(..4) {
        0 => stream.with_tenant(tenant("acme")),
        1 => stream.with_tenant(tenant("umbrella")),
        _ => stream,
    }
}

fn random_event(rng: &mut Rng) -> NewEvent {
    let tags = (0..rng.usize(..3)).map(|_| tag(rng.choice(["x", "y"]).unwrap(), rng.u8(..2)));
    let tags = tags.collect();
    event(rng.choice(TYPES).unwrap()).with_tags(tags)
}

const TYPES: [&str; 3] = ["opened", "deposited", "closed"];

fn random_read(rng: &mut Rng, log: &[Recorded], by_time: bool) -> Read {
    let any = |rng: &mut Rng| log[rng.usize(..log.len())].clone();
    let mut read = match rng.u8(..4) {
        0 => Read::all(),
        1 => Read::category(Category::from_static(rng.choice(["account", "order"]).unwrap())),
        2 => Read::event(any(rng).id),
        _ => Read::stream(random_stream(rng)),
    };
    if matches!(read.selection, Selection::Stream(_)) {
        if rng.bool() {
            read = read.from_version(version(rng.u64(1..5)));
        }
        if rng.bool() {
            read = read.to_version(version(rng.u64(3..12)));
        }
    } else {
        read.tenants = match rng.u8(..3) {
            0 => TenantScope::All,
            1 => TenantScope::One(tenant("acme")),
            _ => TenantScope::Untenanted,
        };
    }
    let mut query = Query::any();
    for at in 0..rng.usize(..3) {
        let mut item = Query::any();
        if rng.bool() {
            item = item.of_types([EventType::from_static(rng.choice(TYPES).unwrap())]);
        }
        for name in ["x", "y"] {
            if rng.u8(..3) == 0 {
                item = item.and_tagged(tag(name, rng.u8(..2)));
            }
        }
        query = if at == 0 { item } else { query.or(item) };
    }
    read = read.matching(query);
    if rng.u8(..3) == 0 {
        read = read.after(any(rng).position);
    }
    if rng.u8(..3) == 0 {
        read = read.until(any(rng).position);
    }
    if by_time && rng.u8(..4) == 0 {
        read = read.recorded_since(any(rng).recorded_at);
    }
    if by_time && rng.u8(..4) == 0 {
        read = read.recorded_until(any(rng).recorded_at);
    }
    if rng.bool() {
        read = read.limit(rng.u64(..20));
    }
    if rng.bool() { read.backward() } else { read }
}
