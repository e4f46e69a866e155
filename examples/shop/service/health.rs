//! How the service is, for machines: `GET /health` and `GET /metrics`.

use std::{
    collections::BTreeMap,
    fmt::Write,
    sync::{Mutex, PoisonError},
};

use axum::{
    Json,
    extract::{MatchedPath, Request, State},
    http::StatusCode,
    middleware::Next,
    response::Response,
};
use eventsource::Check;
use serde_json::{Value, json};

use crate::service::Shop;

/// 200 while the log can be asked and the list gets on; else 503.
pub(crate) async fn health(State(shop): State<Shop>) -> (StatusCode, Json<Value>) {
    let head = shop.store.head().await;
    let statuses = shop.running.statuses().await;
    let bus = of_bus(&shop).await;
    let bus_is_well = bus.iter().all(|check| !check.health.is_unhealthy() && !check.is_dead);
    let lists_are_well = statuses.iter().all(|status| !status.health.is_unhealthy());
    let is_well = head.is_ok() && lists_are_well && bus_is_well;
    let projections: Vec<_> = statuses
        .iter()
        .map(|status| {
            json!({
                "name": status.name,
                "state": status.state.to_string(),
                "health": status.health.to_string(),
                "position": status.position.get(),
                "parked": status.parked,
            })
        })
        .collect();
    let log = match &head {
        Ok(head) => json!({ "position": head.position.get() }),
        Err(error) => json!({ "error": error.to_string() }),
    };
    let status = if is_well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let report = json!({ "well": is_well, "log": log, "projections": projections, "bus": bus });
    (status, Json(report))
}

/// How relay and consumer are, where there is a bus.
async fn of_bus(shop: &Shop) -> Vec<Check> {
    match &shop.mails {
        Some(mails) => mails.health().await.into(),
        None => Vec::new(),
    }
}

/// How often each route has answered with what.
#[derive(Debug, Default)]
pub(crate) struct Answers(Mutex<BTreeMap<(String, String, u16), u64>>);

/// Counts each answer by its route, never by its path, so that orders do not become series.
pub(crate) async fn count(State(shop): State<Shop>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str);
    let (route, method) = (route.to_owned(), request.method().to_string());
    let response = next.run(request).await;
    let key = (route, method, response.status().as_u16());
    let mut answers = shop.answers.0.lock().unwrap_or_else(PoisonError::into_inner);
    *answers.entry(key).or_default() += 1;
    drop(answers);
    response
}

/// In the text format of Prometheus.
pub(crate) async fn metrics(State(shop): State<Shop>) -> String {
    let mut text = String::from("# TYPE shop_requests_total counter\n");
    let answers = shop.answers.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    for ((route, method, status), times) in answers {
        let labels = format!("route=\"{route}\",method=\"{method}\",status=\"{status}\"");
        let _ = writeln!(text, "shop_requests_total{{{labels}}} {times}");
    }
    if let Ok(head) = shop.store.head().await {
        let _ = writeln!(text, "# TYPE shop_log_position gauge");
        let _ = writeln!(text, "shop_log_position {}", head.position);
    }
    for status in shop.running.statuses().await {
        let labels = format!("projection=\"{}\"", status.name);
        let _ = writeln!(text, "shop_projection_parked{{{labels}}} {}", status.parked);
        // A lag that is not known is not written: it is not zero.
        if let Some(lag) = status.lag {
            let _ = writeln!(text, "shop_projection_lag_events{{{labels}}} {}", lag.events);
            let seconds = lag.time.as_secs_f64();
            let _ = writeln!(text, "shop_projection_lag_seconds{{{labels}}} {seconds}");
        }
    }
    for check in of_bus(&shop).await {
        if let Some(lag) = check.lag {
            let _ = writeln!(text, "shop_bus_lag_events{{part=\"{}\"}} {lag}", check.name);
        }
    }
    text
}
