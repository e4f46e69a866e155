//! Which events a subscription or a route of the relay is about.

use es_core::{Category, Envelope, Event, EventType, Query, Read, Tenant, TenantScope};

/// Which events a subscription is given, or a route of a [`Relay`](crate::Relay) takes.
///
/// Streams that belong to a tenant are left out unless [`Interest::tenant`] or
/// [`Interest::all_tenants`] says otherwise, as in a read of the log.
///
/// ```
/// use es_bus::Interest;
/// use es_core::{Category, Event};
///
/// #[derive(Event)]
/// enum OrderEvent {
///     Placed,
///     Paid,
/// }
///
/// let known = Interest::events::<OrderEvent>();
/// let of_orders = Interest::category(Category::from_static("order"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Interest {
    /// None named means every category.
    categories: Vec<Category>,
    query: Query,
    tenants: TenantScope,
}

impl Interest {
    /// Every event.
    pub fn everything() -> Self {
        Self::matching(Query::any())
    }

    /// The events that `E` knows, by the names of their types.
    pub fn events<E: Event>() -> Self {
        Self::matching(Query::events::<E>())
    }

    /// The events of these types.
    pub fn types(types: impl IntoIterator<Item = EventType>) -> Self {
        Self::matching(Query::any().of_types(types))
    }

    /// The events of this category.
    pub fn category(category: Category) -> Self {
        Self::everything().in_category(category)
    }

    /// The events that `query` means.
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

    /// The streams of every tenant, and of none. Equal keys of two tenants are two things.
    pub fn all_tenants(mut self) -> Self {
        self.tenants = TenantScope::All;
        self
    }

    /// The streams of this tenant.
    pub fn tenant(mut self, tenant: Tenant) -> Self {
        self.tenants = TenantScope::One(tenant);
        self
    }

    /// Of these, only those that a handle on `scope` shows. Without this, what a handle of one
    /// tenant reads would be passed over for having a tenant.
    pub(crate) fn within(mut self, scope: Option<&Tenant>) -> Self {
        if let Some(tenant) = scope.filter(|_| !matches!(self.tenants, TenantScope::One(_))) {
            self.tenants = TenantScope::One(tenant.clone());
        }
        self
    }

    /// Whether it is about `envelope`.
    #[must_use]
    pub fn covers(&self, envelope: &Envelope) -> bool {
        let is_whose = match &self.tenants {
            TenantScope::All => true,
            TenantScope::Untenanted => envelope.tenant().is_none(),
            TenantScope::One(tenant) => envelope.tenant() == Some(tenant),
        };
        is_whose
            && (self.categories.is_empty() || self.categories.contains(envelope.stream.category()))
            && self.query.matches(&envelope.schema, &envelope.tags)
    }

    /// The event types that it names; `None` when it may cover others, too.
    pub(crate) fn named_types(&self) -> Option<Vec<EventType>> {
        let items = self.query.items();
        if self.query.is_any() || items.iter().any(|item| item.types.is_empty()) {
            return None;
        }
        Some(items.iter().flat_map(|item| item.types.iter().cloned()).collect())
    }

    /// A read that yields whatever any of `interests` covers, and perhaps more. `scope` is the
    /// tenant of the handle that reads.
    pub(crate) fn read_for_all(interests: &[&Self], scope: Option<&Tenant>) -> Read {
        let mut read = match interests {
            [one] => {
                let read = match one.categories.as_slice() {
                    [category] => Read::category(category.clone()),
                    _ => Read::all(),
                };
                let mut read = read.matching(one.query.clone());
                read.tenants = one.tenants.clone();
                read
            }
            _ => Read::all(),
        };
        let all_alike = interests
            .iter()
            .all(|other| interests.first().is_some_and(|first| first.tenants == other.tenants));
        if let Some(first) = interests.first().filter(|_| all_alike) {
            read.tenants = first.tenants.clone();
        } else {
            read.tenants = TenantScope::All;
        }
        if let Some(tenant) = scope {
            read.tenants = TenantScope::One(tenant.clone());
        }
        read
    }
}

#[cfg(test)]
mod tests;
