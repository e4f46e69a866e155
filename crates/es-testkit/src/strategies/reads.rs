//! What is expected of streams, which events are meant, and reads.

use es_core::{EventType, ExpectedVersion, Position, Query, Read, Tag, TenantScope, Version};
use proptest::{
    bool,
    collection::vec,
    num, option, prop_oneof,
    strategy::{BoxedStrategy, Just, Strategy},
};

use super::{category, event_id, event_type, stream_id, tag, tenant, timestamp};

/// What a writer expects of a stream: each of the four, and versions from low to highest.
pub fn expected_version() -> BoxedStrategy<ExpectedVersion> {
    prop_oneof![
        3 => Just(ExpectedVersion::Any),
        1 => Just(ExpectedVersion::NoStream),
        1 => Just(ExpectedVersion::Exists),
        3 => version().prop_map(ExpectedVersion::Exact),
    ]
    .boxed()
}

/// Which events are meant: all, none, or some alternatives of types and tags.
pub fn query() -> BoxedStrategy<Query> {
    prop_oneof![
        2 => Just(Query::any()),
        1 => Just(Query::any().of_types([])),
        4 => vec(alternative(), 1..=3).prop_map(|items| {
            items.into_iter().reduce(Query::or).unwrap_or_else(Query::any)
        }),
    ]
    .boxed()
}

fn alternative() -> impl Strategy<Value = Query> {
    (vec(event_type(), 0..=2), vec(tag(), 0..=2)).prop_map(
        |(types, tags): (Vec<EventType>, Vec<Tag>)| {
            let any = Query::any();
            let query = if types.is_empty() { any } else { any.of_types(types) };
            tags.into_iter().fold(query, Query::and_tagged)
        },
    )
}

/// A read with any selection, bounds, order and limit.
///
/// It names no log. It is for a handle without a tenant, and some of them are for stores
/// that can read by time.
pub fn read() -> BoxedStrategy<Read> {
    let versions = (option::of(version()), option::of(version()));
    let of_stream = (stream_id(), versions).prop_map(|(stream, (from, to))| {
        let mut read = Read::stream(stream);
        (read.from_version, read.to_version) = (from, to);
        read
    });
    let selection = prop_oneof![
        3 => Just(()).prop_map(|()| Read::all()),
        2 => category().prop_map(Read::category),
        3 => of_stream,
        1 => event_id().prop_map(Read::event),
    ];
    let bounds = (
        option::weighted(0.3, position()),
        option::weighted(0.3, position()),
        option::weighted(0.2, timestamp()),
        option::weighted(0.2, timestamp()),
    );
    let limit = option::weighted(0.4, prop_oneof![8 => 0_u64..10, 1 => Just(u64::MAX)]);
    (selection, tenant_scope(), query(), bounds, limit, bool::ANY)
        .prop_map(|(mut read, tenants, query, bounds, limit, backward)| {
            (read.after, read.until, read.recorded_since, read.recorded_until) = bounds;
            (read.tenants, read.query, read.limit) = (tenants, query, limit);
            if backward { read.backward() } else { read }
        })
        .boxed()
}

/// Whose streams a read covers.
pub fn tenant_scope() -> BoxedStrategy<TenantScope> {
    prop_oneof![
        3 => Just(TenantScope::Untenanted),
        1 => tenant().prop_map(TenantScope::One),
        2 => Just(TenantScope::All),
    ]
    .boxed()
}

fn version() -> impl Strategy<Value = Version> {
    prop_oneof![
        12 => (1_u64..6).prop_map(|number| Version::new(number).unwrap()),
        1 => Just(Version::MAX),
    ]
}

/// Low ones, and the highest that a store can hold.
fn position() -> impl Strategy<Value = Position> {
    prop_oneof![
        12 => 0_u64..20,
        1 => Just(i64::MAX.unsigned_abs()),
        1 => num::u64::ANY,
    ]
    .prop_map(Position::new)
}
