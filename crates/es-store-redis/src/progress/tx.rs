//! A transaction that the user writes rows in: kept here until it commits.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use es_core::{Error, ErrorKind, Invalid, Result};
use es_redis::{Command, Redis};

use super::rows::Keys;
use crate::error::{from_redis, of_row};

/// Commits of more writes would keep the server from everything else for too long.
const MOST_WRITES: usize = 10_000;
const MOST_BYTES: usize = 16 << 20;
/// Up to here the scripts of Redis count exactly.
const LARGEST: i64 = (1 << 53) - 1;

/// A transaction of a [`RedisReadModel`](crate::RedisReadModel). It keeps the writes, and the
/// commit sends them together with the checkpoint, in one script; dropping it forgets them.
///
/// Keys are names within the read model; [`RedisReadModel::key`](crate::RedisReadModel::key)
/// says what they are called in Redis. Say what changes by [`increment`](Self::increment) and
/// the like where you can: reading costs a round trip. A read sees the writes of the same
/// transaction, and a commit is refused as `Busy` when another has changed what was read; then
/// the runner applies the events again.
///
/// A commit is refused as a whole, as `Invalid`, when a key holds another type than a write
/// needs, or a value that is counted up is no whole number or leaves ±(2⁵³ − 1).
///
/// One transaction takes 10,000 writes and 16 MiB at most.
///
/// ```no_run
/// use es_core::{BoxError, Recorded};
/// use es_store_redis::RedisTx;
///
/// /// What a projection does with an event.
/// async fn apply(event: &Recorded, tx: &mut RedisTx) -> Result<(), BoxError> {
///     let account = event.stream.key().as_str();
///     tx.hash_increment("events", account, 1)?;
///     tx.sorted_add("busy", account, 1.0)?;
///     Ok(())
/// }
/// ```
#[derive(Debug)]
pub struct RedisTx {
    redis: Redis,
    keys: Keys,
    pub(super) rows: Vec<String>,
    numbers: HashMap<String, usize>,
    pub(super) reads: Vec<Read>,
    pub(super) writes: Vec<Write>,
    size: usize,
    /// What reads of this transaction see before they look at the server.
    pending: HashMap<Place, Pending>,
    deleted: HashSet<usize>,
    /// Why the server did not answer a read.
    pub(super) trouble: Option<ErrorKind>,
}

/// A row, and a field of it where it is a hash.
type Place = (usize, Option<Vec<u8>>);

#[derive(Debug)]
enum Pending {
    Is(Option<Bytes>),
    More(i64),
}

/// What the server must still have when the transaction commits.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) row: usize,
    pub(super) field: Option<Vec<u8>>,
    pub(super) value: Option<Bytes>,
}

/// One command for one row.
#[derive(Debug)]
pub(super) struct Write {
    pub(super) command: &'static str,
    pub(super) row: usize,
    pub(super) arguments: Vec<Bytes>,
}

impl RedisTx {
    pub(super) fn new(redis: Redis, keys: Keys) -> Self {
        Self {
            redis,
            keys,
            rows: Vec::new(),
            numbers: HashMap::new(),
            reads: Vec::new(),
            writes: Vec::new(),
            size: 0,
            pending: HashMap::new(),
            deleted: HashSet::new(),
            trouble: None,
        }
    }

    /// Sets the value of a key, whatever was there.
    ///
    /// # Errors
    /// `Invalid` when the transaction is full, as for every write.
    pub fn set(&mut self, key: &str, value: impl AsRef<[u8]>) -> Result<()> {
        let (row, value) = (self.row(key), copy(value));
        self.write("SET", row, [value.clone()])?;
        self.forget_fields(row);
        self.deleted.insert(row);
        self.pending.insert((row, None), Pending::Is(Some(value)));
        Ok(())
    }

    /// Adds to the number at a key; an absent one counts as 0.
    ///
    /// # Errors
    /// `Invalid` when `by` is beyond ±(2⁵³ − 1), or the transaction is full.
    pub fn increment(&mut self, key: &str, by: i64) -> Result<()> {
        let row = self.row(key);
        self.count("INCRBY", row, None, by)
    }

    /// Removes a key, of whatever type.
    ///
    /// # Errors
    /// `Invalid` when the transaction is full.
    pub fn delete(&mut self, key: &str) -> Result<()> {
        let row = self.row(key);
        self.write("DEL", row, [])?;
        self.forget_fields(row);
        self.deleted.insert(row);
        Ok(())
    }

    /// Sets a field of a hash.
    ///
    /// # Errors
    /// `Invalid` when the transaction is full.
    pub fn hash_set(
        &mut self,
        key: &str,
        field: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
    ) -> Result<()> {
        let (row, field, value) = (self.row(key), copy(field), copy(value));
        self.write("HSET", row, [field.clone(), value.clone()])?;
        self.pending.insert((row, Some(field.into())), Pending::Is(Some(value)));
        Ok(())
    }

