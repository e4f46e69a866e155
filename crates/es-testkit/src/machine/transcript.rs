//! What was done in a history, line by line, for the report.

use std::cell::{Cell, RefCell};

use es_core::LogId;

use crate::Ids;

/// What was done so far. It outlives the history, so that a panic does not take it away.
#[derive(Debug)]
pub(super) struct Transcript {
    /// None when nobody wants to know: telling costs more than doing.
    lines: Option<RefCell<Vec<String>>>,
    /// What the events of the history are named by.
    pub(super) ids: Ids,
    log: Cell<Option<LogId>>,
}

impl Transcript {
    pub(super) fn new(tells: bool) -> Self {
        let lines = tells.then(RefCell::default);
        Self { lines, ids: Ids::seeded(0), log: Cell::new(None) }
    }

    /// Takes note of what is about to be done.
    pub(super) fn say(&self, what: impl FnOnce() -> String) {
        if let Some(lines) = &self.lines {
            lines.borrow_mut().push(what());
        }
    }

    /// Takes note of what came of it.
    pub(super) fn came(&self, what: impl FnOnce() -> String) {
        if let Some(last) = self.lines.as_ref().and_then(|lines| lines.borrow_mut().pop()) {
            self.say(|| format!("{last}\n    -> {}", what()));
        }
    }

    /// Takes note of the log that it happened in.
    pub(super) fn in_log(&self, log: LogId) {
        self.log.set(Some(log));
    }

    /// The lines with events written as e1, e2 and so on, in the order in which they were
    /// made.
    pub(super) fn lines(&self) -> Vec<String> {
        let lines = self.lines.as_ref().map(|lines| lines.borrow().clone()).unwrap_or_default();
        lines.iter().map(|line| self.named(line)).collect()
    }

    /// A text with events and the log written in that way.
    pub(super) fn named(&self, text: &str) -> String {
        let mut named = text.to_owned();
        if let Some(log) = self.log.get() {
            named = named.replace(&log.to_string(), "this log");
        }
        for place in 0..self.ids.drawn() {
            let name = format!("e{}", place + 1);
            named = named.replace(&self.ids.nth(place).to_string(), &name);
        }
        named
    }
}
