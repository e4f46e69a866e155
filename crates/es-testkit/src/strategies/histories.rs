//! Whole histories: lists of appends that a fresh store takes one after the other.

use std::collections::HashMap;

use es_core::{Append, AppendRequest, ExpectedVersion, NewEvent, StreamId, Version};
use proptest::{
    bool,
    collection::vec,
    strategy::{BoxedStrategy, Strategy},
};

use super::{new_event, stream_id};

/// Up to so many appends to a few streams, each of a few events, which a store with an empty
/// log takes one after the other: what they expect is what is there by then.
///
/// ```
/// use es_core::Store;
/// use es_store_memory::MemoryStore;
/// use es_testkit::strategies;
/// use proptest::{strategy::{Strategy, ValueTree}, test_runner::TestRunner};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> es_core::Result<()> {
/// let history = strategies::history(10).new_tree(&mut TestRunner::deterministic());
/// let store = Store::new(MemoryStore::new());
/// for append in history.expect("nothing is filtered").current() {
///     store.backend().append(append).await?;
/// }
/// # Ok(())
/// # }
/// ```
pub fn history(appends: usize) -> BoxedStrategy<Vec<AppendRequest>> {
    let append = (stream_id(), vec(new_event(), 1..=3), bool::ANY);
    vec(append, 1..=appends.max(1))
        .prop_map(|appends| {
            let mut ends: HashMap<StreamId, Version> = HashMap::new();
            let append = |(stream, events, exact): (StreamId, Vec<NewEvent>, bool)| {
                let end = ends.get(&stream).copied();
                let expected =
                    if exact { ExpectedVersion::exactly(end) } else { ExpectedVersion::Any };
                let last = Version::after(end, events.len() as u64);
                ends.extend(last.map(|last| (stream.clone(), last)));
                let append = Append::to(stream, expected).events(events);
                append.build().expect("what is drawn is valid")
            };
            appends.into_iter().map(append).collect()
        })
        .boxed()
}