    /// Adds to the number in a field of a hash; an absent one counts as 0.
    ///
    /// # Errors
    /// `Invalid` when `by` is beyond ±(2⁵³ − 1), or the transaction is full.
    pub fn hash_increment(&mut self, key: &str, field: impl AsRef<[u8]>, by: i64) -> Result<()> {
        let row = self.row(key);
        self.count("HINCRBY", row, Some(field.as_ref()), by)
    }

    /// Removes a field of a hash.
    ///
    /// # Errors
    /// `Invalid` when the transaction is full.
    pub fn hash_delete(&mut self, key: &str, field: impl AsRef<[u8]>) -> Result<()> {
        let (row, field) = (self.row(key), copy(field));
        self.write("HDEL", row, [field.clone()])?;
        self.pending.insert((row, Some(field.into())), Pending::Is(None));
        Ok(())
    }

    /// Puts a member into a set.
    ///
    /// # Errors
    /// `Invalid` when the transaction is full.
    pub fn set_add(&mut self, key: &str, member: impl AsRef<[u8]>) -> Result<()> {
        let row = self.row(key);
        self.write("SADD", row, [copy(member)])
    }

    /// Takes a member out of a set.
    ///
    /// # Errors
    /// `Invalid` when the transaction is full.
    pub fn set_remove(&mut self, key: &str, member: impl AsRef<[u8]>) -> Result<()> {
        let row = self.row(key);
        self.write("SREM", row, [copy(member)])
    }

    /// Puts a member into a sorted set, or gives it another score.
    ///
    /// # Errors
    /// `Invalid` when the score is not finite, or the transaction is full.
    pub fn sorted_add(&mut self, key: &str, member: impl AsRef<[u8]>, score: f64) -> Result<()> {
        let (row, score) = (self.row(key), finite(score)?);
        self.write("ZADD", row, [score, copy(member)])
    }

    /// Adds to the score of a member of a sorted set; an absent one counts as 0.
    ///
    /// # Errors
    /// `Invalid` when `by` is not finite, or the transaction is full.
    pub fn sorted_increment(&mut self, key: &str, member: impl AsRef<[u8]>, by: f64) -> Result<()> {
        let (row, by) = (self.row(key), finite(by)?);
        self.write("ZINCRBY", row, [by, copy(member)])
    }

    /// Takes a member out of a sorted set.
    ///
    /// # Errors
    /// `Invalid` when the transaction is full.
    pub fn sorted_remove(&mut self, key: &str, member: impl AsRef<[u8]>) -> Result<()> {
        let row = self.row(key);
        self.write("ZREM", row, [copy(member)])
    }

    /// Puts a value behind the last one of a list.
    ///
    /// # Errors
    /// `Invalid` when the transaction is full.
    pub fn list_push(&mut self, key: &str, value: impl AsRef<[u8]>) -> Result<()> {
        let row = self.row(key);
        self.write("RPUSH", row, [copy(value)])
    }

    /// Cuts a list down to its last `count` values, 1 at least.
    ///
    /// # Errors
    /// `Invalid` when `count` is 0 (delete the key instead), or the transaction is full.
    pub fn list_keep_last(&mut self, key: &str, count: u32) -> Result<()> {
        if count == 0 {
            return Err(Error::from(Invalid::Setting {
                setting: "the number of values of a list to keep",
                value: count.to_string(),
                remedy: "keep one or more, or delete the key",
            }));
        }
        let row = self.row(key);
        self.write("LTRIM", row, [format!("-{count}").into(), Bytes::from_static(b"-1")])
    }

    /// The value of a key, as this transaction will leave it.
    ///
    /// # Errors
    /// `Invalid` when the key holds another type, or no number where one is counted up; those
    /// of the connection.
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    pub async fn get(&mut self, key: &str) -> Result<Option<Bytes>> {
        let row = self.row(key);
        self.read(row, None).await
    }

    /// The value in a field of a hash, as this transaction will leave it.
    ///
    /// # Errors
    /// Those of [`RedisTx::get`].
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    pub async fn hash_get(
        &mut self,
        key: &str,
        field: impl AsRef<[u8]> + Send,
    ) -> Result<Option<Bytes>> {
        let (row, field) = (self.row(key), field.as_ref().to_vec());
        self.read(row, Some(field)).await
    }

