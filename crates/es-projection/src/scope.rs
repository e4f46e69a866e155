//! Which events a subscriber is given.

use es_core::{
    Category, Envelope, Event, EventId, Query, Read, Store, StreamId, Tenant, TenantScope, limits,
};

/// Which events a subscriber is given.
///
/// Two ways to say it differ in what becomes of an event that the subscriber's type does
/// not know. [`Scope::events`] asks for the known types, so others are none of its
/// business. [`Scope::category`] asks for everything of a category, so an event of an
/// unknown type is a failure, and stops or parks like one: nothing is skipped silently.
///
/// ```
/// use es_core::{Category, Event};
/// use es_projection::Scope;
///
/// #[derive(Event)]
/// enum OrderEvent {
///     Placed,
///     Paid,
/// }
///
/// let known = Scope::events::<OrderEvent>();
/// let known_of_orders = Scope::events::<OrderEvent>().in_category(Category::from_static("order"));
/// let each_of_orders = Scope::category(Category::from_static("order"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Scope {
    /// None named means every category.
    categories: Vec<Category>,
    query: Query,
    tenants: TenantScope,
}

impl Scope {
    /// The events that `E` knows, by the names of their types, in every category. An event
    /// of a known name in an unknown version is a failure.
    pub fn events<E: Event>() -> Self {
        Self::matching(Query::events::<E>())
    }

    /// Every event of this category. One whose type is not known is a failure.
    pub fn category(category: Category) -> Self {
        Self::matching(Query::any()).in_category(category)
    }

    /// The events that `query` means, in every category.
    pub fn matching(query: Query) -> Self {
        Self { categories: Vec::new(), query, tenants: TenantScope::default() }
    }

    /// Of these, only those of this category. Said again, those of either.
    pub fn in_category(mut self, category: Category) -> Self {
        if !self.categories.contains(&category) {
            self.categories.push(category);
        }
        self
    }

    /// The streams of every tenant, and of none. Equal keys of two tenants are two things:
    /// the rows must be kept by [`StreamId`](es_core::StreamId) or by tenant and key.
    pub fn all_tenants(mut self) -> Self {
        self.tenants = TenantScope::All;
        self
    }

    /// The streams of this tenant. A handle that is scoped to a tenant says it for all.
    pub fn tenant(mut self, tenant: Tenant) -> Self {
        self.tenants = TenantScope::One(tenant);
        self
    }

    /// The scope as `store` sees it: a handle of one tenant shows that tenant's streams.
    pub(crate) fn seen_by(mut self, store: &Store) -> Self {
        if let Some(tenant) = store.tenant()
            && self.tenants == TenantScope::Untenanted
        {
            self.tenants = TenantScope::One(tenant.clone());
        }
        self
    }

    pub(crate) fn covers(&self, envelope: &Envelope) -> bool {
        self.reaches(&envelope.stream) && self.query.matches(&envelope.schema, &envelope.tags)
    }

    /// Whether it may cover events of this stream.
    pub(crate) fn reaches(&self, stream: &StreamId) -> bool {
        let is_whose = match &self.tenants {
            TenantScope::All => true,
            TenantScope::Untenanted => stream.tenant().is_none(),
            TenantScope::One(tenant) => stream.tenant() == Some(tenant),
        };
        is_whose && (self.categories.is_empty() || self.categories.contains(stream.category()))
    }

    /// Reads of one event that yield nothing if the scope does not cover it, in whichever
    /// form it is found: several where it names more than a query may. They must not ask for
    /// everything then: what cannot be read in a form that nobody wants is no failure.
    pub(crate) fn reads_of_event(&self, event: EventId) -> Vec<Read> {
        let mut queries = Vec::<Query>::new();
        for item in self.query.items() {
            let tagged = item.tags.iter().cloned().fold(Query::any(), Query::and_tagged);
            let room = limits::MAX_QUERY_TERMS.saturating_sub(item.tags.len()).max(1);
            let typed =
                item.types.chunks(room).map(|types| tagged.clone().of_types(types.to_vec()));
            let mut parts: Vec<Query> = typed.collect();
            if parts.is_empty() {
                parts.push(tagged);
            }
            for part in parts {
                match queries.last_mut() {
                    Some(last) if terms(last) + terms(&part) <= limits::MAX_QUERY_TERMS => {
                        *last = last.clone().or(part);
                    }
                    _ => queries.push(part),
                }
            }
        }
        let read = |query| {
            let mut read = Read::event(event).matching(query);
            read.tenants = self.tenants.clone();
            read
        };
        queries.into_iter().map(read).collect()
    }

    /// A read that yields whatever any of `scopes` covers, and perhaps more.
    pub(crate) fn read_for_all<'a>(scopes: impl IntoIterator<Item = &'a Self>) -> Read {
        let mut scopes = scopes.into_iter();
        let Some(first) = scopes.next() else {
            return Read::all();
        };
        let mut union = first.clone();
        for scope in scopes {
            union.add(scope);
        }
        let read = match union.categories.as_slice() {
            [category] => Read::category(category.clone()),
            _ => Read::all(),
        };
        // More than a query may say is asked for as everything; each scope is looked at again
        // for each event.
        let is_too_much = terms(&union.query) > limits::MAX_QUERY_TERMS;
        let query = if is_too_much { Query::any() } else { union.query };
        let mut read = read.matching(query);
        read.tenants = union.tenants;
        read
    }

    fn add(&mut self, other: &Self) {
        if self.categories.is_empty() || other.categories.is_empty() {
            self.categories.clear();
        } else {
            let new = other.categories.iter().filter(|c| !self.categories.contains(c));
            let new: Vec<_> = new.cloned().collect();
            self.categories.extend(new);
        }
        if self.tenants != other.tenants {
            self.tenants = TenantScope::All;
        }
        if self.query.is_any() || other.query.is_any() {
            self.query = Query::any();
        } else if !other.query.items().iter().all(|item| self.query.items().contains(item)) {
            self.query = self.query.clone().or(other.query.clone());
        }
    }
}

/// How many names and tags there are.
fn terms(query: &Query) -> usize {
    query.items().iter().map(|item| item.types.len() + item.tags.len()).sum()
}

#[cfg(test)]
mod tests;
