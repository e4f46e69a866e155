//! Publication: how what one writer puts in place becomes visible to readers that take no
//! lock.
//!
//! The files here name nothing but `sync` and std, so that `tests/it/model` can compile
//! the very same source against loom and check every interleaving.

mod postings;
mod sync;
mod wait;

#[cfg(test)]
mod tests;

pub(crate) use postings::Postings;
pub(crate) use wait::Published;
