//! Which slices a worker may work on here, and when it is to leave the one that it has.
//!
//! *Hazard.* A worker whose task is ended as it is would stay counted, and nobody in this
//! process could ever work on its slice again.
//! *Mechanism.* Each knows whether it is counted, and takes that back when it is dropped.

use std::sync::Arc;

use super::Worker;
use crate::{
    board::Order,
    slices::{Share, Slice},
};

impl Worker {
    /// Whether the slice may be worked on here, as far as the part of this process goes.
    pub(super) fn takes(&mut self) -> bool {
        match (&self.share, self.job.slice) {
            (Some(share), Some(slice)) => {
                self.is_counted = self.is_counted || share.take(slice.index());
                self.is_counted
            }
            _ => true,
        }
    }

    /// Makes room for another slice, if this one is counted.
    pub(super) fn give_back(&mut self) {
        if let (Some(share), Some(slice)) = (&self.share, self.job.slice)
            && std::mem::take(&mut self.is_counted)
        {
            share.give_back(slice.index());
        }
    }

    /// Whether what is in hand is to be left: it is asked to pause or to stop, or another process
    /// is to have this slice.
    pub(super) fn is_to_leave(&self) -> bool {
        let is_too_much = match (&self.share, self.job.slice) {
            (Some(share), Some(slice)) => share.has_too_much(slice.index()),
            _ => false,
        };
        is_too_much || *self.orders.borrow() != Order::Run
    }
}

/// One whose task is ended as it is makes room as well.
impl Drop for Worker {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// Returns when this process holds more than its part, and this slice is to be given up.
pub(super) async fn excess(share: Option<Arc<Share>>, slice: Option<Slice>) {
    match (share, slice) {
        (Some(share), Some(slice)) => share.is_too_much(slice.index()).await,
        _ => std::future::pending().await,
    }
}
