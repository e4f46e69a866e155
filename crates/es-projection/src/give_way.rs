//! Letting another one through, where each of several has to claim before it can commit.
//!
//! *Hazard.* A claim fences whoever claimed before. Of two that claim anew as soon as they are
//! fenced, each does so while the other is between its claim and its commit, and is fenced by it
//! in turn: as one takes as long as the other, neither ever gets through.
//! *Mechanism.* Whoever was fenced waits before it claims again: for a random time, up to a
//! bound that begins at twice what its own attempt took and doubles each time.
//! *Why it is sound.* What is written is guarded by the fences alone. The other needs no longer
//! than this one's attempt took, give or take, so it gets through at the first pause with even
//! odds, and at each later one with better ones.
//! *Cost.* Whoever gives way to somebody who has gone away again waits for nothing, for five
//! seconds at most.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::policy::pause;

/// An attempt that was over sooner is taken to have lasted so long.
const LEAST: Duration = Duration::from_millis(1);

/// The longest pause. Who needs longer than that has committed much of it meanwhile.
const MOST: Duration = Duration::from_secs(5);

/// How often somebody else was let through, and when this one claimed again.
pub(crate) struct GiveWay {
    begun: Instant,
    times: u32,
}

impl GiveWay {
    /// The first attempt begins.
    pub(crate) fn new() -> Self {
        Self { begun: Instant::now(), times: 0 }
    }

    /// To be called when the attempt was fenced; the next one begins when it returns.
    pub(crate) async fn wait(&mut self) {
        self.times = self.times.saturating_add(1);
        let took = self.begun.elapsed().max(LEAST);
        sleep(pause(took.saturating_mul(2), MOST, self.times)).await;
        self.begun = Instant::now();
    }
}
