//! What is known about an event besides the fact itself.

use es_core::{Metadata, limits};
use proptest::{
    collection::vec,
    num, option, prop_oneof,
    sample::select,
    strategy::{BoxedStrategy, Strategy},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{events::timestamp, text::printable};

/// Metadata; mostly none or a little, seldom as much as an event may have.
///
/// It claims no tenant, because a claim must be that of the stream:
/// [`Metadata::with_tenant`] adds one. Numbers in it have no fraction that a JSON parser
/// could round.
pub fn metadata() -> BoxedStrategy<Metadata> {
    prop_oneof![
        6 => ids(),
        3 => rich(),
        1 => select(&['x', '"', '\u{0}', 'é', '🦀']).prop_map(full),
    ]
    .boxed()
}

/// Nothing but the two ids, or nothing.
fn ids() -> impl Strategy<Value = Metadata> {
    let id = || option::weighted(0.3, num::u128::ANY.prop_map(Uuid::from_u128));
    (id(), id()).prop_map(|(correlation, causation)| {
        let metadata = Metadata::new().with_correlation_id(correlation.unwrap_or_default());
        metadata.with_causation_id(causation.unwrap_or_default())
    })
}

fn rich() -> impl Strategy<Value = Metadata> {
    let trace = option::of(option::of(text()));
    let fields = (ids(), option::of(text()), option::of(timestamp()), trace);
    (fields, vec((text(), value()), 0..3)).prop_map(|(fields, extra)| {
        let (mut metadata, actor, occurred_at, trace) = fields;
        if let Some(actor) = actor {
            metadata = metadata.with_actor(actor);
        }
        if let Some(at) = occurred_at {
            metadata = metadata.with_occurred_at(at);
        }
        if let Some(state) = trace {
            let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
            metadata = metadata.with_trace(parent, state.as_deref());
        }
        extra.into_iter().fold(metadata, |metadata, (key, value)| metadata.with_extra(key, value))
    })
}

/// As much as fits, of this character, which JSON may write in more bytes than it has.
///
/// It has a correlation, or the one that an append fills in would be too much.
fn full(c: char) -> Metadata {
    let size = |metadata: &Metadata| serde_json::to_vec(metadata).unwrap().len();
    let correlated = Metadata::new().with_correlation_id(Uuid::from_u128(1));
    let of = |count: usize| correlated.clone().with_actor(c.to_string().repeat(count));
    let (none, one) = (size(&of(0)), size(&of(1)));
    of((limits::MAX_METADATA_BYTES - none) / (one - none))
}

/// Any text, the empty one and one with a NUL among them.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => select(&["alice", "", " ", "a\u{0}b", "actor", "null"]).prop_map(str::to_owned),
        2 => vec(printable(), 0..8).prop_map(String::from_iter),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let odd = vec![
        json!(null),
        json!(true),
        json!(0.5),
        json!([]),
        json!({ "b": { "a": [1, "two", null] }, "": "\u{0}" }),
    ];
    prop_oneof![
        2 => num::i64::ANY.prop_map(Value::from),
        1 => num::u64::ANY.prop_map(Value::from),
        2 => text().prop_map(Value::from),
        2 => select(odd),
    ]
}
