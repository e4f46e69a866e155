//! Answers, folded from the events of the log and from nothing else.

use anyhow::{Error, Result};
use eventsource::prelude::*;
use git_source::{Change, Ids, Totals};

use crate::{events::GitEvent, import::file};

/// What was changed in the commits that were `reached`. The log may have more: of other
/// branches, and of other repositories.
pub(crate) async fn totals(store: &Store, reached: &Ids) -> Result<Totals> {
    use GitEvent::{CommitMade, FileAdded, FileDeleted, FileModified, FileRenamed};
    let mut totals = Totals::default();
    let mut events = store.read_as(Read::all().types::<GitEvent>());
    while let Some(event) = events.next().await.transpose()? {
        match &event.event {
            CommitMade { author } if reached.contains(event.stream.key().as_str()) => {
                totals.add_commit(author);
            }
            FileAdded(file) | FileModified(file) | FileDeleted(file) | FileRenamed(file)
                if reached.contains(&file.commit) =>
            {
                totals.add_change(file);
            }
            _ => {} // a merge, or the other half of a rename
        }
    }
    Ok(totals)
}

/// The size of a file at a commit, given the commits that this one has `reached`.
///
/// Parents come before their children, and a commit without an event of the file has it as
/// all of its parents do. So the last event of those that were reached still holds.
pub(crate) async fn size_at(store: &Store, path: &str, reached: &Ids) -> Result<Option<u64>> {
    let mut events = store.read(Read::stream(file(path)?).types::<GitEvent>().backward());
    while let Some(event) = events.next().await.transpose()? {
        let change: Change = event.payload.to_json().map_err(Error::from_boxed)?;
        if reached.contains(&change.commit) {
            return Ok(change.size);
        }
    }
    Ok(None)
}
