//! What happened in a repository, as events. Who did it and when stand in their metadata.

use eventsource::Event;
use serde::{Deserialize, Serialize};

#[derive(Event)]
#[event(prefix = "git")]
pub(crate) enum GitEvent {
    CommitMade {
        author: String,
    },
    FileAdded(Change),
    FileModified(Change),
    FileDeleted(Change),
    FileRenamed(Change),
    /// The other half of a rename, in the stream of the old path.
    FileRenamedAway(Change),
    /// After a merge, the file is not what one of the parents had.
    FileMerged(Change),
}

#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Change {
    pub(crate) path: String,
    pub(crate) commit: String,
    /// The other path of a rename.
    pub(crate) other: Option<String>,
    /// Lines; none are counted in binary files and in merges.
    pub(crate) added: Option<u64>,
    pub(crate) removed: Option<u64>,
    /// The content; a deleted file has none, and that of a submodule is elsewhere.
    pub(crate) blob: Option<String>,
    pub(crate) size: Option<u64>,
}
