//! Short forms for looking at a log, and for an append that must be refused.

use std::fmt;

use es_core::{
    Append, Backend, Envelope, Error, ErrorKind, EventId, Invalid, Part, Payload, Position, Read,
    Recorded, Result, Schema, Store, Version,
};

/// Everything that the read yields.
pub(crate) async fn read(store: &Store, read: Read) -> Vec<Recorded> {
    store.read(read).into_vec().await.expect("a read succeeds")
}

/// The whole log, whoever its events belong to and whatever the handle is scoped to.
pub(crate) async fn all(store: &Store) -> Vec<Recorded> {
    let unscoped = Store::from_backend(Backend::clone(store.backend()));
    read(&unscoped, Read::all().all_tenants()).await
}

/// Everything that a fold is given of the read: id, version, position, schema, payload.
pub(crate) async fn folded(store: &Store, read: Read) -> Result<Vec<Folded>> {
    let (mut pages, mut all) = (store.read_to_fold(read), Vec::new());
    while let Some(page) = pages.next().await.transpose()? {
        all.extend(page.events().map(|event| Folded {
            id: event.id,
            version: event.version,
            position: event.position,
            schema: event.schema.clone(),
            payload: event.payload.clone(),
            part: event.part,
        }));
    }
    Ok(all)
}

/// What a fold is given of an event.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Folded {
    pub(crate) id: EventId,
    pub(crate) version: Version,
    pub(crate) position: Position,
    schema: Schema,
    payload: Payload,
    part: Part,
}

impl fmt::Display for Folded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, version, position, schema, payload, part } = self;
        write!(
            f,
            "{id} at position {position} (version {version}, {schema}, {payload:?}, {part:?})"
        )
    }
}

impl From<&Envelope> for Folded {
    fn from(envelope: &Envelope) -> Self {
        let Envelope { id, version, position, schema, payload, part, .. } = envelope;
        let (schema, payload) = (schema.clone(), payload.clone());
        Self { id: *id, version: *version, position: *position, schema, payload, part: *part }
    }
}

/// Checks that a fold is given what the read yields, and says how many events that are.
pub(crate) async fn expect_fold(store: &Store, wanted: Read) -> usize {
    let found = read(store, wanted.clone()).await;
    let expected: Vec<Folded> = found.iter().map(|event| (&**event).into()).collect();
    let given = folded(store, wanted.clone()).await.expect("a fold succeeds");
    assert_eq!(given, expected, "a fold of {wanted:?}");
    given.len()
}

pub(crate) fn ids(events: &[Recorded]) -> Vec<EventId> {
    events.iter().map(|event| event.id).collect()
}

pub(crate) fn versions(events: &[Recorded]) -> Vec<u64> {
    events.iter().map(|event| event.version.get()).collect()
}

pub(crate) fn newest_first<T: Clone>(oldest_first: &[T]) -> Vec<T> {
    oldest_first.iter().rev().cloned().collect()
}

/// Checks that the log is what it was, and ends where it ended.
pub(crate) async fn expect_log(store: &Store, before: &[Recorded]) {
    let now = all(store).await;
    assert_eq!(ids(&now), ids(before), "a refused append wrote something");
    assert_eq!(now, before, "a refused append changed something");
    if let Some(last) = before.last() {
        let head = store.head().await.expect("the head is known");
        assert_eq!(head.position, last.position, "a refused append moved the head");
    }
}

/// Appends what must be refused, and checks that nothing was written.
pub(crate) async fn refused(store: &Store, append: Append, kind: ErrorKind) -> Error {
    let before = all(store).await;
    let head = store.head().await.expect("the head is known");
    let error = match store.append(append).await {
        Ok(receipt) => panic!("this should be refused as {kind}, but was appended: {receipt:?}"),
        Err(error) => error,
    };
    assert_eq!(error.kind(), kind, "refused for another reason: {error}");
    expect_log(store, &before).await;
    assert_eq!(store.head().await.expect("the head is known"), head);
    error
}

/// Appends what breaks a rule, and checks which rule it was and that nothing was written.
pub(crate) async fn refused_as(store: &Store, append: Append, is: impl Fn(&Invalid) -> bool) {
    let error = refused(store, append, ErrorKind::Invalid).await;
    let invalid = error.invalid().expect("an invalid append says what is wrong");
    assert!(is(invalid), "refused for another reason: {invalid:?}");
}
