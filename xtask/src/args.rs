//! The command line: flags and options before `--`, words for someone else after it.
//!
//! Not here: which flags a verb has. A verb takes what it knows and then calls
//! `finish`, which refuses the rest.

use std::fmt;

use anyhow::Result;

/// The words of one command line, taken away one by one.
pub(crate) struct Args {
    words: Vec<String>,
    rest: Vec<String>,
}

impl Args {
    pub(crate) fn from_env() -> Result<Self> {
        let words = std::env::args_os()
            .skip(1)
            .map(|word| {
                word.into_string()
                    .map_err(|word| Usage::error(format!("the argument {word:?} is not UTF-8")))
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Self::new(words))
    }

    pub(crate) fn new(words: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let mut words: Vec<String> = words.into_iter().map(Into::into).collect();
        let rest = match words.iter().position(|word| word == "--") {
            Some(at) => {
                let rest = words.split_off(at + 1);
                words.truncate(at);
                rest
            }
            None => Vec::new(),
        };
        Self { words, rest }
    }

    /// Whether `name` was given.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        let before = self.words.len();
        self.words.retain(|word| word != name);
        self.words.len() < before
    }

    /// The value of `name VALUE` or `name=VALUE`.
    pub(crate) fn option(&mut self, name: &str) -> Result<Option<String>> {
        let is_joined = |word: &str| word.strip_prefix(name).is_some_and(|w| w.starts_with('='));
        let Some(at) = self.words.iter().position(|word| word == name || is_joined(word)) else {
            return Ok(None);
        };
        let word = self.words.remove(at);
        if let Some((_, value)) = word.split_once('=') {
            return Ok(Some(value.to_owned()));
        }
        if at < self.words.len() && !self.words[at].starts_with('-') {
            return Ok(Some(self.words.remove(at)));
        }
        Err(Usage::error(format!("`{name}` needs a value")))
    }

    /// The first word that is no flag. Take options first: their values are words too.
    pub(crate) fn positional(&mut self) -> Option<String> {
        let at = self.words.iter().position(|word| !word.starts_with('-'))?;
        Some(self.words.remove(at))
    }

    /// The words after `--`.
    pub(crate) fn rest(&mut self) -> Vec<String> {
        std::mem::take(&mut self.rest)
    }

    /// Refuses everything that nobody took.
    pub(crate) fn finish(self) -> Result<()> {
        match self.words.first().or_else(|| self.rest.first()) {
            None => Ok(()),
            Some(word) => Err(Usage::error(format!(
                "unexpected argument `{word}`; `cargo xtask help` shows what a verb takes"
            ))),
        }
    }
}

/// The command line made no sense: exit code 2, as most tools do.
#[derive(Debug)]
pub(crate) struct Usage(String);

impl Usage {
    pub(crate) fn error(message: impl Into<String>) -> anyhow::Error {
        anyhow::Error::new(Self(message.into()))
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

#[cfg(test)]
mod tests;
