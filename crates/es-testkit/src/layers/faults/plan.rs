//! What is planned for one kind of call, and the news that it has happened.

use std::sync::Arc;

use tokio::sync::watch;

use super::When;

/// A fault that was planned, and how often it has happened.
///
/// Clones look at the same fault.
#[derive(Clone, Debug)]
pub struct Planned(Arc<watch::Sender<u64>>);

impl Planned {
    /// Returns once the fault has happened; at once if it has already.
    ///
    /// A call that hangs by plan tells it when it begins to hang: whatever was to be
    /// committed before is committed.
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    pub async fn reached(&self) {
        self.reached_times(1).await;
    }

    /// Returns once the fault has happened so many times.
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    pub async fn reached_times(&self, times: u64) {
        let mut count = self.0.subscribe();
        // The sender is in `self`, so it outlives the call.
        let _ = count.wait_for(|count| *count >= times).await;
    }

    /// How often the fault has happened so far.
    #[must_use]
    pub fn times(&self) -> u64 {
        *self.0.borrow()
    }

    fn tell(&self) {
        self.0.send_modify(|count| *count += 1);
    }
}

/// The faults of one kind of call.
#[derive(Debug)]
pub(super) struct Rules<T, F>(Vec<Rule<T, F>>);

#[derive(Debug)]
struct Rule<T, F> {
    when: When<T>,
    fault: F,
    /// How many calls there were that `when` admits.
    calls: u64,
    planned: Planned,
}

/// A fault that happens now.
pub(super) struct Due<F> {
    pub(super) fault: F,
    planned: Planned,
}

impl<T: 'static, F: Clone> Rules<T, F> {
    pub(super) fn add(&mut self, when: When<T>, fault: F) -> Planned {
        let planned = Planned(Arc::new(watch::Sender::new(0)));
        self.0.push(Rule { when, fault, calls: 0, planned: planned.clone() });
        planned
    }

    /// The fault of this call, if there is one. All rules count the call, also those that
    /// come too late for it.
    pub(super) fn due(&mut self, request: &T) -> Option<Due<F>> {
        let mut first = None;
        for rule in &mut self.0 {
            if rule.when.admits(request) {
                rule.calls += 1;
                if first.is_none() && rule.when.is_due(rule.calls) {
                    let (fault, planned) = (rule.fault.clone(), rule.planned.clone());
                    first = Some(Due { fault, planned });
                }
            }
        }
        first
    }
}

impl<F: Sync> Due<F> {
    /// Says that the fault has happened.
    pub(super) fn tell(&self) {
        self.planned.tell();
    }

    /// Says so, and never returns.
    pub(super) async fn hang<T>(&self) -> T {
        self.tell();
        std::future::pending().await
    }
}

impl<T, F> Default for Rules<T, F> {
    fn default() -> Self {
        Self(Vec::new())
    }
}
