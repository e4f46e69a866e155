//! Reads with a bug.

use std::sync::Arc;

use es_core::{
    BareEvent, ContentType, Direction, Envelope, EventStore, FoldPage, FoldStream, PageStream,
    Payload, Position, Query, Read, Receipt, Recorded, TenantScope,
};
use futures_util::{StreamExt, TryStreamExt, stream};

use super::bugs::{Broken, Bug};

pub(super) fn read_to_fold(store: &Broken, wanted: Read) -> FoldStream {
    let pages = read(store, wanted);
    if store.bug != Bug::FoldsTheWrongBytes {
        return pages.map_ok(FoldPage::Recorded).boxed();
    }
    let mut last = Payload::new(ContentType::BINARY, Vec::new()).unwrap();
    let bare = move |page: Vec<Recorded>| {
        let event = |event: &Recorded| {
            let payload = event.payload.with_bytes(last.bytes().clone());
            last = event.payload.clone();
            BareEvent::new(event.id, event.version, event.position, event.schema.clone(), payload)
        };
        FoldPage::Bare(page.iter().map(event).collect())
    };
    pages.map_ok(bare).boxed()
}

pub(super) fn read(store: &Broken, mut read: Read) -> PageStream {
    match store.bug {
        Bug::SkipsPositions => {
            let hidden = store.hidden.lock().unwrap().clone();
            keep(store, read, move |event| {
                let is_in =
                    |(first, last, _): &(_, _, _)| (*first..=*last).contains(&event.position);
                !hidden.iter().any(is_in)
            })
        }
        Bug::DropsUndecodableEvents => keep(store, read, |event| {
            // As a reader that maps rows and leaves out those that do not map.
            event.payload.to_json::<i64>().is_ok()
        }),
        Bug::ReadsEverythingAtOnce => {
            let pages = store.inner.read(read).try_concat();
            stream::once(pages).boxed()
        }
        Bug::ChasesTheHead if read.direction == Direction::Forward => chase(store, read),
        Bug::LimitsBeforeItTurns if read.direction == Direction::Backward => {
            read.direction = Direction::Forward;
            let pages = store.inner.read(read).try_concat();
            stream::once(pages)
                .map_ok(|mut events: Vec<Recorded>| {
                    events.reverse();
                    events
                })
                .boxed()
        }
        Bug::LimitsBeforeItFilters => {
            let mut unfiltered = Read::all().all_tenants();
            unfiltered.direction = read.direction;
            unfiltered.limit = read.limit;
            keep(store, unfiltered, move |event| read.covers(event))
        }
        Bug::StartsAtTheBound => {
            let before = |after: Position| Position::new(after.get().saturating_sub(1));
            read.after = read.after.map(before);
            store.inner.read(read)
        }
        Bug::ReformatsJson => {
            let reformat = |page: Vec<Recorded>| page.into_iter().map(reformat).collect();
            store.inner.read(read).map_ok(reformat).boxed()
        }
        Bug::TakesNothingForEverything => {
            if read.query.items().is_empty() {
                read.query = Query::any();
            }
            store.inner.read(read)
        }
        Bug::MergesTenants => {
            read.tenants = TenantScope::All;
            store.inner.read(read)
        }
        _ => store.inner.read(read),
    }
}

/// Hides every fourth append until two more have come, and reveals what is due.
pub(super) fn hide(store: &Broken, receipt: &Receipt) {
    if store.bug != Bug::SkipsPositions {
        return;
    }
    let mut hidden = store.hidden.lock().unwrap();
    hidden.retain_mut(|(_, _, left)| {
        *left -= 1;
        *left > 0
    });
    if store.appends.lock().unwrap().len().is_multiple_of(4) {
        hidden.push((receipt.first, receipt.last, 2));
    }
}

fn keep(
    store: &Broken,
    read: Read,
    keeps: impl Fn(&Envelope) -> bool + Send + 'static,
) -> PageStream {
    let filter = move |mut page: Vec<Recorded>| {
        page.retain(|event| keeps(event));
        page
    };
    store.inner.read(read).map_ok(filter).boxed()
}

/// Page after page, each as of its own moment, until one is empty.
fn chase(store: &Broken, read: Read) -> PageStream {
    let inner = Arc::clone(&store.inner);
    stream::try_unfold(read, move |read| {
        let inner = Arc::clone(&inner);
        async move {
            let page = inner.read(read.clone().limit(500)).try_concat().await?;
            Ok(page.last().map(|last| last.position).map(|last| (page, read.after(last))))
        }
    })
    .boxed()
}

fn reformat(event: Recorded) -> Recorded {
    let Ok(value) = event.payload.to_json::<serde_json::Value>() else {
        return event;
    };
    let mut envelope = Envelope::clone(event.envelope());
    envelope.payload = Payload::stored(ContentType::JSON, value.to_string().into());
    envelope.into()
}
