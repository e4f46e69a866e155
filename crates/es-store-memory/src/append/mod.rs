//! Appending: prepare outside of the lock, decide and write under it, wake behind it.

mod commit;
mod condition;
mod draft;
mod repeat;

#[cfg(test)]
mod tests;

use std::time::Instant;

use es_core::{AppendRequest, Error, ErrorKind, Receipt, Result};

use self::{commit::commit, condition::Condition, draft::Draft};
use crate::shared::Shared;

/// Commits `request` as one, or nothing of it.
///
/// It can be dropped at its awaits only, and those lie before the commit.
pub(crate) async fn append(shared: &Shared, request: AppendRequest) -> Result<Receipt> {
    let end = request.deadline().map(|within| (Instant::now(), within));
    let mut conditions = Condition::all_of(&request);
    for condition in &mut conditions {
        condition.look_ahead(shared).await?;
    }
    if end.is_some_and(|(begin, within)| begin.elapsed() >= within) {
        return Err(Error::new(
            ErrorKind::Busy,
            "the deadline of the append was over before it began: nothing was written",
        ));
    }
    let mut draft = Draft::new(shared, request);
    let receipt = commit(shared, &mut draft, &mut conditions)?;
    shared.published.wake();
    Ok(receipt)
}
