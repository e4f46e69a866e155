//! The events. Who made the commit that they come from, and when, is in their metadata.

use eventsource::Event;
use git_source::{Change, Kind};

#[derive(Event)]
#[event(prefix = "git")]
pub(crate) enum GitEvent {
    CommitMade { author: String },
    FileAdded(Change),
    FileModified(Change),
    FileDeleted(Change),
    FileRenamed(Change),
    FileRenamedAway(Change),
    FileMerged(Change),
}

impl GitEvent {
    pub(crate) const fn of_file(kind: Kind, change: Change) -> Self {
        match kind {
            Kind::Added => Self::FileAdded(change),
            Kind::Modified => Self::FileModified(change),
            Kind::Deleted => Self::FileDeleted(change),
            Kind::Renamed => Self::FileRenamed(change),
            Kind::RenamedAway => Self::FileRenamedAway(change),
            Kind::Merged => Self::FileMerged(change),
        }
    }
}
