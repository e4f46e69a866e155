//! Whether a store answers, for programs without a runner.

use std::time::Duration;

use es_core::{Check, Health, Store};

/// Asks `store` where its log ends, and says whether it answered `within` that time. For a
/// [`HealthReport`](es_core::HealthReport) of a program that has no runner; a runner looks at its log itself.
///
/// ```
/// use std::time::Duration;
///
/// use es_core::{HealthReport, Store};
/// use es_store_memory::MemoryStore;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let store = Store::new(MemoryStore::new());
/// let check = es_telemetry::check("log", &store, Duration::from_secs(1)).await;
/// assert!(HealthReport::new(vec![check]).is_ready());
/// # }
/// ```
///
/// # Cancel safety
/// Safe: it changes nothing.
pub async fn check(name: &str, store: &Store, within: Duration) -> Check {
    // No clock reaches further than a year.
    let within = within.min(Duration::from_secs(365 * 24 * 60 * 60));
    let (health, position) = match tokio::time::timeout(within, store.head()).await {
        Ok(Ok(head)) => (Health::Healthy, Some(head.position)),
        Ok(Err(error)) => (Health::Unhealthy(error.to_string()), None),
        Err(_) => (Health::Unhealthy(format!("it did not answer within {within:?}")), None),
    };
    let mut check = Check::new(name, health);
    check.position = position;
    check
}
