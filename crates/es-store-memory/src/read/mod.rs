//! Reading: choose the shortest lists that hold all that is meant, merge them, filter.

mod merge;
mod pages;
mod plan;
mod run;
mod scan;

#[cfg(test)]
mod tests;

pub(crate) use pages::{FoldPages, Pages, yield_now};
pub(crate) use scan::{Scan, Step};
