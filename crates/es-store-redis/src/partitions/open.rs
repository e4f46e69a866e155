//! How partitions are opened: connected to, compared with what is written down, made where
//! they are not there yet.

use es_core::{Error, ErrorKind, Head, LogId, Position, Result};
use es_redis::{Command, Redis};
use futures_util::future::try_join_all;

use super::{
    PartitionsError,
    layout::{Description, log_id},
    partition::Layout,
};
use crate::{
    error::{from_redis, replaced},
    open::{self, Server},
    options::RedisOptions,
    store::RedisStore,
};

/// The connections of all partitions, in their order, and how each one's log is opened.
struct Connected {
    redis: Vec<Redis>,
    options: Vec<RedisOptions>,
    servers: usize,
}

impl Connected {
    /// Partition `i` is on the server `i`, modulo their number.
    async fn to(urls: &[&str], options: &RedisOptions, count: u16) -> Result<Self> {
        let connected = (0..usize::from(count)).map(|index| async move {
            let Some(url) = urls.get(index % urls.len().max(1)) else {
                let message = "partitions need a server: name one URL at least";
                return Err(Error::new(ErrorKind::Invalid, message));
            };
            let redis = Redis::connect(url, options.link()).await.map_err(from_redis)?;
            if index < urls.len() {
                let keys = options.of_partition(index).keys();
                Server::ask(&redis, &keys.meta).await?.check(&redis.to_string(), options)?;
            }
            Ok((redis, options.of_partition(index)))
        });
        let (redis, options) = try_join_all(connected).await?.into_iter().unzip();
        Ok(Self { redis, options, servers: urls.len() })
    }

    fn parts(&self) -> impl Iterator<Item = (usize, &Redis, &RedisOptions)> {
        let parts = self.redis.iter().zip(&self.options).enumerate();
        parts.map(|(index, (redis, options))| (index, redis, options))
    }

    /// What is written down; made where nothing is. `anew` also where partitions are there
    /// without it.
    async fn described(&self, layout: Layout, anew: bool) -> Result<(&Redis, Description)> {
        let Some((_, redis, options)) = self.parts().next() else {
            return Err(PartitionsError::NoSuchPartition { asked: 0, count: 0 }.into());
        };
        let keys = options.keys();
        if !anew
            && !Description::is_there(redis, &keys).await?
            && let Some(set) = self.remains().await?
            // Or somebody else is making them right now.
            && !Description::is_there(redis, &keys).await?
        {
            return Err(replaced(set, ""));
        }
        Ok((redis, Description::of(redis, &keys, layout).await?))
    }

    /// The set that some partition belongs to, wherever that is: partition 0 was wiped, or the
    /// servers are named in another order.
    async fn remains(&self) -> Result<Option<LogId>> {
        let metas = self.options.iter().map(|options| options.keys().meta);
        let asked = metas.map(|meta| Command::new("HGET").key(&meta).arg("set"));
        let asked: Vec<Command> = asked.collect();
        for redis in self.redis.iter().take(self.servers) {
            for reply in redis.batch(&asked).await {
                let reply = reply.map_err(from_redis)?;
                if !reply.is_nil() {
                    return log_id(reply).map(Some);
                }
            }
        }
        Ok(None)
    }
}

/// Opens all partitions, and makes those that were never there.
///
/// # Errors
/// `LogDiverged` for one that was there and is not any more.
pub(super) async fn all(
    urls: &[&str],
    options: &RedisOptions,
    layout: Layout,
) -> Result<Vec<RedisStore>> {
    let connected = Connected::to(urls, options, layout.count).await?;
    let (first, description) = connected.described(layout, false).await?;
    let mut heads = Vec::with_capacity(connected.redis.len());
    for (index, redis, options) in connected.parts() {
        let keys = options.keys();
        if let Some(expected) = description.log(index)
            && there(redis, options).await?.is_none()
        {
            return Err(replaced(expected, ""));
        }
        let head = open::open(redis, &keys).await?;
        description.join((redis, &keys), first, index, head.log, false).await?;
        heads.push(head);
    }
    let parts = connected.redis.into_iter().zip(connected.options).zip(heads);
    try_join_all(parts.map(|((redis, options), head)| RedisStore::on(redis, options, head))).await
}

/// The log that a partition has now, if it has any.
async fn there(redis: &Redis, options: &RedisOptions) -> Result<Option<LogId>> {
    let asked = Command::new("HGET").key(&options.keys().meta).arg("log");
    let reply = redis.command(asked).await.map_err(from_redis)?;
    if reply.is_nil() { Ok(None) } else { log_id(reply).map(Some) }
}

/// Lets one partition go on after a loss, and takes the others as they are, so that a lost
/// description is written again.
pub(super) async fn go_on(
    urls: &[&str],
    options: &RedisOptions,
    layout: Layout,
    index: usize,
    beyond: Position,
) -> Result<Head> {
    let count = usize::from(layout.count);
    if index >= count {
        return Err(PartitionsError::NoSuchPartition { asked: index, count }.into());
    }
    let connected = Connected::to(urls, options, layout.count).await?;
    let (first, description) = connected.described(layout, true).await?;
    let mut gone_on = None;
    for (at, redis, options) in connected.parts() {
        let keys = options.keys();
        let log = if at == index {
            let head = gone_on.insert(open::go_on(redis, &keys, beyond).await?);
            head.log
        } else {
            match (there(redis, options).await?, description.log(at)) {
                (Some(found), None) => found,
                (Some(found), Some(known)) if found == known => found,
                // This one is lost as well: a call of its own goes on with it.
                _ => continue,
            }
        };
        description.join((redis, &keys), first, at, log, true).await?;
    }
    gone_on.ok_or_else(|| PartitionsError::NoSuchPartition { asked: index, count }.into())
}
