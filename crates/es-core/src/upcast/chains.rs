//! The steps by where they start, checked as a whole: every chain comes to an end.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{BrokenChain, step::Step};
use crate::{EventType, Invalid, Schema};

/// The steps, of which every chain ends with current forms or with none.
#[derive(Debug)]
pub(super) struct Chains {
    /// By type first, so that an event without an old form costs one look-up.
    steps: HashMap<EventType, Steps>,
    /// For each type that a chain ends with, the other names that it may start from.
    old_names: BTreeMap<EventType, BTreeSet<EventType>>,
}

#[derive(Debug)]
enum Steps {
    /// From each version of its own.
    Each(BTreeMap<u32, Step>),
    /// Every version is dropped.
    DropAll,
}

impl Chains {
    /// Checks the whole.
    ///
    /// *Why it is sound.* Whatever the steps give is current or has a step, and no path
    /// comes back to where it was; so every chain ends after at most as many steps as there
    /// are.
    pub(super) fn checked(
        current: Vec<Schema>,
        steps: Vec<(Schema, Step)>,
        dropped: Vec<EventType>,
    ) -> Result<Self, Invalid> {
        for schema in current.iter().chain(steps.iter().map(|(from, _)| from)) {
            check_name(schema)?;
        }
        dropped.iter().try_for_each(EventType::check)?;
        let mut chains = Self { steps: HashMap::new(), old_names: BTreeMap::new() };
        for event_type in dropped {
            chains.steps.insert(event_type, Steps::DropAll);
        }
        let froms: Vec<Schema> = steps.iter().map(|(from, _)| from.clone()).collect();
        for (from, step) in steps {
            chains.add(from, step)?;
        }
        if let Some(from) = current.iter().find(|schema| chains.step(schema).is_some()) {
            return Err(BrokenChain::FromCurrent { from: from.clone() }.into());
        }
        for from in &froms {
            chains.check_targets(from, &current)?;
        }
        let mut ends = HashMap::new();
        for from in &froms {
            chains.follow(from, &mut Vec::new(), &mut ends)?;
        }
        for from in froms {
            for end in ends.remove(&from).into_iter().flatten() {
                if end != from.name {
                    chains.old_names.entry(end).or_default().insert(from.name.clone());
                }
            }
        }
        Ok(chains)
    }

    /// The step that starts from `schema`.
    pub(super) fn step(&self, schema: &Schema) -> Option<&Step> {
        match self.steps.get(&schema.name)? {
            Steps::Each(steps) => steps.get(&schema.version),
            Steps::DropAll => Some(&Step::Drop),
        }
    }

    /// The other names under which events of this type may have been written.
    pub(super) fn old_names(&self, event_type: &EventType) -> impl Iterator<Item = &EventType> {
        self.old_names.get(event_type).into_iter().flatten()
    }

    /// Whether there are no steps.
    pub(super) fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    fn add(&mut self, from: Schema, step: Step) -> Result<(), BrokenChain> {
        let Schema { name, version } = from;
        let steps = self.steps.entry(name.clone()).or_insert_with(|| Steps::Each(BTreeMap::new()));
        match steps {
            Steps::DropAll => Err(BrokenChain::DroppedBesides { event_type: name, version }),
            Steps::Each(steps) => match steps.insert(version, step) {
                None => Ok(()),
                Some(_) => Err(BrokenChain::Duplicate { from: Schema::new(name, version) }),
            },
        }
    }

    fn check_targets(&self, from: &Schema, current: &[Schema]) -> Result<(), Invalid> {
        for to in self.step(from).map_or(&[][..], Step::targets) {
            check_name(to)?;
            if self.step(to).is_none() && !current.contains(to) {
                let (from, to) = (from.clone(), to.clone());
                return Err(BrokenChain::Gap { from, to }.into());
            }
        }
        Ok(())
    }

    /// The types that chains from `from` may end with. `path` is how it was reached.
    fn follow(
        &self,
        from: &Schema,
        path: &mut Vec<Schema>,
        ends: &mut HashMap<Schema, BTreeSet<EventType>>,
    ) -> Result<BTreeSet<EventType>, BrokenChain> {
        if let Some(known) = ends.get(from) {
            return Ok(known.clone());
        }
        if let Some(at) = path.iter().position(|earlier| earlier == from) {
            let mut circle = path.split_off(at);
            circle.push(from.clone());
            return Err(BrokenChain::Cycle { circle });
        }
        let Some(step) = self.step(from) else {
            return Ok(BTreeSet::from([from.name.clone()]));
        };
        path.push(from.clone());
        let mut found = BTreeSet::new();
        for to in step.targets() {
            found.append(&mut self.follow(to, path, ends)?);
        }
        path.pop();
        ends.insert(from.clone(), found.clone());
        Ok(found)
    }
}

fn check_name(schema: &Schema) -> Result<(), Invalid> {
    schema.name.check()?;
    if schema.version == 0 {
        return Err(Invalid::SchemaVersion { event_type: schema.name.clone() });
    }
    Ok(())
}
