//! Which runs a read goes through: the fewest positions that hold all that it covers.
//!
//! A plan may hold more than the read covers, never less; the scan filters. So the choice
//! is about speed only.

use std::sync::Arc;

use es_core::{Query, QueryItem, Read, Selection, TenantScope};

use super::run::Run;
use crate::{
    index::{Index, Label},
    publish::Postings,
    shared::Shared,
};

/// So few events are read from the log itself: looking for lists would cost more. It is
/// what a follower reads that keeps up.
const FEW: u32 = 16;

/// The runs whose positions hold all that `read` covers up to `head`.
pub(super) fn plan(shared: &Shared, read: &Read, head: u32) -> Vec<Run> {
    let window = Window::of(shared, read, head);
    match &read.selection {
        Selection::Event(id) => {
            let position = shared.find(*id).into_iter();
            position.map(|p| Run::whole(head).within(p, p)).map(|run| window.cut(run)).collect()
        }
        Selection::Stream(stream) => {
            let list = shared.index.streams.get(stream).into_iter();
            list.map(|list| window.of_stream(list, read)).collect()
        }
        _ => window.shortest(&shared.index, read),
    }
}

/// The same for the read of a stream whose list is known.
pub(super) fn plan_of(list: Arc<Postings>, shared: &Shared, read: &Read, head: u32) -> Run {
    Window::of(shared, read, head).of_stream(list, read)
}

/// The positions that the bounds of a read allow.
struct Window {
    first: u32,
    last: u32,
    head: u32,
}

impl Window {
    fn of(shared: &Shared, read: &Read, head: u32) -> Self {
        let after = read.after.map_or(0, |after| clamp(after.get()));
        let until = read.until.map_or(head, |until| clamp(until.get()).min(head));
        let since = read.recorded_since.map_or(0, |since| shared.log.count_before(since, head));
        let recorded_until =
            read.recorded_until.map_or(head, |until| shared.log.count_until(until, head));
        Self { first: after.max(since).saturating_add(1), last: until.min(recorded_until), head }
    }

    fn cut(&self, run: Run) -> Run {
        run.within(self.first, self.last)
    }

    fn of_stream(&self, list: Arc<Postings>, read: &Read) -> Run {
        let from = read.from_version.map_or(0, |from| clamp(from.get() - 1));
        let to = read.to_version.map_or(u32::MAX, |to| clamp(to.get()));
        self.cut(Run::of(list)).numbered(from..to)
    }

    fn shortest(&self, index: &Index, read: &Read) -> Vec<Run> {
        let whole = self.cut(Run::whole(self.head));
        if whole.len() <= FEW {
            return vec![whole];
        }
        let scope = self.of_scope(index, read);
        let query = self.of_query(index, &read.query);
        [Some(vec![whole]), scope, query]
            .into_iter()
            .flatten()
            .min_by_key(|runs| total(runs))
            .unwrap_or_default()
    }

    /// By category and tenant; `None` when the read is of the whole log.
    fn of_scope(&self, index: &Index, read: &Read) -> Option<Vec<Run>> {
        let category = match &read.selection {
            Selection::Category(category) => Some(category.clone()),
            _ => None,
        };
        match (category, &read.tenants) {
            (Some(category), TenantScope::One(tenant)) => {
                let both = Box::new((tenant.clone(), category));
                Some(self.of_label(index, &Label::CategoryOf(both)))
            }
            (Some(category), TenantScope::All) => {
                Some(self.of_label(index, &Label::Category(category)))
            }
            (Some(category), TenantScope::Untenanted) => {
                let of_category = self.of_label(index, &Label::Category(category));
                let untenanted = self.untenanted(index).into_iter();
                untenanted.chain([of_category]).min_by_key(|runs| total(runs))
            }
            (None, TenantScope::One(tenant)) => {
                Some(self.of_label(index, &Label::Tenant(tenant.clone())))
            }
            (None, TenantScope::Untenanted) => self.untenanted(index),
            (None, TenantScope::All) => None,
        }
    }

    /// One run, or none if no event has the label.
    fn of_label(&self, index: &Index, label: &Label) -> Vec<Run> {
        let list = index.labels.get(label).into_iter();
        list.map(|list| self.cut(Run::of(list))).collect()
    }

    /// `None` when no stream has a tenant, so that all of the log is meant.
    fn untenanted(&self, index: &Index) -> Option<Vec<Run>> {
        let untenanted = index.untenanted.get()?;
        Some(vec![self.cut(Run::of_untenanted(untenanted))])
    }

    /// By type and tag; `None` when an alternative of the query names neither.
    fn of_query(&self, index: &Index, query: &Query) -> Option<Vec<Run>> {
        let mut runs = Vec::new();
        for item in query.items() {
            runs.extend(self.of_item(index, item)?);
        }
        Some(runs)
    }

    fn of_item(&self, index: &Index, item: &QueryItem) -> Option<Vec<Run>> {
        let of_tags = item.tags.iter().cloned().map(Label::Tag);
        let of_tags = of_tags.map(|tag| self.of_label(index, &tag));
        let of_types = (!item.types.is_empty()).then(|| {
            let names = item.types.iter().cloned().map(Label::Type);
            names.flat_map(|name| self.of_label(index, &name)).collect()
        });
        of_tags.chain(of_types).min_by_key(|runs: &Vec<Run>| total(runs))
    }
}

fn total(runs: &[Run]) -> u64 {
    runs.iter().map(|run| u64::from(run.len())).sum()
}

/// No position and no version is above the highest that fits.
fn clamp(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
