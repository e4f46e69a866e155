//! Spans of what a server is asked, at level debug: off unless a subscriber wants them, and then
//! not even their names are made.
//!
//! The names of the fields are those that OpenTelemetry has for calls of databases.

use tracing::{Span, field::Empty};

use crate::{Command, Error};

/// A span for these commands, which are sent together.
pub(crate) fn call(commands: &[Command], place: &str) -> Span {
    let first = || commands.first().map_or("PIPELINE", |command| command.name);
    let script = || commands.first().and_then(|command| command.script.as_ref());
    let server = || server(place);
    tracing::debug_span!(
        "es.db",
        otel.name = format!("{} redis", first()),
        otel.kind = "client",
        otel.status_code = Empty,
        db.system.name = "redis",
        db.operation.name = first(),
        db.operation.batch.size = (commands.len() > 1).then_some(signed(commands.len())),
        db.stored_procedure.name = script().map(|script| String::from_utf8_lossy(script.digest()).into_owned()),
        server.address = server().0,
        server.port = server().1,
        error.type = Empty,
    )
}

/// Notes that it failed. A script that the server does not know yet is sent whole, and is no error.
pub(crate) fn failed(span: &Span, error: &Error) {
    if !span.is_disabled() && !error.is_refused_as("NOSCRIPT") {
        span.record("otel.status_code", "ERROR");
        span.record("error.type", error.word());
    }
}

/// OpenTelemetry has signed numbers only; what is none becomes text on the way there.
fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Host and port of the first server of a place: `redis://host:6379/0`.
fn server(place: &str) -> (&str, Option<i64>) {
    let hosts = place.split_once("://").map_or(place, |(_, rest)| rest);
    let first = hosts.split([',', '/']).next().unwrap_or_default();
    match first.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok()),
        None => (first, None),
    }
}
