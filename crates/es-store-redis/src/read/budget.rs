//! How many events are asked for at a time, learnt from how large they are.

use std::sync::atomic::{AtomicU64, Ordering};

use super::item::Item;

/// Events in a later page at most.
const PAGE: u64 = 4_096;
/// Bytes of payload that a page is meant to have.
const PAGE_BYTES: u64 = 1 << 20;

/// How many events a page may have, learnt from how large they are.
pub(super) struct Budget(AtomicU64);

impl Budget {
    /// Before anything is known of them.
    pub(super) const fn of(first: u64) -> Self {
        Self(AtomicU64::new(first))
    }

    pub(super) fn events(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Learns from a page how large its events are, and gives their bytes.
    pub(super) fn learn(&self, page: &[impl Item]) -> u64 {
        if page.is_empty() {
            return 0;
        }
        let bytes: u64 =
            page.iter().map(|event| event.seen().payload.bytes().len() as u64 + 64).sum();
        let each = (bytes / page.len() as u64).max(1);
        let most = (self.events() * 8).min(PAGE);
        self.0.store((PAGE_BYTES / each).clamp(1, most), Ordering::Relaxed);
        bytes
    }
}