    async fn read(&mut self, row: usize, field: Option<Vec<u8>>) -> Result<Option<Bytes>> {
        let place = (row, field);
        let more = match self.pending.get(&place) {
            Some(Pending::Is(value)) => return Ok(value.clone()),
            Some(Pending::More(by)) => Some(*by),
            None => None,
        };
        let value = if self.deleted.contains(&row) { None } else { self.ask(&place).await? };
        let Some(by) = more else { return Ok(value) };
        let sum = number(value.as_deref())
            .and_then(|number| number.checked_add(by))
            .ok_or_else(|| no_number(&self.rows[row]))?;
        Ok(Some(sum.to_string().into()))
    }

    /// What the server has, which it must still have at the commit.
    async fn ask(&mut self, place: &Place) -> Result<Option<Bytes>> {
        let known = self.reads.iter().find(|read| (read.row, &read.field) == (place.0, &place.1));
        if let Some(known) = known {
            return Ok(known.value.clone());
        }
        let (row, field) = place;
        let key = &self.rows[*row];
        let command = match field {
            None => Command::new("GET").key(key),
            Some(field) => Command::new("HGET").key(key).arg(field.clone()),
        };
        let reply = self.redis.command(command).await.map_err(of_row);
        let reply = reply.inspect_err(|error| {
            self.trouble = Some(error.kind()).filter(|_| error.is_temporary());
        })?;
        let value =
            if reply.is_nil() { None } else { Some(reply.bytes("a row").map_err(from_redis)?) };
        self.charge(value.as_ref().map_or(0, Bytes::len) + field.as_ref().map_or(0, Vec::len))?;
        self.reads.push(Read { row: *row, field: field.clone(), value: value.clone() });
        Ok(value)
    }

    fn count(
        &mut self,
        command: &'static str,
        row: usize,
        field: Option<&[u8]>,
        by: i64,
    ) -> Result<()> {
        if by.unsigned_abs() > LARGEST.unsigned_abs() {
            return Err(Error::from(Invalid::Setting {
                setting: "what is added to a number in Redis",
                value: by.to_string(),
                remedy: "keep within ±(2^53 - 1)",
            }));
        }
        let field = field.map(<[u8]>::to_vec);
        let arguments = field.iter().cloned().map(Bytes::from);
        self.write(command, row, arguments.chain([by.to_string().into()]))?;
        let is_new = self.deleted.contains(&row);
        let pending = self.pending.entry((row, field)).or_insert_with(|| match is_new {
            true => Pending::Is(None),
            false => Pending::More(0),
        });
        match pending {
            Pending::More(sum) => *sum = sum.saturating_add(by),
            Pending::Is(value) => {
                // What is no number is refused by the commit.
                let sum = number(value.as_deref()).map_or(by, |number| number.saturating_add(by));
                *value = Some(sum.to_string().into());
            }
        }
        Ok(())
    }

    fn write(
        &mut self,
        command: &'static str,
        row: usize,
        arguments: impl IntoIterator<Item = Bytes>,
    ) -> Result<()> {
        let arguments: Vec<Bytes> = arguments.into_iter().collect();
        self.charge(arguments.iter().map(Bytes::len).sum())?;
        self.writes.push(Write { command, row, arguments });
        Ok(())
    }

    fn charge(&mut self, bytes: usize) -> Result<()> {
        let size = self.size.saturating_add(bytes);
        if self.writes.len() + self.reads.len() >= MOST_WRITES || size > MOST_BYTES {
            return Err(Error::from(Invalid::Setting {
                setting: "the size of a transaction in Redis",
                value: format!(
                    "{} writes and reads, {size} bytes",
                    self.writes.len() + self.reads.len()
                ),
                remedy: "commit more often: give the runner smaller batches",
            }));
        }
        self.size = size;
        Ok(())
    }

    fn row(&mut self, key: &str) -> usize {
        let next = self.rows.len();
        let row = *self.numbers.entry(key.to_owned()).or_insert(next);
        if row == next {
            self.rows.push(self.keys.row(key));
        }
        row
    }

    fn forget_fields(&mut self, row: usize) {
        self.pending.retain(|(other, _), _| *other != row);
    }
}

fn copy(bytes: impl AsRef<[u8]>) -> Bytes {
    Bytes::copy_from_slice(bytes.as_ref())
}

fn number(value: Option<&[u8]>) -> Option<i64> {
    match value {
        None => Some(0),
        Some(value) => std::str::from_utf8(value).ok()?.parse().ok(),
    }
}

fn no_number(key: &str) -> Error {
    let message = format!("{key} holds no whole number that can be counted up");
    Error::new(ErrorKind::Invalid, message)
}

fn finite(score: f64) -> Result<Bytes> {
    if score.is_finite() {
        // The shortest text that reads as the same number.
        return Ok(score.to_string().into());
    }
    Err(Error::from(Invalid::Setting {
        setting: "a score of a sorted set",
        value: score.to_string(),
        remedy: "use a finite number",
    }))
}
