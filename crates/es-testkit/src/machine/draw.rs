//! How histories are drawn, and what they shrink to: fewer operations, and plainer ones.

use es_core::{Capabilities, Metadata, Payload};
use proptest::{
    bool,
    collection::vec,
    option, prop_oneof,
    strategy::{BoxedStrategy, Just, Strategy},
};

use super::{
    names::names,
    operation::{
        AppendPlan, Change, Contender, EventPlan, Expect, FindPlan, History, Limit, NotePlan,
        Operation, Pick, Place, QueryPlan, ReadPlan, RetryPlan, Select, StreamAt, Tenants, Whose,
        WritePlan,
    },
};
use crate::strategies;

/// Histories of up to so many operations for a store that can do this. What it cannot do is
/// asked for seldom, to see it refused.
pub(super) fn history(can: Capabilities, operations: usize) -> BoxedStrategy<History> {
    (names(), vec(operation(can), 1..=operations.max(1)))
        .prop_map(|(names, operations)| History { names, operations })
        .boxed()
}

/// Boxed, like all that holds much: the trees that values shrink by lie on the stack.
fn operation(can: Capabilities) -> BoxedStrategy<Operation> {
    let follow = (follower(can), vec(append(can), 0..=2));
    let together = vec(contender(can), 2..=3);
    let count = prop_oneof![4 => 1_u16..40, 1 => 40_u16..600];
    let bulk = (whose(), stream(), count);
    let wake = (vec(0_u8..4, 1..=3), 0_u8..4, note());
    prop_oneof![
        16 => append(can).prop_map(Operation::Append),
        1 => bulk.prop_map(|(whose, at, count)| Operation::Bulk(whose, at, count)),
        8 => retry().prop_map(Operation::Retry),
        1 => (append(can), 0_u8..4).prop_map(|(plan, polls)| Operation::Dropped(plan, polls)),
        10 => read(can).prop_map(Operation::Read),
        2 => (whose(), stream()).prop_map(|(whose, at)| Operation::Version(whose, at)),
        2 => find().prop_map(Operation::Find),
        1 => Just(Operation::Head),
        3 => follow.prop_map(|(read, appends)| Operation::Follow(read, appends)),
        3 => together.prop_map(Operation::Together),
        1 => wake.prop_map(|(waiters, writer, write)| Operation::Wake { waiters, writer, write }),
        1 => (read(can), note()).prop_map(|(read, note)| Operation::ReadWhileWriting(read, note)),
    ]
    .boxed()
}

fn append(can: Capabilities) -> BoxedStrategy<AppendPlan> {
    let writes = prop_oneof![
        weight(true, 3) => vec(write(), 1..=1),
        weight(can.multi_stream, 2) => vec(write(), 2..=3),
    ];
    let required = prop_oneof![
        weight(true, 4) => Just(Vec::new()),
        weight(can.multi_stream, 1) => vec((stream(), expect()), 1..=2),
    ];
    let unless = prop_oneof![
        weight(true, 4) => Just(Vec::new()),
        weight(can.conditions, 1) => vec((query(), boundary()), 1..=2),
    ];
    (whose(), writes, required, unless)
        .prop_map(|(whose, writes, required, unless)| AppendPlan {
            whose,
            writes,
            required,
            unless,
        })
        .boxed()
}

/// The weight of what the store can do, and a little of it for what it cannot.
const fn weight(can: bool, weight: u32) -> u32 {
    if can { weight * 30 } else { weight }
}

fn write() -> impl Strategy<Value = WritePlan> {
    (stream(), expect(), vec(event(), 1..=3)).prop_map(|(stream, expect, events)| WritePlan {
        stream,
        expect,
        events,
    })
}

fn note() -> BoxedStrategy<NotePlan> {
    let note = |(whose, stream, event)| NotePlan { whose, stream, event };
    (whose(), stream(), event()).prop_map(note).boxed()
}

fn event() -> BoxedStrategy<EventPlan> {
    let payload = prop_oneof![
        3 => (0_u8..4).prop_map(|n| Payload::json(&n).unwrap()),
        1 => strategies::payload(),
    ];
    let metadata = option::weighted(0.15, strategies::metadata());
    (0_u8..3, 1_u32..3, payload, metadata, tags(2))
        .prop_map(|(name, version, payload, metadata, tags)| {
            let metadata = metadata.unwrap_or_else(Metadata::new);
            EventPlan { name, version, payload, metadata, tags }
        })
        .boxed()
}

fn tags(most: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(0_u8..4, 0..=most)
}

fn whose() -> impl Strategy<Value = Whose> {
    let whose = |(tenant, scoped)| Whose { tenant, scoped };
    (option::weighted(0.25, 0_u8..2), bool::ANY).prop_map(whose)
}

/// Mostly one of two, so that streams grow.
fn stream() -> impl Strategy<Value = StreamAt> {
    let at = prop_oneof![4 => (Just(0_u8), 0_u8..2), 1 => (0_u8..2, 0_u8..3)];
    at.prop_map(|(category, key)| StreamAt { category, key })
}

