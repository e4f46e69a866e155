//! Appending: prepare outside of the lock, decide and write under it, wake behind it.

mod commit;
mod condition;
mod deadline;
mod draft;
mod repeat;

#[cfg(test)]
mod tests;

use es_core::{AppendRequest, Receipt, Result};

use self::{commit::commit, condition::Condition, deadline::Deadline, draft::Draft};
use crate::shared::Shared;

/// Commits `request` as one, or nothing of it.
///
/// It can be dropped at its awaits only, and those lie before the commit.
pub(crate) async fn append(shared: &Shared, request: AppendRequest) -> Result<Receipt> {
    let deadline = Deadline::of(&request);
    let mut conditions = Condition::all_of(&request);
    let in_time = look_ahead(shared, &mut conditions, &deadline).await;
    let mut draft = Draft::new(shared, request);
    if let Err(late) = in_time {
        // Nothing was written by this call; an earlier one may have written it.
        return repeat::look(shared, &draft).unwrap_or(Err(late));
    }
    let receipt = commit(shared, &mut draft, &mut conditions)?;
    shared.published.wake();
    Ok(receipt)
}

async fn look_ahead(
    shared: &Shared,
    conditions: &mut [Condition],
    deadline: &Deadline,
) -> Result<()> {
    for condition in conditions {
        condition.look_ahead(shared, deadline).await?;
    }
    deadline.check()
}
