//! What follows from single checks for the whole.

use super::{Check, Health, HealthReport};

fn unhealthy() -> Health {
    Health::Unhealthy("why".to_owned())
}

#[test]
fn what_nobody_looked_at_is_not_ready() {
    let report = HealthReport::default();
    assert!(report.is_live());
    assert!(!report.is_ready());
}

#[test]
fn one_unhealthy_part_makes_it_not_ready_and_a_dead_one_not_live() {
    let well = Check::new("log", Health::Healthy);
    let tired = Check::new("tired", Health::Degraded("retrying".to_owned()));
    let report = HealthReport::new(vec![well, tired]);
    assert!(report.is_live() && report.is_ready());
    assert_eq!(report.status(), 200);

    let ill = report.clone().with([Check::new("ill", unhealthy())]);
    assert!(ill.is_live() && !ill.is_ready());
    assert_eq!(ill.status(), 503);

    let mut dead = Check::new("dead", Health::Healthy);
    dead.is_dead = true;
    let report = report.with([dead]);
    assert!(!report.is_live() && !report.is_ready());
}

#[test]
fn what_is_not_known_is_null_and_never_zero() {
    let report = HealthReport::new(vec![Check::new("orders-v1", unhealthy())]);
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["live"], true);
    assert_eq!(json["ready"], false);
    let check = &json["checks"][0];
    assert_eq!(check["health"], "unhealthy");
    assert_eq!(check["reason"], "why");
    assert!(check["lag_events"].is_null() && check["lag_seconds"].is_null());
}
