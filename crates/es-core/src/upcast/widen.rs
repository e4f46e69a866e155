//! Queries by type, widened to the names under which such events were written before.

use super::chains::Chains;
use crate::{AppendRequest, EventType, Invalid, Query, limits};

/// What to ask a store for in place of `wanted`. It may give too much, never too little.
///
/// When the names would be too many for one query, the types are left out: what is not
/// wanted is filtered out after upcasting anyhow.
pub(super) fn for_reading(chains: &Chains, wanted: &Query) -> Query {
    let widened = widened(chains, wanted);
    if widened.check().is_ok() { widened } else { wanted.clone().with_each_types(Vec::clear) }
}

/// Widens the conditions of an append.
///
/// # Errors
/// [`Invalid::TooMany`] when a condition gets more names than one query may have: leaving
/// some out would let it hold where it must not.
pub(super) fn conditions(chains: &Chains, append: &mut AppendRequest) -> Result<(), Invalid> {
    for unless in append.unless_mut() {
        let query = widened(chains, &unless.query);
        let count = query.terms();
        if count > limits::MAX_QUERY_TERMS {
            return Err(Invalid::TooMany {
                what: "names and tags in one condition, with the old names that upcasters add",
                count,
                max: limits::MAX_QUERY_TERMS,
            });
        }
        unless.query = query;
    }
    Ok(())
}

fn widened(chains: &Chains, query: &Query) -> Query {
    query.clone().with_each_types(|types: &mut Vec<EventType>| {
        for at in 0..types.len() {
            for old in chains.old_names(&types[at].clone()) {
                if !types.contains(old) {
                    types.push(old.clone());
                }
            }
        }
    })
}
