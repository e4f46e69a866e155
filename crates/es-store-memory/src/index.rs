//! Which events a stream, a category, a tenant, a type or a tag has.

use std::{
    hash::Hash,
    sync::{Arc, OnceLock},
};

use es_core::{Category, EventType, StreamId, Tag, Tenant};
use papaya::HashMap;

use crate::publish::Postings;

/// Posting lists by what the events in them have in common. Lists are made under the
/// writer's lock, stay for ever, and are found and read without a lock.
pub(crate) struct Index {
    /// Entry `n` of a stream's list is its version `n + 1`.
    pub(crate) streams: Lists<StreamId>,
    pub(crate) labels: Lists<Label>,
    /// Where the events of streams without a tenant are. Unset as long as no stream has a
    /// tenant: then all events are, and most logs pay nothing for it.
    pub(crate) untenanted: OnceLock<Untenanted>,
}

/// What events of several streams may have in common.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum Label {
    /// Whoever the streams belong to.
    Category(Category),
    Type(EventType),
    Tag(Tag),
    Tenant(Tenant),
    CategoryOf(Box<(Tenant, Category)>),
}

/// The events of streams that belong to no tenant: all of them up to some position, and
/// those of a list behind it.
pub(crate) struct Untenanted {
    pub(crate) all_up_to: u32,
    pub(crate) behind: Arc<Postings>,
}

impl Index {
    pub(crate) fn new() -> Self {
        Self { streams: Lists::new(), labels: Lists::new(), untenanted: OnceLock::new() }
    }

    /// Notes that the event at `position` belongs to a tenant, or to none. For the one who
    /// holds the writer's lock.
    pub(crate) fn push_tenancy(&self, has_tenant: bool, position: u32) {
        if has_tenant {
            self.untenanted.get_or_init(|| Untenanted {
                all_up_to: position - 1,
                behind: Arc::new(Postings::new()),
            });
        } else if let Some(untenanted) = self.untenanted.get() {
            untenanted.behind.push(position);
        }
    }
}

/// Posting lists by key.
///
/// The hash is keyed (papaya's default is std's): streams, tags and tenants are named by
/// strangers, who could else choose names that collide.
pub(crate) struct Lists<K> {
    lists: HashMap<K, Arc<Postings>>,
}

impl<K: Clone + Eq + Hash> Lists<K> {
    fn new() -> Self {
        Self { lists: HashMap::new() }
    }

    /// The list of `key`, if any event was ever put there.
    pub(crate) fn get(&self, key: &K) -> Option<Arc<Postings>> {
        self.lists.pin().get(key).map(Arc::clone)
    }

    /// The list of `key`, which is replaced by the equal one that its list was made with:
    /// where names are compared often, one pointer then tells.
    pub(crate) fn intern(&self, key: &mut K) -> Option<Arc<Postings>> {
        let lists = self.lists.pin();
        let (known, list) = lists.get_key_value(key)?;
        key.clone_from(known);
        Some(Arc::clone(list))
    }

    /// The place of `key`, with its list if that is known.
    ///
    /// Then `key` is replaced by the equal one that the list was made with: names are
    /// shared pointers, so that all events of a stream hold one copy of its name, however
    /// often it was spelt out.
    pub(crate) fn slot(&self, mut key: K) -> Slot<K> {
        let lists = self.lists.pin();
        let known = lists.get_key_value(&key);
        let list = known.map(|(known, list)| {
            key.clone_from(known);
            Arc::clone(list)
        });
        Slot { key, list }
    }

    /// The list of `slot` as it is now, if there is one.
    pub(crate) fn look_up<'a>(&self, slot: &'a mut Slot<K>) -> Option<&'a Postings> {
        if slot.list.is_none() {
            slot.list = self.get(&slot.key);
        }
        slot.list.as_deref()
    }

    /// The list of `slot`, made if need be. For the one who holds the writer's lock.
    pub(crate) fn make<'a>(&self, slot: &'a mut Slot<K>) -> &'a Postings {
        slot.list.get_or_insert_with(|| {
            let lists = self.lists.pin();
            let key = slot.key.clone();
            Arc::clone(lists.get_or_insert_with(key, || Arc::new(Postings::new())))
        })
    }
}

/// A key whose list is looked up before the writer's lock is taken. A list that was found
/// stays; one that was not may have been made meanwhile.
pub(crate) struct Slot<K> {
    pub(crate) key: K,
    list: Option<Arc<Postings>>,
}
