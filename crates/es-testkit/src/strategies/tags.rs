//! Tags, alone and together.

use es_core::{Tag, Tags, limits};
use proptest::{
    collection::vec,
    prop_oneof,
    sample::select,
    strategy::{BoxedStrategy, Strategy},
};

use super::text::{filled, inner, letter, printable, short};

/// A tag; `branch:north` most often, and others that look like it.
pub fn tag() -> BoxedStrategy<Tag> {
    let stock = &[
        "branch:north",
        "branch:south",
        "size:big",
        "branch:North",
        "branch:nort",
        "branch:north ",
        "branch:north:2",
        "Branch:north",
        "-:'",
    ];
    prop_oneof![
        12 => select(stock).prop_map(str::to_owned),
        4 => (short(inner(), inner()), short(printable(), printable()))
            .prop_map(|(name, value)| format!("{name}:{value}")),
        1 => letter().prop_map(|c| {
            let name = "name:";
            let value = filled(&c.to_string(), limits::MAX_TAG_BYTES - name.len());
            format!("{name}{value}")
        }),
    ]
    .prop_map(|text| text.parse().unwrap())
    .boxed()
}

/// The tags of one event: mostly none, one or two, seldom as many as an event may have.
pub fn tags() -> BoxedStrategy<Tags> {
    let most = || -> Tags {
        (0..limits::MAX_TAGS_PER_EVENT).map(|n| Tag::new("number", n).unwrap()).collect()
    };
    prop_oneof![
        40 => vec(tag(), 0..=3).prop_map(|tags| tags.into_iter().collect()),
        1 => proptest::strategy::LazyJust::new(most),
    ]
    .boxed()
}
