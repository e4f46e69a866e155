//! What goes wrong, as an answer.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use eventsource::{ErrorKind, Version, WaitError};
use serde_json::json;

/// An answer that is no success.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    message: String,
    /// What the order is at, where that is what the caller must know.
    version: Option<Version>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), version: None }
    }

    /// The order has changed since the caller looked at it.
    pub(crate) fn changed(now: Option<Version>) -> Self {
        let message = match now {
            Some(version) => format!("the order is at version {version} by now"),
            None => "there is no such order".to_owned(),
        };
        Self { version: now, ..Self::new(StatusCode::PRECONDITION_FAILED, message) }
    }
}

impl From<eventsource::Error> for Problem {
    fn from(error: eventsource::Error) -> Self {
        let status = match error.kind() {
            ErrorKind::Conflict => return Self::changed(error.conflict().and_then(|c| c.actual)),
            ErrorKind::NotFound => StatusCode::NOT_FOUND,
            ErrorKind::Invalid => StatusCode::BAD_REQUEST,
            // The key was used for another request.
            ErrorKind::IdempotencyClash => StatusCode::UNPROCESSABLE_ENTITY,
            ErrorKind::Busy | ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            // Asking again with the same key settles it.
            ErrorKind::OutcomeUnknown => StatusCode::GATEWAY_TIMEOUT,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, error.to_string())
    }
}

impl From<WaitError> for Problem {
    fn from(error: WaitError) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(json!({ "error": self.message }))).into_response();
        let headers = response.headers_mut();
        if let Some(version) = self.version {
            headers.insert(header::ETAG, etag(version));
        }
        if matches!(self.status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// The version of an order as HTTP says it.
pub(crate) fn etag(version: Version) -> HeaderValue {
    let text = format!("\"{version}\"");
    // A number in quotes is always one.
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("\"\""))
}
