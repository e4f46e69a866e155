//! The name of a stream: tenant, category and key.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

use super::Key;
use crate::{Category, Error, Invalid, Result, Tenant};

/// The name of a stream: a category, a key, and a tenant where there are several.
///
/// Written `category/key` or `tenant@category/key`, and parsed back from that. Cheap to
/// clone.
///
/// ```
/// use es_core::StreamId;
///
/// let alice = StreamId::new("account", "alice")?;
/// assert_eq!(alice.to_string(), "account/alice");
/// assert_eq!("account/alice".parse::<StreamId>()?, alice);
/// assert!(StreamId::new("acc/ount", "alice").is_err());
/// # Ok::<(), es_core::Error>(())
/// ```
#[derive(Clone, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[expect(clippy::derived_hash_with_manual_eq, reason = "the same equality, only found sooner")]
pub struct StreamId(Arc<Parts>);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Parts {
    tenant: Option<Tenant>,
    category: Category,
    key: Key,
}

impl StreamId {
    /// Names the stream `key` of `category`. The key is taken by its text, so that ids of
    /// your own type serve as well as strings.
    ///
    /// # Errors
    /// [`Invalid`] when a part is empty, too long, or holds a reserved character.
    pub fn new(category: impl AsRef<str>, key: impl fmt::Display) -> Result<Self> {
        Ok(Self::of(Category::new(category)?, Key::new(key.to_string())?))
    }

    /// Names the stream `key` of `category`, both checked already.
    #[must_use]
    pub fn of(category: Category, key: Key) -> Self {
        Self(Arc::new(Parts { tenant: None, category, key }))
    }

    /// The stream of the same category and key that belongs to `tenant`.
    #[must_use]
    pub fn with_tenant(&self, tenant: Tenant) -> Self {
        let Parts { category, key, .. } = (*self.0).clone();
        Self(Arc::new(Parts { tenant: Some(tenant), category, key }))
    }

    /// Whose stream it is.
    #[must_use]
    pub fn tenant(&self) -> Option<&Tenant> {
        self.0.tenant.as_ref()
    }

    /// The kind of thing that the stream tells of.
    #[must_use]
    pub fn category(&self) -> &Category {
        &self.0.category
    }

    /// Which one of its category it is.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.0.key
    }

    /// This stream as a handle that is scoped to `tenant` sees it.
    pub(crate) fn scoped(&self, tenant: Option<&Tenant>) -> Result<Self, Invalid> {
        match (tenant, self.tenant()) {
            (Some(scope), None) => Ok(self.with_tenant(scope.clone())),
            (Some(scope), Some(own)) if scope != own => Err(Invalid::TenantMismatch {
                stream: self.clone(),
                expected: Some(scope.clone()),
                found: Some(own.clone()),
            }),
            _ => Ok(self.clone()),
        }
    }

    pub(crate) fn check(&self) -> Result<(), Invalid> {
        self.0.tenant.as_ref().map_or(Ok(()), Tenant::check)?;
        self.0.category.check()
    }
}

/// Equal names are often the same name, shared: then one pointer tells.
impl PartialEq for StreamId {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(tenant) = &self.0.tenant {
            write!(f, "{tenant}@")?;
        }
        write!(f, "{}/{}", self.0.category, self.0.key)
    }
}

impl fmt::Debug for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for StreamId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let unreadable = || Invalid::StreamName { text: text.to_owned() };
        let (head, key) = text.split_once('/').ok_or_else(unreadable)?;
        let (tenant, category) = match head.split_once('@') {
            None => (None, head),
            Some((tenant, category)) => (Some(Tenant::new(tenant)?), category),
        };
        let stream = Self::new(category, key)?;
        Ok(tenant.map_or(stream.clone(), |tenant| stream.with_tenant(tenant)))
    }
}

impl TryFrom<String> for StreamId {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<StreamId> for String {
    fn from(stream: StreamId) -> Self {
        stream.to_string()
    }
}