fn expect() -> impl Strategy<Value = Expect> {
    prop_oneof![
        6 => Just(Expect::Any),
        6 => Just(Expect::AsItIs),
        2 => Just(Expect::Exists),
        1 => Just(Expect::NoStream),
        2 => prop_oneof![Just(1_i8), Just(-1_i8), Just(5_i8)].prop_map(Expect::Off),
    ]
}

fn pick() -> impl Strategy<Value = Pick> {
    (0_u16..256).prop_map(Pick)
}

fn place() -> impl Strategy<Value = Place> {
    prop_oneof![
        1 => Just(Place::Start),
        1 => Just(Place::Head),
        6 => pick().prop_map(Place::At),
        2 => pick().prop_map(Place::Before),
        1 => (0_u8..3).prop_map(Place::Beyond),
    ]
}

/// Behind which position something must be absent: mostly there where it may pass.
fn boundary() -> impl Strategy<Value = Place> {
    prop_oneof![2 => Just(Place::Head), 2 => place()]
}

fn query() -> impl Strategy<Value = QueryPlan> {
    let types = prop_oneof![Just(Vec::new()), vec(0_u8..3, 1..=2)];
    vec((types, tags(2)), 0..=2).prop_map(QueryPlan)
}

fn retry() -> BoxedStrategy<RetryPlan> {
    (pick(), change()).prop_map(|(of, change)| RetryPlan { of, change }).boxed()
}

fn change() -> BoxedStrategy<Change> {
    let harmless = prop_oneof![
        4 => Just(Change::Nothing),
        2 => expect().prop_map(Change::Expectations),
        1 => Just(Change::NoDemands),
        1 => Just(Change::OtherMetadata),
    ];
    let of_one = prop_oneof![
        pick().prop_map(Change::OtherPayload),
        pick().prop_map(Change::OtherContentType),
        pick().prop_map(Change::OtherType),
        pick().prop_map(Change::OtherSchemaVersion),
        pick().prop_map(Change::OtherTags),
        pick().prop_map(Change::NewId),
    ];
    let of_the_list = prop_oneof![
        Just(Change::WithoutFirst),
        Just(Change::WithoutLast),
        Just(Change::Reversed),
        Just(Change::StreamsReversed),
        event().prop_map(Change::NewFirst),
        event().prop_map(Change::NewLast),
        pick().prop_map(Change::With),
    ];
    let of_place =
        prop_oneof![stream().prop_map(Change::OtherStream), whose().prop_map(Change::OtherTenant),];
    prop_oneof![4 => harmless, 2 => of_one, 2 => of_the_list, 1 => of_place].boxed()
}

fn read(can: Capabilities) -> BoxedStrategy<ReadPlan> {
    let select = prop_oneof![
        4 => Just(Select::All),
        2 => (0_u8..2).prop_map(Select::Category),
        4 => stream().prop_map(Select::Stream),
        1 => pick().prop_map(Select::Event),
    ];
    let tenants = prop_oneof![
        2 => Just(Tenants::Untenanted),
        2 => Just(Tenants::All),
        1 => (0_u8..2).prop_map(Tenants::One),
    ];
    let moment = move || {
        let share = if can.time_bounds { 0.1 } else { 0.01 };
        option::weighted(share, (pick(), prop_oneof![Just(0_i8), Just(1_i8), Just(-1_i8)]))
    };
    let bounds = (option::weighted(0.2, place()), option::weighted(0.2, place()));
    let versions = (option::weighted(0.2, 1_u8..4), option::weighted(0.2, 1_u8..8));
    let rest = (
        option::weighted(0.3, query()),
        option::weighted(0.3, limit()),
        bool::ANY,
        bool::weighted(0.2),
    );
    (whose(), select, tenants, bounds, versions, (moment(), moment()), rest)
        .prop_map(|(whose, select, tenants, (after, until), versions, (since, before), rest)| {
            let (query, limit, backward, of_log) = rest;
            ReadPlan {
                whose,
                select,
                tenants,
                query,
                after,
                until,
                versions,
                since,
                before,
                limit,
                backward,
                of_log,
            }
        })
        .boxed()
}

fn limit() -> impl Strategy<Value = Limit> {
    prop_oneof![
        4 => (0_u8..6).prop_map(Limit::Events),
        1 => (0_u8..6).prop_map(Limit::AllBut),
    ]
}

/// A read that can be followed: forward and without an upper bound.
fn follower(can: Capabilities) -> BoxedStrategy<ReadPlan> {
    read(can)
        .prop_map(|read| ReadPlan {
            until: None,
            before: None,
            versions: (read.versions.0, None),
            backward: false,
            ..read
        })
        .boxed()
}

fn find() -> impl Strategy<Value = FindPlan> {
    (pick(), bool::weighted(0.9), whose()).prop_map(|(event, is_known, whose)| FindPlan {
        event,
        is_known,
        whose,
    })
}

fn contender(can: Capabilities) -> BoxedStrategy<Contender> {
    prop_oneof![
        4 => append(can).prop_map(Contender::Append),
        1 => retry().prop_map(Contender::Retry),
        1 => Just(Contender::Twin),
    ]
    .boxed()
}
