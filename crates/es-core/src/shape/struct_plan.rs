//! Finding out about the fields of a struct: which may be missing, which are other names of
//! one, and whether others are refused.

use super::{
    node::{Presence, Struct},
    trace::{Refused, Walk},
};

/// What one round finds out about a struct.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Probe {
    /// Whether this field is missed when it is left out.
    LeftOut(usize),
    /// Whether a field that the struct does not have is refused.
    OtherField,
}

impl Struct {
    /// What to find out in this round; nothing before all below is known.
    pub(super) fn next_probe(&self) -> Option<Probe> {
        if !self.is_settled {
            return None;
        }
        let untried = self
            .fields
            .iter()
            .position(|field| field.alias_of.is_none() && field.presence == Presence::NotTried);
        match untried {
            Some(at) => Some(Probe::LeftOut(at)),
            None => self.refuses_others.is_none().then_some(Probe::OtherField),
        }
    }

    /// The fields to give, in which order: those that are refused whatever they hold come
    /// last, so that the others are seen before, and not at all where one is left out.
    pub(super) fn order(&self, probe: Option<Probe>) -> Vec<usize> {
        let left_out = match probe {
            Some(Probe::LeftOut(at)) => Some(at),
            _ => None,
        };
        let is_given = |at: &usize| {
            let field = &self.fields[*at];
            let is_left_out = left_out.is_some_and(|left_out| left_out == *at || field.node.fails);
            field.alias_of.is_none() && !is_left_out
        };
        let mut order: Vec<usize> = (0..self.fields.len()).filter(is_given).collect();
        order.sort_by_key(|at| {
            let field = &self.fields[*at];
            (field.node.fails, !field.goes_first)
        });
        let failing = order.partition_point(|at| !self.fields[*at].node.fails);
        if failing < order.len() {
            let turn = self.turn % (order.len() - failing);
            order[failing..].rotate_left(turn);
        }
        order
    }

    /// Takes in what a round has shown, and hands on what it ended with.
    pub(super) fn conclude<R>(
        &mut self,
        probe: Option<Probe>,
        value: Result<R, Refused>,
        learned_below: bool,
        walk: &mut Walk,
    ) -> Result<R, Refused> {
        let error = value.as_ref().err().copied();
        if let Some(Refused::Twice(name)) = error {
            return if self.take_alias(name) { learned(walk) } else { value };
        }
        if let Some(shown) = probe.and_then(|probe| self.shown(probe, error, learned_below)) {
            match shown {
                Shown::Presence(at, presence) => self.fields[at].presence = presence,
                Shown::RefusesOthers(refuses) => self.refuses_others = Some(refuses),
            }
            walk.learn();
            return value.map_err(|_| Refused::Learned);
        }
        let is_settled = self.settles(error.is_none(), learned_below, walk);
        if is_settled && !self.is_settled {
            walk.learn();
        }
        self.is_settled = is_settled;
        value
    }

    /// Whether nothing more is to be learned below.
    ///
    /// Of several fields that are refused whatever they hold, a round sees the first only,
    /// so each has its turn to be it.
    fn settles(&mut self, is_taken: bool, learned_below: bool, walk: &mut Walk) -> bool {
        let ended_at = self.fields.get(self.given);
        if learned_below || is_taken || ended_at.is_none_or(|field| !field.node.fails) {
            self.idle_turns = 0;
            return is_taken && !learned_below;
        }
        self.idle_turns += 1;
        self.turn += 1;
        if self.idle_turns < self.fields.iter().filter(|field| field.node.fails).count() {
            walk.learn();
            return false;
        }
        true
    }

    /// What the outcome of a probe shows; nothing when something else ended the round.
    fn shown(&self, probe: Probe, error: Option<Refused>, learned_below: bool) -> Option<Shown> {
        let is_unclear = !learned_below && error != Some(Refused::Learned);
        match (probe, error) {
            (Probe::LeftOut(at), None) => Some(Shown::Presence(at, Presence::Optional)),
            (Probe::LeftOut(at), Some(Refused::Missing(name))) if self.fields[at].name == name => {
                Some(Shown::Presence(at, Presence::Required))
            }
            // Another that was left out is missed. Fields are missed in their order, so one
            // that comes before it is not.
            (Probe::LeftOut(at), Some(Refused::Missing(name)))
                if self.fields[at + 1..].iter().any(|f| f.name == name && f.node.fails) =>
            {
                Some(Shown::Presence(at, Presence::Optional))
            }
            (Probe::LeftOut(at), Some(_)) if is_unclear => {
                Some(Shown::Presence(at, Presence::Unclear))
            }
            (Probe::OtherField, Some(Refused::UnknownField)) => Some(Shown::RefusesOthers(true)),
            (Probe::OtherField, None) => Some(Shown::RefusesOthers(false)),
            (Probe::OtherField, Some(_)) if is_unclear => Some(Shown::RefusesOthers(false)),
            (_, Some(_)) => None,
        }
    }

    /// The field that was given last is there already, by its own name or another.
    fn take_alias(&mut self, name: &'static str) -> bool {
        let Some(given) = self.fields.get_mut(self.given) else { return false };
        if given.name != name {
            given.alias_of = Some(name);
            return true;
        }
        // Its own name: given first, it shows the other one next time.
        !std::mem::replace(&mut given.goes_first, true)
    }
}

enum Shown {
    Presence(usize, Presence),
    RefusesOthers(bool),
}

fn learned<R>(walk: &mut Walk) -> Result<R, Refused> {
    walk.learn();
    Err(Refused::Learned)
}
