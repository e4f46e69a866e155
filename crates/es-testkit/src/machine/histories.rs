//! How many histories are tried, how long they are, and where their chance comes from.

use std::{env, fmt::Display, num::NonZeroU32, str::FromStr, time::Duration};

/// The variable that overrides the seed, in decimal or as `0x…`.
const SEED: &str = "ES_TESTKIT_SEED";

/// The variable that overrides how many histories there are.
const COUNT: &str = "ES_TESTKIT_HISTORIES";

/// How many histories are tried, how long they are, and where their chance comes from.
///
/// ```
/// use es_testkit::machine::Histories;
///
/// let few_and_long = Histories::new(50).with_max_operations(100);
/// assert_eq!(few_and_long.seed, Histories::new(1).seed, "each run tries the same");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Histories {
    /// How many there are.
    pub count: u32,
    /// How many operations the longest one has; the others have any number below that.
    pub max_operations: usize,
    /// What they are drawn from: the same seed gives the same histories.
    pub seed: u64,
    /// How long an operation may take before it counts as hanging. A correct store never
    /// comes near it.
    pub patience: Duration,
}

impl Histories {
    /// So many, of 1 to 24 operations, always the same. None would prove nothing, and is refused
    /// when they are to be tried.
    #[must_use]
    pub const fn new(count: u32) -> Self {
        let patience = Duration::from_secs(30);
        Self { count, max_operations: 24, seed: 0x0e5_7e57, patience }
    }

    /// The same with other lengths.
    #[must_use]
    pub const fn with_max_operations(mut self, operations: usize) -> Self {
        self.max_operations = operations;
        self
    }

    /// The same drawn from another seed.
    #[must_use]
    pub const fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The same with more patience, or less.
    #[must_use]
    pub const fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The same, but for what `ES_TESTKIT_SEED` and `ES_TESTKIT_HISTORIES` say otherwise.
    ///
    /// # Panics
    /// When one of them is set to something that is no number, or there are to be none: a run of
    /// other histories than were asked for would prove nothing.
    #[must_use]
    pub fn with_environment(self) -> Self {
        self.overridden(|name| env::var(name).ok())
    }

    fn overridden(mut self, variable: impl Fn(&str) -> Option<String>) -> Self {
        if let Some(seed) = variable(SEED) {
            self.seed = match seed.strip_prefix("0x") {
                Some(digits) => number(SEED, &seed, u64::from_str_radix(digits, 16)),
                None => number(SEED, &seed, u64::from_str(&seed)),
            };
        }
        if let Some(count) = variable(COUNT) {
            self.count = number(COUNT, &count, NonZeroU32::from_str(&count)).get();
        }
        self
    }
}

fn number<T, E: Display>(name: &str, text: &str, parsed: Result<T, E>) -> T {
    parsed.unwrap_or_else(|error| panic!("{name} is {text:?}: {error}"))
}

#[cfg(test)]
mod tests;
