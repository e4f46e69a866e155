//! How long to wait before deciding or sending again.

use std::{panic::catch_unwind, time::Duration};

use tokio::{runtime::Handle, task::yield_now, time::Sleep};

const BASE: Duration = Duration::from_millis(1);
const CAP: Duration = Duration::from_millis(100);

/// Waits before attempt number `attempt` (from 1): a random time up to a bound that doubles
/// each time ("full jitter", Marc Brooker, "Exponential Backoff and Jitter", 2015). Random,
/// because writers that lost to the same winner would otherwise meet again.
///
/// Where there is no timer it lets others run once, and that is all.
pub(super) async fn pause(attempt: u32) {
    let bound = BASE.saturating_mul(1 << attempt.saturating_sub(1).min(10)).min(CAP);
    let micros = u64::try_from(bound.as_micros()).unwrap_or(u64::MAX);
    match sleep(Duration::from_micros(fastrand::u64(0..=micros))) {
        Some(sleep) => sleep.await,
        None => yield_now().await,
    }
}

fn sleep(time: Duration) -> Option<Sleep> {
    Handle::try_current().ok()?;
    // Whether a runtime has a timer it tells by a panic only.
    catch_unwind(|| tokio::time::sleep(time)).ok()
}
