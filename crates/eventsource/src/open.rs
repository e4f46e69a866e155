//! From a URL to a store.

use es_core::{Error, ErrorKind, Result, SharedObserver, Store};

/// Opens the store that `url` names.
///
/// | URL | store | feature |
/// |---|---|---|
/// | `memory:` | a new log in memory, which ends with the program | `memory` |
/// | `sqlite:bank.db`, `sqlite:/var/lib/bank.db` | a log in that file, made if it is not there; durable | `sqlite` |
/// | `postgres://user@host/database` | a log in that database, whose tables are made if they are not there; durable | `postgres` |
/// | `redis://host`, `redis-cluster://…`, `redis-sentinel://…` | the log `es` on that Redis, made if it is not there; as durable as the server is set | `redis` |
/// | `rediss://…` | the same over TLS | `redis-tls` |
/// | `sqlite::memory:` | a new log in an SQLite database in memory | `sqlite` |
///
/// `sqlite:///var/lib/bank.db` means the same as with one slash. An SQLite URL has no parameters, and a
/// `?` in it is refused.
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
/// message names the feature. `Invalid` when a URL says something that its store does not take. Else what connecting fails with.
///
/// # Cancel safety
/// Dropping the future leaves nothing open.
pub async fn open(url: &str) -> Result<Store> {
    opened(url, None).await
}

/// Opens the store that `url` names, as [`open`] does, and has it tell `observer` of what it
/// does below: group commits, its queue, its connections. What is above, such as appends and
/// commands, `telemetry.observe(store)` adds.
///
/// # Errors
/// Those of [`open`].
///
/// # Cancel safety
/// Dropping the future leaves nothing open.
pub async fn open_observed(url: &str, observer: SharedObserver) -> Result<Store> {
    opened(url, Some(observer)).await
}

async fn opened(url: &str, observer: Option<SharedObserver>) -> Result<Store> {
    let (scheme, rest) = url.split_once(':').unwrap_or((url, ""));
    match scheme {
        #[cfg(feature = "memory")]
        "memory" => memory(rest),
        #[cfg(feature = "postgres")]
        "postgres" | "postgresql" => {
            let mut options = es_store_postgres::PostgresOptions::new();
            if let Some(observer) = observer {
                options = options.with_observer(observer);
            }
            es_store_postgres::PostgresStore::open_with(url, options).await.map(Store::new)
        }
        #[cfg(feature = "redis")]
        _ if is_redis(scheme) => {
            let mut options = es_store_redis::RedisOptions::new();
            if let Some(observer) = observer {
                options = options.with_observer(observer);
            }
            es_store_redis::RedisStore::open_with(url, options).await.map(Store::new)
        }
        #[cfg(feature = "sqlite")]
        "sqlite" => sqlite(rest, observer).await,
        _ => {
            let _ = (rest, observer); // without a store that keeps its data nobody looks at them
            Err(unsupported(scheme))
        }
    }
}

/// `redis`, and what may stand behind it; with an `s` for TLS, and `valkey` in its place.
fn is_redis(scheme: &str) -> bool {
    let name = scheme.strip_prefix("redis").or_else(|| scheme.strip_prefix("valkey"));
    let rest = name.map(|rest| rest.strip_prefix('s').unwrap_or(rest));
    rest.is_some_and(|rest| ["", "-cluster", "-sentinel", "+unix"].contains(&rest))
}

#[cfg(feature = "memory")]
fn memory(rest: &str) -> Result<Store> {
    // Whoever names something wants it kept, and nothing is.
    if !matches!(rest, "" | "//") {
        let remedy = "write memory: alone, or sqlite:FILE for a log that is kept";
        return Err(refused("what stands behind memory:", rest, remedy));
    }
    Ok(Store::new(es_store_memory::MemoryStore::new()))
}

#[cfg(any(feature = "memory", feature = "sqlite"))]
fn refused(setting: &'static str, value: &str, remedy: &'static str) -> Error {
    es_core::Invalid::Setting { setting, value: value.to_owned(), remedy }.into()
}

#[cfg(feature = "sqlite")]
async fn sqlite(place: &str, observer: Option<SharedObserver>) -> Result<Store> {
    use es_store_sqlite::{SqliteOptions, SqliteStore};

    match place.strip_prefix("//").unwrap_or(place) {
        "" => {
            let remedy = "write sqlite:FILE, or sqlite::memory: for none";
            Err(refused("the file of an SQLite store", &format!("sqlite:{place}"), remedy))
        }
        // Elsewhere parameters stand there (`?mode=rwc`); here they would be a part of the name.
        file if file.contains('?') => {
            let remedy = "leave out `?` and what follows: SqliteOptions has the settings, and \
                          SqliteStore::open takes a file of any name";
            Err(refused("the file of an SQLite store", file, remedy))
        }
        ":memory:" => SqliteStore::in_memory().await.map(Store::new),
        file => {
            let mut options = SqliteOptions::new();
            if let Some(observer) = observer {
                options = options.with_observer(observer);
            }
            SqliteStore::open_with(file, options).await.map(Store::new)
        }
    }
}

// The URL may hold a password, so only its scheme is repeated.
fn unsupported(scheme: &str) -> Error {
    let feature = match scheme {
        "memory" => "memory",
        "sqlite" => "sqlite",
        "postgres" | "postgresql" => "postgres",
        _ if is_redis(scheme) => "redis",
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
