//! Walking over a type until nothing more is to be learned about it.
//!
//! *Hazard.* A type says what it looks like only by what it asks of a deserializer, once
//! for one value; and it may refuse a made-up value half-way.
//! *Mechanism.* It is asked again and again. What was learned is kept in a tree of nodes,
//! which also says what to answer next time: the next variant of an enum, another dummy
//! where one was refused, a struct without one of its fields, to see whether that is missed.
//! The walk ends with the first round that teaches nothing.
//! *Limits.* Rounds are bounded, so a type that asks for something else each time ends it
//! too. What is then not known is `unknown`.
//! The idea is that of the crate serde-reflection; it is done again here because a walk that
//! is refused half-way must still give an answer, and because that one neither tries fields
//! that may be missing nor needs no registry.

use std::fmt;

use super::{
    form::Form,
    node::{Blamed, Node},
    step::Step,
};

/// How deep and how far a walk goes; both are far beyond any type that one would store.
pub(super) const MAX_DEPTH: usize = 64;
const MAX_STEPS: usize = 500_000;
const MAX_ROUNDS: usize = 20_000;

/// Runs `round` until it teaches nothing more. Also says whether it came to that, before a
/// bound was met.
pub(super) fn trace(round: &dyn Fn(Step<'_>) -> Result<(), Refused>) -> (Form, bool) {
    let (mut root, mut walk) = (Node::default(), Walk::default());
    for _ in 0..MAX_ROUNDS {
        let before = walk.learned;
        walk.inside.clear();
        walk.made_up = 0;
        let outcome = round(Step { node: &mut root, walk: &mut walk, depth: 0 });
        if walk.learned == before && outcome.is_err() {
            // It learned nothing and was refused: by the answer that it gave last.
            let blamed = root.blame(walk.last);
            if blamed != Some(Blamed::NoOther { is_new: false }) && blamed.is_some() {
                walk.learn();
            }
        }
        if walk.learned == before {
            return (root.form(), true);
        }
        if walk.steps > MAX_STEPS {
            break;
        }
    }
    (root.form(), false)
}

/// What the steps of a walk have in common.
#[derive(Debug, Default)]
pub(super) struct Walk {
    steps: usize,
    nodes: u32,
    /// The place that was entered last.
    pub(super) last: u32,
    /// Grows with everything that is learned.
    pub(super) learned: u64,
    /// The types that the walk is inside of.
    pub(super) inside: Vec<Type>,
    /// Whether values are only made up, and nothing is noted: for types that recurse
    /// without an option or a list in between. So deep the walk is in them.
    pub(super) made_up: usize,
    /// Which variants are chosen there.
    pub(super) rotation: usize,
}

/// A type as serde names it, with its fields or variants.
pub(super) type Type = (&'static str, &'static [&'static str]);

impl Walk {
    pub(super) fn learn(&mut self) {
        if self.made_up == 0 {
            self.learned += 1;
        }
    }

    /// Enters a place.
    pub(super) fn enter(&mut self, node: &mut Node, depth: usize) -> Result<(), Refused> {
        self.steps += 1;
        if node.id == 0 {
            self.nodes += 1;
            node.id = self.nodes;
        }
        self.last = node.id;
        if depth > MAX_DEPTH || self.steps > MAX_STEPS {
            return Err(Refused::Otherwise);
        }
        Ok(())
    }

    /// How many levels up the type is that the walk is inside of for the second time.
    pub(super) fn levels_up(&self, of: &Type) -> Option<usize> {
        let mut same = self.inside.iter().rev().enumerate().filter(|(_, outer)| *outer == of);
        let (first, second) = (same.next()?, same.next());
        second.map(|_| first.0 + 1)
    }
}

/// Why a round ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// A field is missing.
    Missing(&'static str),
    /// A field is there that is refused.
    UnknownField,
    /// A field is there twice, under whichever names.
    Twice(&'static str),
    /// The type so many levels in comes again: an option, a list or a map within it is to
    /// be left empty.
    Recursion { into: usize },
    /// What this round was to find out is found out.
    Learned,
    /// By the type or by a bound.
    Otherwise,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the walk over the type was refused")
    }
}

impl std::error::Error for Refused {}

impl serde::de::Error for Refused {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::Otherwise
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Missing(field)
    }

    fn unknown_field(_: &str, _: &'static [&'static str]) -> Self {
        Self::UnknownField
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::Twice(field)
    }
}
