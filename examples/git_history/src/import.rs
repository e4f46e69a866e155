//! From commits to events: one append for each, or a few for one that is very large.

use anyhow::Result;
use eventsource::{ExpectedVersion::Any, Timestamp, limits::MAX_KEY_BYTES, prelude::*};
use git_source::{Commit, Git, shortened};
use uuid::Uuid;

use crate::events::GitEvent;

/// Ids are derived under it, so that importing something again adds nothing.
const IMPORT: Uuid = Uuid::from_u128(0x8a6e_52c1_70d4_4b0f_9e35_1d02_c7b8_46fa);

/// Beside the first event: so many fit, even if all paths are as long as paths can be.
const IN_ONE_APPEND: usize = 127;

/// Imports what `head` reaches. Returns how many events are new, how many commits there are,
/// and how many of these the log had already.
pub(crate) async fn import(store: &Store, git: &Git, head: &str) -> Result<(usize, u64, u64)> {
    let (mut events, commits, mut replayed) = (0, git.count(head)?, 0);
    let bar = indicatif::ProgressBar::new(commits);
    for commit in bar.wrap_iter(git.commits(head)?) {
        let Commit { id, author, seconds, changes } = commit?;
        let metadata = Metadata::new()
            .with_actor(&author)
            .with_occurred_at(Timestamp::from_seconds(seconds))
            .with_correlation_id(Uuid::new_v5(&IMPORT, id.as_bytes()));
        let mut writes = Vec::new();
        for (kind, change) in changes {
            writes.push((file(&change.path)?, GitEvent::of_file(kind, change)));
        }
        // The last, so that where it is the others are too.
        writes.push((StreamId::new("commit", &id)?, GitEvent::CommitMade { author }));
        let (mut writes, before) = (writes.into_iter(), events);
        while let Some((stream, event)) = writes.next() {
            let first = named(&id, &stream, &event)?;
            let mut append = Append::to(stream, Any).event(first);
            for (stream, event) in writes.by_ref().take(IN_ONE_APPEND) {
                let next = named(&id, &stream, &event)?;
                append = append.and(stream, Any).event(next);
            }
            let receipt = store.append(append.with_metadata(metadata.clone())).await?;
            events += if receipt.replayed { 0 } else { receipt.versions.len() };
        }
        replayed += u64::from(events == before);
    }
    Ok((events, commits, replayed))
}

/// The event under an id that is the same in each import.
fn named(commit: &str, stream: &StreamId, event: &GitEvent) -> Result<NewEvent> {
    let parts = [commit, event.schema().name.as_str(), stream.key().as_str()];
    Ok(NewEvent::of(event)?.with_id(EventId::derived(IMPORT, parts)))
}

pub(crate) fn file(path: &str) -> Result<StreamId> {
    Ok(StreamId::new("file", shortened(path, MAX_KEY_BYTES))?)
}
