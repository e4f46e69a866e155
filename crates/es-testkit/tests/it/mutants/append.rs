//! Appends with a bug, each made of correct appends and reads of the store below.

use es_core::{
    Append, AppendRequest, Backend, ConditionFailed, Conflict, ErrorKind, EventId, EventStore,
    ExpectedVersion, Position, Read, Receipt, Recorded, Result, StreamAppend, StreamExpectation,
    StreamId, TenantScope, Unless, Version,
};
use futures_util::TryStreamExt;
use tokio::task::yield_now;

use super::bugs::{Broken, Bug};

pub(super) async fn append(store: &Broken, append: AppendRequest) -> Result<Receipt> {
    let inner = &store.inner;
    match store.bug {
        Bug::PublishesHalfOfABatch => half_by_half(inner, append).await,
        Bug::CommitsStreamByStream => stream_by_stream(inner, append).await,
        Bug::DropsTheConflictCheck => inner.append(at_any_version(append)).await,
        Bug::ChecksThenWrites => {
            check_versions(inner, &append).await?;
            yield_now().await;
            inner.append(at_any_version(append)).await
        }
        Bug::NamesTheWrongVersion => {
            inner.append(append).await.map_err(|error| match error.conflict() {
                Some(it) => Conflict::new(it.stream.clone(), it.expected, None).into(),
                None => error,
            })
        }
        Bug::ConflictsOnAny => {
            let seen = at_seen_versions(inner, append).await;
            yield_now().await;
            inner.append(seen).await
        }
        Bug::IgnoresRequiredStreams => {
            let (streams, _, unless) = append.into_parts();
            inner.append(build(streams, Vec::new(), unless)).await
        }
        Bug::DoublesARetry => match inner.append(append.clone()).await {
            Ok(receipt) if receipt.replayed => inner.append(under_new_ids(append)).await,
            result => result,
        },
        Bug::ChecksBeforeItReplays => {
            check_versions(inner, &append).await?;
            inner.append(append).await
        }
        Bug::IgnoresTheContent => ignoring_content(inner, append).await,
        Bug::DropsConditions => {
            let (streams, required, _) = append.into_parts();
            inner.append(build(streams, required, Vec::new())).await
        }
        Bug::ChecksConditionsThenWrites => {
            check_conditions(inner, &append, TenantScope::Untenanted).await?;
            yield_now().await;
            let (streams, required, _) = append.into_parts();
            inner.append(build(streams, required, Vec::new())).await
        }
        Bug::MixesTenantsInConditions => {
            check_conditions(inner, &append, TenantScope::All).await?;
            inner.append(append).await
        }
        Bug::LosesItsConnection => {
            let connection = store.connections.acquire().await.unwrap();
            connection.forget();
            yield_now().await; // the way to the server and back
            let result = inner.append(append).await;
            store.connections.add_permits(1);
            result
        }
        Bug::CountsTheBoundary => {
            let (streams, required, mut unless) = append.into_parts();
            for unless in &mut unless {
                unless.after = Position::new(unless.after.get().saturating_sub(1));
            }
            inner.append(build(streams, required, unless)).await
        }
        _ => inner.append(append).await,
    }
}

/// Commits the first stream, or the first half of the only one, and then the rest.
async fn half_by_half(inner: &Backend, append: AppendRequest) -> Result<Receipt> {
    let (mut streams, required, unless) = append.into_parts();
    let mut rest = streams.clone();
    if streams.len() > 1 {
        rest.remove(0);
        streams.truncate(1);
    } else if streams[0].events.len() > 1 {
        let half = streams[0].events.len() / 2;
        rest[0].events.drain(..half);
        rest[0].expected = ExpectedVersion::Any;
        streams[0].events.truncate(half);
    } else {
        return inner.append(build(streams, required, unless)).await;
    }
    let begun = inner.append(build(streams, required, unless)).await?;
    yield_now().await;
    let mut receipt = inner.append(build(rest, Vec::new(), Vec::new())).await?;
    receipt.first = begun.first;
    Ok(receipt)
}

