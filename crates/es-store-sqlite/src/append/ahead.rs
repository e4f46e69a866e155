//! Looking for what a condition excludes before the append is in the hands of the writer.
//!
//! # Hazard
//! A condition over a long history is searched for while all other appends wait.
//! # Mechanism
//! A thread that reads searches up to the head that it sees. The writer searches what came
//! since, and takes the rest as it was found.
//! # Why it is sound
//! What a reader sees is committed; it does not change, and nothing is ever put between. So
//! what was found up to a head holds for good, and the writer sees all that lies behind it.
//! # What it costs
//! A hop to another thread, for conditions that reach far back; and a search in vain where the
//! append is a repetition or in conflict.

use es_core::{AppendRequest, Position, Read, Result, Tenant, Unless};
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::{
    read::{Cursor, Names, head},
    readers::Fetch,
};

/// A condition that reaches further back than this many events is looked at before. A hop costs
/// as much as some hundred of them.
const FAR: u64 = 1_000;

/// What was found of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Looked {
    pub(super) up_to: Position,
    /// The last event up to there that the condition excludes.
    pub(super) found: Option<Position>,
}

/// Looks at the conditions of `request` that reach far back from `head`; in their order, with
/// nothing for the others. Where it fails, the writer looks for itself.
pub(crate) async fn look(
    fetch: &impl Fetch,
    request: &AppendRequest,
    head: Position,
) -> Vec<Option<Looked>> {
    let is_far = |unless: &Unless| head.get().saturating_sub(unless.after.get()) > FAR;
    if !request.unless().iter().any(is_far) {
        return Vec::new();
    }
    let far = |unless: &Unless| is_far(unless).then(|| unless.clone());
    let conditions: Vec<_> = request.unless().iter().map(far).collect();
    let tenant = request.tenant().cloned();
    let (reply, answer) = oneshot::channel();
    fetch.submit(Box::new(move |connection, names| {
        let mut look = |unless: Option<Unless>| {
            let look = |unless| looked(connection, names, &unless, tenant.as_ref());
            unless.map(look).transpose()
        };
        let looked: Result<Vec<_>> = conditions.into_iter().map(&mut look).collect();
        // Whoever has gone needs no answer.
        drop(reply.send(looked));
    }));
    answer.await.ok().and_then(Result::ok).unwrap_or_default()
}

fn looked(
    connection: &Connection,
    names: &mut Names,
    unless: &Unless,
    tenant: Option<&Tenant>,
) -> Result<Looked> {
    let up_to = head(connection)?;
    let read = read(unless, tenant, unless.after).until(up_to);
    Ok(Looked { up_to, found: last(connection, names, read)? })
}

/// The last event that a condition excludes; what was looked at before is not looked at again.
pub(super) fn excluded(
    connection: &Connection,
    names: &mut Names,
    unless: &Unless,
    tenant: Option<&Tenant>,
    looked: Option<Looked>,
) -> Result<Option<Position>> {
    let after = looked.map_or(unless.after, |looked| looked.up_to.max(unless.after));
    let found = last(connection, names, read(unless, tenant, after))?;
    Ok(found.or_else(|| looked?.found))
}

fn read(unless: &Unless, tenant: Option<&Tenant>, after: Position) -> Read {
    let read = Read::all().matching(unless.query.clone()).after(after).backward().limit(1);
    match tenant {
        Some(tenant) => read.tenant(tenant.clone()),
        None => read,
    }
}

fn last(connection: &Connection, names: &mut Names, read: Read) -> Result<Option<Position>> {
    let mut cursor = Cursor::new(read);
    let mut first = || -> Result<(Option<Position>, bool)> {
        let (page, more) = cursor.page(connection, names)?;
        Ok((page.into_events()?.first().map(|event| event.position), more))
    };
    loop {
        match first() {
            Ok((None, true)) => {}
            Ok((found, _)) => return Ok(found),
            // One that cannot be read is there all the same.
            Err(error) => {
                let found = error.undecodable_details().and_then(|details| details.position);
                return found.map(Some).ok_or(error);
            }
        }
    }
}

#[cfg(test)]
mod tests;
