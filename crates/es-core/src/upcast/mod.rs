//! Upcasting: events that were written in an old form are read in the newest one.
//!
//! A layer below decoding and above the store: what is written stays as it is.

mod broken;
mod builder;
mod chains;
mod layer;
mod reading;
mod step;
mod upcasters;
mod widen;

#[cfg(test)]
mod tests;

pub use broken::BrokenChain;
pub use builder::UpcastersBuilder;
pub use upcasters::Upcasters;
