//! From a URL to a store.

use es_core::{Error, ErrorKind, Result, Store};

/// Opens the store that `url` names.
///
/// | URL | store | feature |
/// |---|---|---|
/// | `memory:` | a new log in memory, which ends with the program | `memory` |
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> eventsource::Result<()> {
/// let store = eventsource::open("memory:").await?;
/// assert_eq!(store.head().await?.position.get(), 0);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// `Unsupported` when no store goes by that scheme, or when its feature is not enabled; the
/// message names the feature. Else what connecting fails with.
///
/// # Cancel safety
/// Dropping the future leaves nothing open.
pub async fn open(url: &str) -> Result<Store> {
    let scheme = url.split_once(':').map_or(url, |(scheme, _)| scheme);
    match scheme {
        #[cfg(feature = "memory")]
        "memory" => Ok(Store::new(es_store_memory::MemoryStore::new())),
        _ => Err(unsupported(scheme)),
    }
}

// The URL may hold a password, so only its scheme is repeated.
fn unsupported(scheme: &str) -> Error {
    let feature = match scheme {
        "memory" => "memory",
        "sqlite" => "sqlite",
        "postgres" | "postgresql" => "postgres",
        "redis" | "rediss" | "valkey" => "redis",
        _ => {
            let what = format!(
                "no store goes by {scheme:?}: write memory:, sqlite:FILE, postgres://… or redis://…"
            );
            return Error::new(ErrorKind::Unsupported, what);
        }
    };
    let message = format!(
        "{scheme}: needs the feature {feature:?} of the crate eventsource, which this build \
         does not have"
    );
    Error::new(ErrorKind::Unsupported, message)
}

#[cfg(test)]
mod tests;
