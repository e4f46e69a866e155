//! The few names that one history is about. Few, so that its operations meet each other.

use es_core::{Category, EventType, Key, StreamId, Tag, Tenant};
use proptest::{
    array::{uniform2, uniform3, uniform4},
    prop_oneof,
    strategy::{Just, Strategy},
};

use super::operation::{StreamAt, Whose};
use crate::strategies;

/// The names that one history is about. Two of them may be the same.
#[derive(Clone, Debug)]
pub(super) struct Names {
    pub(super) tenants: [Tenant; 2],
    pub(super) categories: [Category; 2],
    pub(super) keys: [Key; 3],
    pub(super) types: [EventType; 3],
    pub(super) tags: [Tag; 4],
}

impl Names {
    pub(super) fn tenant(&self, at: u8) -> &Tenant {
        at_or_first(&self.tenants, at)
    }

    pub(super) fn category(&self, at: u8) -> &Category {
        at_or_first(&self.categories, at)
    }

    pub(super) fn event_type(&self, at: u8) -> &EventType {
        at_or_first(&self.types, at)
    }

    pub(super) fn tag(&self, at: u8) -> &Tag {
        at_or_first(&self.tags, at)
    }

    pub(super) fn stream(&self, at: StreamAt, whose: Whose) -> StreamId {
        let key = at_or_first(&self.keys, at.key).clone();
        let stream = StreamId::of(self.category(at.category).clone(), key);
        match whose.tenant {
            Some(tenant) => stream.with_tenant(self.tenant(tenant).clone()),
            None => stream,
        }
    }
}

fn at_or_first<T>(names: &[T], at: u8) -> &T {
    names.get(usize::from(at)).unwrap_or(&names[0])
}

/// Plain names, names that a careless comparison takes for each other, or any at all.
pub(super) fn names() -> impl Strategy<Value = Names> {
    let plain = Names {
        tenants: ["acme", "umbrella"].map(|name| name.parse().unwrap()),
        categories: ["account", "order"].map(|name| name.parse().unwrap()),
        keys: ["a", "b", "c"].map(|key| Key::new(key).unwrap()),
        types: ["opened", "noted", "closed"].map(|name| name.parse().unwrap()),
        tags: ["x:1", "x:2", "y:1", "y:2"].map(|tag| tag.parse().unwrap()),
    };
    // Equal but for case, a prefix, a wildcard or the form of an accent.
    let alike = Names {
        tenants: ["acme", "Acme"].map(|name| name.parse().unwrap()),
        categories: ["account", "account-b"].map(|name| name.parse().unwrap()),
        keys: ["é", "e\u{301}", "É%"].map(|key| Key::new(key).unwrap()),
        types: ["noted", "Noted", "noted.2"].map(|name| name.parse().unwrap()),
        tags: ["k:v", "k:V", "k:v:w", "k:v "].map(|tag| tag.parse().unwrap()),
    };
    prop_oneof![4 => Just(plain), 3 => Just(alike), 1 => any()]
}

fn any() -> impl Strategy<Value = Names> {
    let streams = (
        uniform2(strategies::tenant()),
        uniform2(strategies::category()),
        uniform3(strategies::key()),
    );
    (streams, uniform3(strategies::event_type()), uniform4(strategies::tag())).prop_map(
        |((tenants, categories, keys), types, tags)| Names {
            tenants,
            categories,
            keys,
            types,
            tags,
        },
    )
}
