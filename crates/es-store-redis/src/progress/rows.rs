//! The names of the keys of a read model: all in one slot.

use es_core::SubscriberName;

/// The names of the keys of one read model.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    /// With the hash tag that puts them all in one slot.
    prefix: String,
}

/// The keys of one subscriber.
pub(super) struct SubscriberKeys {
    pub(super) checkpoint: String,
    pub(super) parked: String,
    pub(super) skipped: String,
}

impl Keys {
    pub(super) fn new(name: &str) -> Self {
        Self { prefix: format!("{{{name}:model}}") }
    }

    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The key of a row.
    pub(super) fn row(&self, key: &str) -> String {
        format!("{}:row:{key}", self.prefix)
    }

    pub(super) fn of(&self, name: &SubscriberName) -> SubscriberKeys {
        let key = |what| format!("{}:{what}:{name}", self.prefix);
        let (checkpoint, parked, skipped) = (key("checkpoint"), key("parked"), key("skipped"));
        SubscriberKeys { checkpoint, parked, skipped }
    }
}

impl SubscriberKeys {
    pub(super) fn all(&self) -> [&String; 3] {
        [&self.checkpoint, &self.parked, &self.skipped]
    }
}
