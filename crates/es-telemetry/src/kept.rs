//! Attributes that are made once for each name, and looked up from then on.

use std::{
    collections::HashMap,
    fmt,
    hash::Hash,
    sync::{Arc, PoisonError, RwLock},
};

/// How many names are kept. Who has more of them uses a category as a key; then each call
/// makes its attributes anew, and memory stays bounded.
const MOST: usize = 1_000;

/// What was made for each name.
pub(crate) struct Kept<K, V>(RwLock<HashMap<K, Arc<V>>>);

impl<K: Hash + Eq + Clone, V> Kept<K, V> {
    /// What was made for `key`, made now if need be.
    pub(crate) fn get(&self, key: &K, make: impl FnOnce(&K) -> V) -> Arc<V> {
        let kept = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = kept.get(key) {
            return Arc::clone(value);
        }
        let is_full = kept.len() >= MOST;
        drop(kept);
        let value = Arc::new(make(key));
        if !is_full {
            let mut kept = self.0.write().unwrap_or_else(PoisonError::into_inner);
            kept.insert(key.clone(), Arc::clone(&value));
        }
        value
    }
}

impl<K, V> Default for Kept<K, V> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<K, V> fmt::Debug for Kept<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.read().unwrap_or_else(PoisonError::into_inner).len();
        f.debug_tuple("Kept").field(&count).finish()
    }
}
