//! Whether all is well, in a form that an HTTP endpoint can answer with.

mod report;
mod verdict;

#[cfg(test)]
mod tests;

pub use report::{Check, HealthReport};
pub use verdict::Health;