/// Commits one append per stream.
async fn stream_by_stream(inner: &Backend, append: AppendRequest) -> Result<Receipt> {
    let (streams, ..) = append.into_parts();
    let mut receipts = Vec::new();
    for stream in streams {
        let one = build(vec![stream], Vec::new(), Vec::new());
        receipts.push(inner.append(one).await?);
    }
    let mut receipt = receipts.remove(0);
    for next in receipts {
        receipt.last = next.last;
        receipt.versions.extend(next.versions);
    }
    Ok(receipt)
}

/// Takes a clash for a repetition.
async fn ignoring_content(inner: &Backend, append: AppendRequest) -> Result<Receipt> {
    let error = match inner.append(append).await {
        Err(error) if error.kind() == ErrorKind::IdempotencyClash => error,
        result => return result,
    };
    let clash = error.idempotency_clash().expect("details of the clash");
    let known = find(inner, clash.event).await.expect("the event is there");
    let log = inner.head().await?.log;
    let versions = vec![(known.stream.clone(), known.version)];
    let (at, when) = (known.position, known.recorded_at);
    Ok(Receipt::new(log, at, at, when, versions).as_replay())
}

pub(super) fn at_any_version(append: AppendRequest) -> AppendRequest {
    let (mut streams, required, unless) = append.into_parts();
    for write in &mut streams {
        write.expected = ExpectedVersion::Any;
    }
    build(streams, required, unless)
}

async fn at_seen_versions(inner: &Backend, append: AppendRequest) -> AppendRequest {
    let (mut streams, required, unless) = append.into_parts();
    for write in &mut streams {
        if write.expected == ExpectedVersion::Any {
            write.expected = ExpectedVersion::exactly(version(inner, &write.stream).await);
        }
    }
    build(streams, required, unless)
}

pub(super) fn under_new_ids(append: AppendRequest) -> AppendRequest {
    let (mut streams, ..) = append.into_parts();
    for write in &mut streams {
        write.expected = ExpectedVersion::Any;
        for event in &mut write.events {
            event.id = EventId::new();
        }
    }
    build(streams, Vec::new(), Vec::new())
}

pub(super) async fn check_versions(inner: &Backend, append: &AppendRequest) -> Result<()> {
    for write in append.streams() {
        let actual = version(inner, &write.stream).await;
        if !write.expected.admits(actual) {
            return Err(Conflict::new(write.stream.clone(), write.expected, actual).into());
        }
    }
    Ok(())
}

async fn check_conditions(
    inner: &Backend,
    append: &AppendRequest,
    tenants: TenantScope,
) -> Result<()> {
    for unless in append.unless() {
        let mut boundary = Read::all().matching(unless.query.clone()).after(unless.after);
        boundary.tenants = tenants.clone();
        if let Some(found) = first(inner, boundary).await {
            let query = unless.query.clone();
            return Err(ConditionFailed::new(query, unless.after, found.position).into());
        }
    }
    Ok(())
}

async fn version(inner: &Backend, stream: &StreamId) -> Option<Version> {
    let last = Read::stream(stream.clone()).backward().limit(1);
    first(inner, last).await.map(|event| event.version)
}

async fn find(inner: &Backend, id: EventId) -> Option<Recorded> {
    first(inner, Read::event(id)).await
}

async fn first(inner: &Backend, read: Read) -> Option<Recorded> {
    let pages: Vec<_> = inner.read(read).try_collect().await.unwrap();
    pages.into_iter().flatten().next()
}

fn build(
    streams: Vec<StreamAppend>,
    required: Vec<StreamExpectation>,
    unless: Vec<Unless>,
) -> AppendRequest {
    let mut streams = streams.into_iter();
    let first = streams.next().expect("an append writes a stream");
    let append = Append::to(first.stream, first.expected).events(first.events);
    let append = streams
        .fold(append, |append, next| append.and(next.stream, next.expected).events(next.events));
    let append = required
        .into_iter()
        .fold(append, |append, next| append.require(next.stream, next.expected));
    let append =
        unless.into_iter().fold(append, |append, next| append.unless(next.query, next.after));
    append.build().expect("parts of a request make a request")
}
