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
    /// Whoever the streams belong to.
    pub(crate) categories: Lists<Category>,
    pub(crate) types: Lists<EventType>,
    pub(crate) tags: Lists<Tag>,
    pub(crate) tenants: Lists<Tenant>,
    pub(crate) tenant_categories: Lists<(Tenant, Category)>,
    /// Where the events of streams without a tenant are. Unset as long as no stream has a
    /// tenant: then all events are, and most logs pay nothing for it.
    pub(crate) untenanted: OnceLock<Untenanted>,
}

/// The events of streams that belong to no tenant: all of them up to some position, and
/// those of a list behind it.
pub(crate) struct Untenanted {
    pub(crate) all_up_to: u32,
    pub(crate) behind: Arc<Postings>,
}

impl Index {
    pub(crate) fn new() -> Self {
        Self {
            streams: Lists::new(),
            categories: Lists::new(),
            types: Lists::new(),
            tags: Lists::new(),
            tenants: Lists::new(),
            tenant_categories: Lists::new(),
            untenanted: OnceLock::new(),
        }
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
        Self {
            lists: HashMap::new(),
        }
    }

    /// The list of `key`, if any event was ever put there.
    pub(crate) fn get(&self, key: &K) -> Option<Arc<Postings>> {
        self.lists.pin().get(key).map(Arc::clone)
    }

    /// The list of `key`, or the wish for it.
    ///
    /// If the list is known, `key` is replaced by the equal key that it was made with:
    /// names are shared pointers, so all events of a stream then hold one copy of its name,
    /// whoever spelt it out again.
    pub(crate) fn slot(&self, key: &mut K) -> Slot<K> {
        match self.lists.pin().get_key_value(key) {
            Some((known, list)) => {
                key.clone_from(known);
                Slot::Known(Arc::clone(list))
            }
            None => Slot::Wanted(key.clone()),
        }
    }

    /// The list of `slot` as it is now, if there is one.
    pub(crate) fn look_up<'a>(&self, slot: &'a mut Slot<K>) -> Option<&'a Postings> {
        if let Slot::Wanted(key) = slot
            && let Some(list) = self.get(key)
        {
            *slot = Slot::Known(list);
        }
        match slot {
            Slot::Known(list) => Some(list),
            Slot::Wanted(_) => None,
        }
    }

    /// Adds `position` to the list of `slot`, which is made if need be. For the one who
    /// holds the writer's lock.
    pub(crate) fn push(&self, slot: Slot<K>, position: u32) {
        match slot {
            Slot::Known(list) => list.push(position),
            Slot::Wanted(key) => {
                let lists = self.lists.pin();
                let list = lists.get_or_insert_with(key, || Arc::new(Postings::new()));
                list.push(position);
            }
        }
    }
}

/// A list that was looked up before the writer's lock was taken: the list itself, which
/// stays, or the key of one that was not there yet.
pub(crate) enum Slot<K> {
    Known(Arc<Postings>),
    Wanted(K),
}
