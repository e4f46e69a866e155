//! The primitives that publication rests on. The models in `tests/it/model` have a module
//! of the same name with loom's in their place.

pub(super) use std::sync::{
    Mutex, MutexGuard, OnceLock,
    atomic::{AtomicU32, AtomicUsize, Ordering, fence},
};
