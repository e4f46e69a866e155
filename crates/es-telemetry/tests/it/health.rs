//! A store that does not answer is not well.

use std::time::Duration;

use es_core::{ErrorKind, HealthReport, Store};
use es_store_memory::MemoryStore;
use es_telemetry::check;
use es_testkit::{Faults, HeadFault, When};

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_or_is_silent_is_unhealthy() {
    let faults = Faults::new();
    let store = Store::new(MemoryStore::new()).layer(&faults);
    let within = Duration::from_secs(1);
    let well = check("log", &store, within).await;
    assert_eq!(well.position.unwrap().get(), 0);
    assert!(HealthReport::new(vec![well]).is_ready());
    faults.on_head(When::always(), HeadFault::fail(ErrorKind::Unavailable));
    let ill = check("log", &store, Duration::MAX).await;
    assert!(ill.health.is_unhealthy() && ill.position.is_none());
    faults.clear();
    faults.on_head(When::always(), HeadFault::hang());
    let silent = check("log", &store, within).await;
    assert_eq!(silent.health.reason(), Some("it did not answer within 1s"));
    let report = HealthReport::new(vec![silent]);
    assert!(report.is_live() && !report.is_ready());
}
