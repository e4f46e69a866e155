//! What a read must yield, read word by word from its description.

use std::sync::Arc;

use es_core::{
    Direction, Envelope, ErrorKind, ExpectedVersion, Query, Read, Selection, TenantScope, Version,
};

use super::Model;

/// What a read must yield.
#[derive(Clone, Debug)]
pub(in crate::machine) enum Answer {
    Events(Vec<Arc<Envelope>>),
    /// An error of this kind, and nothing else.
    Refused(ErrorKind),
}

impl Model {
    /// What a read must yield now. `read` is what it means behind the handle.
    pub(in crate::machine) fn answer(&self, read: &Read) -> Answer {
        self.answer_at(read, self.events.len())
    }

    /// What it must yield when the log has so many events.
    pub(in crate::machine) fn answer_at(&self, read: &Read, events: usize) -> Answer {
        let by_time = read.recorded_since.is_some() || read.recorded_until.is_some();
        if by_time && !self.can.time_bounds {
            return Answer::Refused(ErrorKind::Unsupported);
        }
        if read.log.is_some() && read.after.is_some_and(|after| after > self.head()) {
            return Answer::Refused(ErrorKind::LogDiverged);
        }
        let mut found: Vec<Arc<Envelope>> =
            self.events[..events].iter().filter(|event| is_meant(read, event)).cloned().collect();
        if read.direction == Direction::Backward {
            found.reverse();
        }
        if let Some(limit) = read.limit {
            found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        }
        Answer::Events(found)
    }
}

fn is_meant(read: &Read, event: &Envelope) -> bool {
    let is_selected = match &read.selection {
        Selection::Stream(stream) => event.stream == *stream,
        Selection::Category(category) => {
            event.stream.category() == category && is_whose(&read.tenants, event)
        }
        Selection::Event(id) => event.id == *id && is_whose(&read.tenants, event),
        _ => is_whose(&read.tenants, event),
    };
    is_selected
        && means(&read.query, event)
        && read.after.is_none_or(|after| event.position > after)
        && read.until.is_none_or(|until| event.position <= until)
        && read.from_version.is_none_or(|from| event.version >= from)
        && read.to_version.is_none_or(|to| event.version <= to)
        && read.recorded_since.is_none_or(|since| event.recorded_at >= since)
        && read.recorded_until.is_none_or(|until| event.recorded_at <= until)
}

fn is_whose(tenants: &TenantScope, event: &Envelope) -> bool {
    match (tenants, event.stream.tenant()) {
        (TenantScope::All, _) | (TenantScope::Untenanted, None) => true,
        (TenantScope::One(wanted), Some(tenant)) => wanted == tenant,
        (TenantScope::Untenanted, Some(_)) | (TenantScope::One(_), None) => false,
    }
}

/// Whether the query means the event: one of its alternatives has its type, or none, and no
/// tag that the event lacks.
pub(super) fn means(query: &Query, event: &Envelope) -> bool {
    query.items().iter().any(|item| {
        let has_type = item.types.is_empty() || item.types.contains(&event.schema.name);
        let tags: Vec<&str> = event.tags.iter().map(|tag| tag.as_str()).collect();
        has_type && item.tags.iter().all(|tag| tags.contains(&tag.as_str()))
    })
}

pub(super) fn admits(expected: ExpectedVersion, actual: Option<Version>) -> bool {
    match (expected, actual) {
        (ExpectedVersion::Any, _)
        | (ExpectedVersion::NoStream, None)
        | (ExpectedVersion::Exists, Some(_)) => true,
        (ExpectedVersion::Exact(wanted), Some(version)) => wanted == version,
        (ExpectedVersion::NoStream, Some(_))
        | (ExpectedVersion::Exists | ExpectedVersion::Exact(_), None) => false,
    }
}
