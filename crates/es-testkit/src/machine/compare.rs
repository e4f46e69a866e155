//! What was expected, what came, and how the two differ.

use std::{fmt::Write, sync::Arc};

use es_core::{Envelope, Error, Recorded, Result};

use super::{draft::shown, model::Answer};
use crate::sample::Folded;

/// An answer that is not the one that must come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Mismatch {
    pub(super) expected: String,
    pub(super) came: String,
}

impl Mismatch {
    pub(super) fn new(expected: impl Into<String>, came: impl Into<String>) -> Self {
        Self { expected: expected.into(), came: came.into() }
    }
}

/// Compares what a read has yielded with what it must yield.
pub(super) fn compare_read(answer: &Answer, came: &Result<Vec<Recorded>>) -> Result<(), Mismatch> {
    match (answer, came) {
        (Answer::Events(expected), Ok(came)) => compare_events(expected, came),
        (Answer::Refused(kind), Err(error)) if error.kind() == *kind => Ok(()),
        (Answer::Refused(kind), Ok(came)) => {
            Err(Mismatch::new(format!("refused: {kind}"), list(came.iter().map(|e| e.envelope()))))
        }
        (Answer::Refused(kind), Err(error)) => {
            Err(Mismatch::new(format!("refused: {kind}"), failed(error)))
        }
        (Answer::Events(expected), Err(error)) => Err(Mismatch::new(list(expected), failed(error))),
    }
}

/// Compares what a fold was given with what the same read has yielded.
pub(super) fn compare_fold(
    read: &Result<Vec<Recorded>>,
    given: &Result<Vec<Folded>>,
) -> Result<(), Mismatch> {
    let show = |events: &[Folded]| {
        let all: Vec<_> = events.iter().map(Folded::to_string).collect();
        format!(
            "a fold is given {}",
            if all.is_empty() { "nothing".into() } else { all.join(", ") }
        )
    };
    let refused = |error: &Error| format!("a fold fails: {}", error.kind());
    let expected = match read {
        Ok(events) => Ok(events.iter().map(|event| Folded::from(&**event)).collect::<Vec<_>>()),
        Err(error) => Err(error),
    };
    match (&expected, given) {
        (Ok(expected), Ok(given)) if expected == given => Ok(()),
        (Err(expected), Err(given)) if expected.kind() == given.kind() => Ok(()),
        (expected, given) => Err(Mismatch::new(
            expected.as_deref().map_or_else(|error| refused(error), show),
            given.as_deref().map_or_else(refused, show),
        )),
    }
}

/// Compares events in full and in order.
pub(super) fn compare_events(
    expected: &[Arc<Envelope>],
    came: &[Recorded],
) -> Result<(), Mismatch> {
    let is_same = expected.len() == came.len()
        && expected.iter().zip(came).all(|(expected, came)| **expected == **came.envelope());
    if is_same {
        return Ok(());
    }
    let mut mismatch =
        Mismatch::new(list(expected), list(came.iter().map(|event| event.envelope())));
    if mismatch.expected == mismatch.came {
        // The same events at the same places, so it is in what they hold.
        let mut pairs = expected.iter().zip(came);
        if let Some((expected, came)) = pairs.find(|(one, two)| ***one != **two.envelope()) {
            mismatch = difference(expected, came.envelope());
        }
    }
    Err(mismatch)
}

pub(super) fn failed(error: &Error) -> String {
    format!("{}: {error}", error.kind())
}

/// Events by their names and places.
pub(super) fn list<'a>(events: impl IntoIterator<Item = &'a Arc<Envelope>>) -> String {
    let mut text = String::new();
    for event in events {
        let Envelope { id, stream, version, position, .. } = &**event;
        let comma = if text.is_empty() { "" } else { ", " };
        let _ = write!(text, "{comma}{id} at position {position} ({stream} version {version})");
    }
    if text.is_empty() { "no event".to_owned() } else { text }
}

/// How one field of an event is shown.
type Show = fn(&Envelope) -> String;

/// What two events that should be the same differ in.
fn difference(expected: &Envelope, came: &Envelope) -> Mismatch {
    let fields: [(&str, Show); 6] = [
        ("schema", |event| event.schema.to_string()),
        ("recorded at", |event| event.recorded_at.to_string()),
        ("metadata", |event| format!("{:?}", event.metadata)),
        ("tags", |event| format!("{:?}", event.tags)),
        ("content type", |event| event.payload.content_type().to_string()),
        ("payload", |event| shown(&event.payload)),
    ];
    for (name, field) in fields {
        let (one, two) = (field(expected), field(came));
        if one != two {
            let of = format!("{name} of {}", expected.id);
            return Mismatch::new(format!("{of}: {one}"), format!("{of}: {two}"));
        }
    }
    Mismatch::new(format!("{expected:?}"), format!("{came:?}"))
}
