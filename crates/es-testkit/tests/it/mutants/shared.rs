//! Handles on one log that keep something to themselves, and the cases that must notice.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use es_core::{
    AppendRequest, Backend, Capabilities, Conflict, Durability, EventId, EventStore, Head,
    PageStream, Position, Read, Receipt, Result, Store, StreamId, Version,
};
use es_testkit::shared::{checked_across, racing, seen_across};
use tokio::{sync::Notify, task::yield_now};

use super::{
    super::naive::Naive,
    append::{at_any_version, check_versions, under_new_ids},
    caught::{fails, passes},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bug {
    None,
    /// It reads up to the last append of its own.
    ReadsItsOwn,
    /// It is woken by appends of its own.
    WakesItsOwn,
    /// It keeps versions in a cache, and believes it.
    BelievesItsCache,
    /// It has a lock of its own, and checks before it writes.
    LocksItsOwn,
    /// It knows the event ids of its own appends.
    KnowsItsOwnIds,
}

/// One test per line: its name, the bug, and the cases that must notice it.
macro_rules! noticed {
    ($($name:ident: $bug:ident by $($case:path),+;)+) => {$(
        #[test]
        fn $name() {
            $(
                passes($case(handles(Bug::None)));
                fails($case(handles(Bug::$bug)));
            )+
        }
    )+};
}

noticed! {
    own_appends: ReadsItsOwn by
        seen_across::an_append_is_read_through_the_other,
        racing::no_reader_of_either_skips;
    own_wake_ups: WakesItsOwn by
        seen_across::an_append_is_awaited_through_the_other,
        seen_across::an_append_is_followed_through_the_other;
    own_versions: BelievesItsCache by
        checked_across::a_conflict_names_what_the_other_wrote,
        checked_across::exact_versions_in_turns_never_conflict;
    own_lock: LocksItsOwn by
        racing::one_wins_each_exact_version;
    own_ids: KnowsItsOwnIds by
        checked_across::a_replay_is_known_to_the_other,
        racing::of_identical_appends_one_writes;
}

/// Every case passes on the naive store, and declines where nothing is shared.
mod plain {
    use super::{Bug, handles};

    es_testkit::shared_contract_tests!(handles = || async { handles(Bug::None) });
}

/// Two handles on one naive log.
fn handles(bug: Bug) -> [Store; 2] {
    let log: Backend = Arc::new(Naive::new());
    [(); 2].map(|()| Store::new(Broken::new(Arc::clone(&log), bug)))
}

#[derive(Debug)]
struct Broken {
    inner: Backend,
    bug: Bug,
    own: Mutex<Own>,
    grown: Notify,
    lock: tokio::sync::Mutex<()>,
}

/// What a handle remembers of its own appends.
#[derive(Debug, Default)]
struct Own {
    last: Option<Position>,
    versions: HashMap<StreamId, Version>,
    ids: HashSet<EventId>,
}

impl Broken {
    fn new(inner: Backend, bug: Bug) -> Self {
        let (own, grown, lock) = Default::default();
        Self { inner, bug, own, grown, lock }
    }

    fn check_against_the_cache(&self, append: &AppendRequest) -> Result<()> {
        let own = self.own.lock().unwrap();
        for write in append.streams() {
            let known = own.versions.get(&write.stream).copied();
            if known.is_some() && !write.expected.admits(known) {
                return Err(Conflict::new(write.stream.clone(), write.expected, known).into());
            }
        }
        Ok(())
    }

    fn remember(&self, receipt: &Receipt, ids: Vec<EventId>) {
        let mut own = self.own.lock().unwrap();
        own.last = own.last.max(Some(receipt.last));
        own.versions.extend(receipt.versions.iter().cloned());
        own.ids.extend(ids);
    }
}

#[async_trait]
impl EventStore for Broken {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities().with_shared(true)
    }

    async fn append(&self, mut append: AppendRequest) -> Result<Receipt> {
        let events = append.streams().iter().flat_map(|write| &write.events);
        let ids: Vec<_> = events.map(|event| event.id).collect();
        yield_now().await;
        match self.bug {
            Bug::BelievesItsCache => self.check_against_the_cache(&append)?,
            Bug::LocksItsOwn => {
                let locked = self.lock.lock().await;
                check_versions(&self.inner, &append).await?;
                yield_now().await;
                append = at_any_version(append);
                drop(locked);
            }
            Bug::KnowsItsOwnIds => {
                let mut known = false;
                for id in &ids {
                    known |= self.own.lock().unwrap().ids.contains(id);
                }
                let replay = self.inner.append(append.clone()).await?;
                if replay.replayed && !known {
                    append = under_new_ids(append);
                }
            }
            _ => {}
        }
        let receipt = self.inner.append(append).await?;
        self.remember(&receipt, ids);
        self.grown.notify_waiters();
        Ok(receipt)
    }

    fn read(&self, mut read: Read) -> PageStream {
        if self.bug == Bug::ReadsItsOwn {
            let last = self.own.lock().unwrap().last.unwrap_or(Position::START);
            read.until = Some(read.until.map_or(last, |until| until.min(last)));
        }
        self.inner.read(read)
    }

    async fn head(&self) -> Result<Head> {
        self.inner.head().await
    }

    async fn wait(&self, after: Position) -> Result<Head> {
        if self.bug != Bug::WakesItsOwn {
            return self.inner.wait(after).await;
        }
        loop {
            let listening = self.grown.notified();
            let head = self.inner.head().await?;
            if head.position > after {
                return Ok(head);
            }
            listening.await;
        }
    }

    async fn durability(&self) -> Result<Durability> {
        self.inner.durability().await
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "one of two handles on {} that {:?}", self.inner, self.bug)
    }
}
