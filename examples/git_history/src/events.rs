//! What happened in a repository, as events. Who did it, and when, is in their metadata.

use eventsource::Event;
use serde::{Deserialize, Serialize};

/// Commits and files have a stream each. Paths are text, as `git::encoded` writes them.
#[derive(Event)]
#[event(prefix = "git")]
pub(crate) enum GitEvent {
    CommitMade {
        author: String,
        subject: String,
    },
    FileAdded(Change),
    FileModified(Change),
    FileDeleted(Change),
    FileRenamed(Change),
    /// The other half of a rename, in the stream of the old path.
    FileRenamedAway(Change),
    /// After a merge the file is other than one of the parents had it.
    FileMerged(Change),
}

#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Change {
    pub(crate) path: String,
    pub(crate) commit: String,
    /// The other path of a rename.
    pub(crate) other: Option<String>,
    /// Lines. None are counted in binary files, nor in merges.
    pub(crate) added: Option<u64>,
    pub(crate) removed: Option<u64>,
    /// The content afterwards. A deleted file has none, and a submodule has none here.
    pub(crate) blob: Option<String>,
    pub(crate) size: Option<u64>,
}
