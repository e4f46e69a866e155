//! A read model in Redis whose rows and checkpoint commit together.

use std::{
    collections::HashMap,
    error::Error as StdError,
    fmt::{self, Debug, Display},
    sync::{Arc, LazyLock},
};

use async_trait::async_trait;
use bytes::Bytes;
use es_core::{
    Checkpoint, CheckpointStore, DeadLetter, DeadLetterStore, ErrorKind, LogId, Owner, Position,
    Progress, ReadModel, Result, StreamId, SubscriberName,
};
use es_redis::{Command, Redis, Reply, Script};

use super::{
    ledger::{self, Claims},
    letters,
    rows::Keys,
    tx::RedisTx,
};
use crate::{
    error::{from_redis, of_row},
    open::Server,
    options::RedisOptions,
};

static LIST: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("list.lua")));

/// How many letters are fetched at once where all are looked at.
const PAGE: usize = 1_000;

/// Rows, checkpoints and dead letters in one slot of one Redis, committed together (P1).
/// Cloning it copies the handle.
///
/// The log may be in the same Redis or anywhere else. The rows are keys of whatever type;
/// [`RedisTx`] is the transaction that they are written in. To read them, take any client and
/// the names that [`RedisReadModel::key`] tells.
///
/// A commit that Redis has acknowledged and lost (a failover, a power cut without
/// `appendfsync always`) takes its rows and its checkpoint along, so that they agree, and the
/// worker that made it is `Fenced` and begins again where the checkpoint is.
///
/// ```no_run
/// use es_core::{CheckpointStore, LogId, Owner, Position, Progress, ReadModel, SubscriberName};
/// use es_store_redis::RedisReadModel;
///
/// # async fn project(log: LogId) -> Result<(), Box<dyn std::error::Error>> {
/// let model = RedisReadModel::open("redis://localhost").await?;
/// let name = SubscriberName::new("balances")?;
/// let checkpoint = model.claim(&name, log, &Owner::new("worker 1")).await?;
///
/// let mut tx = model.begin().await?;
/// tx.hash_increment("balances", "alice", 5)?;
/// model.commit(tx, &Progress::from(&checkpoint, Position::new(1))).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RedisReadModel {
    redis: Redis,
    keys: Keys,
    claims: Arc<Claims>,
}

impl RedisReadModel {
    /// Opens the read model `es` in the Redis at `url`, which may be any that
    /// [`RedisStore::open`](crate::RedisStore::open) takes.
    ///
    /// # Errors
    /// Those of [`RedisStore::open`](crate::RedisStore::open).
    ///
    /// # Cancel safety
    /// Dropping the future leaves nothing open.
    pub async fn open(url: &str) -> Result<Self> {
        Self::open_with(url, RedisOptions::new()).await
    }

    /// The same as `options` say; each name is a read model of its own.
    ///
    /// # Errors
    /// Those of [`RedisReadModel::open`].
    ///
    /// # Cancel safety
    /// That of [`RedisReadModel::open`].
    pub async fn open_with(url: &str, options: RedisOptions) -> Result<Self> {
        let redis = Redis::connect(url, options.link()).await.map_err(from_redis)?;
        let keys = Keys::new(&options.name);
        // The name of any key of the model: they are all on one server.
        let server = Server::ask(&redis, &keys.row("")).await?;
        server.check(&redis.to_string(), &options)?;
        Ok(Self { redis, keys, claims: Arc::default() })
    }

    /// What the row `key` is called in Redis.
    #[must_use]
    pub fn key(&self, key: &str) -> String {
        self.keys.row(key)
    }

