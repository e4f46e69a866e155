//! Reading: where candidates are found, and how they become pages.
//!
//! The log has an entry per append that points into the lists of streams; lists of positions
//! serve categories, types and tags. A read goes through one of these in order, resolves
//! positions to places in streams, and fetches the records, each step pipelined.

mod ahead;
mod budget;
mod cursor;
mod entry;
mod item;
mod lists;
mod long;
mod moment;
mod narrow;
mod page;
mod plan;
mod runs;
mod source;
mod stream;

pub(crate) use page::{fold_pages, pages};
pub(crate) use source::{Anchor, Source, rewritten};
