//! Reading: which events, in which order, from where to where.

mod select;

#[cfg(test)]
mod tests;

pub use select::{Direction, Read, Selection, TenantScope};