    /// The committed value of a key.
    ///
    /// # Errors
    /// `Invalid` when it is of another type; those of the connection.
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    pub async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        self.value(Command::new("GET").key(self.key(key))).await
    }

    /// The committed value in a field of a hash.
    ///
    /// # Errors
    /// Those of [`RedisReadModel::get`].
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    pub async fn hash_get(
        &self,
        key: &str,
        field: impl AsRef<[u8]> + Send,
    ) -> Result<Option<Bytes>> {
        self.value(Command::new("HGET").key(self.key(key)).arg(field.as_ref().to_vec())).await
    }

    async fn value(&self, command: Command) -> Result<Option<Bytes>> {
        let reply = self.redis.command(command).await.map_err(of_row)?;
        if reply.is_nil() {
            return Ok(None);
        }
        reply.bytes("a row").map(Some).map_err(from_redis)
    }

    /// Letters of `key` behind a position, with the reasons of those that were given up.
    async fn letters(
        &self,
        name: &SubscriberName,
        key: &str,
        after: Position,
        limit: usize,
    ) -> Result<Vec<(DeadLetter, String)>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let command = LIST.on([key.to_owned()]).arg(letters::behind(after)).arg(limit);
        let reply = self.redis.command(command).await.map_err(from_redis)?;
        let outer = reply.array("letters").map_err(from_redis)?.into_iter().next();
        let listed = outer.unwrap_or(Reply::Nil).array("letters").map_err(from_redis)?;
        let read =
            |reply: Reply| letters::letter(name, &reply.bytes("a letter").map_err(from_redis)?);
        listed.into_iter().map(read).collect()
    }
}

impl ReadModel for RedisReadModel {
    type Tx = RedisTx;

    async fn begin(&self) -> Result<RedisTx> {
        Ok(RedisTx::new(self.redis.clone(), self.keys.clone()))
    }

    async fn commit(&self, tx: RedisTx, progress: &Progress) -> Result<()> {
        ledger::advance(&self.redis, &self.keys, &self.claims, progress, Some(&tx)).await
    }

    /// `Unavailable` or `Busy` when a read of the transaction failed for that.
    async fn trouble(
        &self,
        tx: &mut RedisTx,
        _: &(dyn StdError + Send + Sync + 'static),
    ) -> Option<ErrorKind> {
        tx.trouble
    }
}

#[async_trait]
impl CheckpointStore for RedisReadModel {
    async fn claim(
        &self,
        subscriber: &SubscriberName,
        log: LogId,
        owner: &Owner,
    ) -> Result<Checkpoint> {
        ledger::claim(&self.redis, &self.keys, &self.claims, subscriber, log, owner).await
    }

    async fn advance(&self, progress: &Progress) -> Result<()> {
        ledger::advance(&self.redis, &self.keys, &self.claims, progress, None).await
    }

    async fn checkpoint(&self, subscriber: &SubscriberName) -> Result<Option<Checkpoint>> {
        ledger::checkpoint(&self.redis, &self.keys, subscriber).await
    }

    async fn forget(&self, subscriber: &SubscriberName) -> Result<()> {
        ledger::forget(&self.redis, &self.keys, subscriber).await
    }
}

#[async_trait]
impl DeadLetterStore for RedisReadModel {
    async fn dead_letters(
        &self,
        subscriber: &SubscriberName,
        after: Position,
        limit: usize,
    ) -> Result<Vec<DeadLetter>> {
        let key = self.keys.of(subscriber).parked;
        let letters = self.letters(subscriber, &key, after, limit).await?;
        Ok(letters.into_iter().map(|(letter, _)| letter).collect())
    }

    async fn parked_streams(
        &self,
        subscriber: &SubscriberName,
    ) -> Result<Vec<(StreamId, Position)>> {
        let (mut streams, mut after) = (HashMap::new(), Position::START);
        loop {
            let letters = self.dead_letters(subscriber, after, PAGE).await?;
            let Some(last) = letters.last() else { break };
            after = last.position;
            for letter in letters {
                streams.entry(letter.stream).or_insert(letter.position);
            }
        }
        let mut streams: Vec<_> = streams.into_iter().collect();
        streams.sort_unstable_by_key(|(_, position)| *position);
        Ok(streams)
    }

    async fn skipped(
        &self,
        subscriber: &SubscriberName,
        after: Position,
        limit: usize,
    ) -> Result<Vec<(DeadLetter, String)>> {
        self.letters(subscriber, &self.keys.of(subscriber).skipped, after, limit).await
    }
}

impl Debug for RedisReadModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisReadModel").field("keys", &self.keys).finish_non_exhaustive()
    }
}

impl Display for RedisReadModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.redis, self.keys.prefix())
    }
}
