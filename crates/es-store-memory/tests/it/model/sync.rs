//! Loom's primitives under the names that `src/publish/sync.rs` gives to std's.

pub(super) use loom::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicU32, AtomicUsize, Ordering, fence},
};

use loom::sync::atomic::AtomicBool;

/// A cell that is set once, by whoever holds the writer's lock, and seen as late as the
/// memory model allows.
pub(super) struct OnceLock<T> {
    is_set: AtomicBool,
    value: std::sync::OnceLock<T>,
}

impl<T> OnceLock<T> {
    pub(super) fn new() -> Self {
        Self { is_set: AtomicBool::new(false), value: std::sync::OnceLock::new() }
    }

    pub(super) fn get(&self) -> Option<&T> {
        let is_set = self.is_set.load(Ordering::Acquire);
        is_set.then(|| self.value.get().unwrap())
    }

    pub(super) fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        if self.value.get().is_none() {
            let _ = self.value.set(make());
            self.is_set.store(true, Ordering::Release);
        }
        self.value.get().unwrap()
    }
}
