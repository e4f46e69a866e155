//! The floor: the script of the store and its lists, called by hand. It is one client for all
//! tasks, which sends what they have without waiting, as that of the store does.

use std::collections::HashMap;

use anyhow::{Context, bail, ensure};
use eventsource::{NewEvent, Store, prelude::*};
use fred::{
    clients::Client,
    interfaces::ClientLike,
    types::{ClusterHash, CustomCommand, Value, config::Config},
};

use futures_util::future::try_join_all;

use crate::domain::{Account, AccountEvent};

const SCRIPT: &str = include_str!("../../../crates/es-store-redis/src/append/append.lua");

/// A client on the keys of a log that the store has made.
pub(super) struct Floor {
    client: Client,
    name: String,
    log: String,
    digest: String,
}

impl Floor {
    pub(super) async fn new(url: &str, name: &str, store: &Store) -> anyhow::Result<Self> {
        let client = Client::new(Config::from_url(url)?, None, None, None);
        client.init().await?;
        let log = store.head().await?.log.to_string();
        let mut floor = Self { client, name: name.to_owned(), log, digest: String::new() };
        let loaded = floor.call("SCRIPT", vec!["LOAD".into(), SCRIPT.into()]).await?;
        floor.digest = loaded.as_string().context("a digest")?;
        Ok(floor)
    }

    pub(super) async fn call(
        &self,
        command: &'static str,
        arguments: Vec<Value>,
    ) -> anyhow::Result<Value> {
        let command = CustomCommand::new_static(command, ClusterHash::FirstKey, false);
        Ok(self.client.custom(command, arguments).await?)
    }

    /// The least that an append does: one call, with the arguments that the script wants.
    pub(super) async fn append(
        &self,
        stream: &str,
        version: u64,
        events: &[NewEvent],
    ) -> anyhow::Result<()> {
        let key = |rest: &str| Value::from(format!("{{{}}}:{rest}", self.name));
        let mut keys = vec![key("meta"), key("log"), key("tenants"), key("meta")];
        keys.push(key(&format!("s:{stream}")));
        keys.push(key("c:@account"));
        let count = i64::try_from(events.len())?;
        let mut arguments = vec![
            Value::from(self.log.as_str()),
            0.into(),
            "".into(), // nothing that was seen
            0.into(),
            "".into(), // of no tenant
            "".into(), // without a look at the rights of the user
            1.into(),
            stream.into(),
            i64::try_from(version)?.into(),
            count.into(),
            0.into(),
        ];
        for event in events {
            let id = event.id.as_uuid().into_bytes();
            let bucket = u16::from_be_bytes([id[14], id[15]]) % 4_096;
            keys.push(key(&format!("ids:{bucket:03x}")));
            keys.push(key(&format!("t:@{}", event.schema.name)));
            arguments.push(Value::Bytes(id.to_vec().into()));
            arguments.push(0.into());
            arguments.push(Value::Bytes(record(event)?.into()));
        }
        arguments.push(0.into());
        let mut all = vec![Value::from(self.digest.as_str()), i64::try_from(keys.len())?.into()];
        all.extend(keys);
        all.extend(arguments);
        let reply = self.call("EVALSHA", all).await?;
        let word = reply.into_array().first().and_then(Value::as_string);
        ensure!(word.as_deref() == Some("OK"), "{word:?}");
        Ok(())
    }

    /// One stream, decoded and folded.
    pub(super) async fn fold(&self, stream: &str, state: &mut Account) -> anyhow::Result<()> {
        let key = format!("{{{}}}:s:{stream}", self.name);
        let reply = self.call("LRANGE", vec![key.into(), 0.into(), (-1).into()]).await?;
        for record in reply.into_array() {
            let Value::Bytes(record) = record else { bail!("no record") };
            state.evolve(&decode(&record)?);
        }
        Ok(())
    }
}

/// Where a part of an entry of the log lies: version of its first event, and how many there are.
type Ranges = HashMap<String, (u64, u64)>;

impl Floor {
    /// The whole log in its order, folded: entries that point into streams, then the lists of
    /// these, pipelined, each once a page.
    pub(super) async fn replay(&self, state: &mut Account) -> anyhow::Result<()> {
        let mut next = 1;
        loop {
            let from = format!("{next}-0");
            let key = format!("{{{}}}:log", self.name);
            let arguments = vec![key.into(), from.into(), "+".into(), "COUNT".into(), 200.into()];
            let entries = self.call("XRANGE", arguments).await?.into_array();
            let mut ranges = Ranges::new();
            for entry in entries {
                next = entry_of(entry, &mut ranges)? + 1;
            }
            if ranges.is_empty() {
                return Ok(());
            }
            let lists = ranges.into_iter().map(|(stream, range)| self.range(stream, range));
            let mut page: Vec<_> = try_join_all(lists).await?.into_iter().flatten().collect();
            page.sort_by_key(|(position, _)| *position);
            for (_, event) in page {
                state.evolve(&event);
            }
        }
    }

    async fn range(
        &self,
        stream: String,
        (version, count): (u64, u64),
    ) -> anyhow::Result<Vec<(u64, AccountEvent)>> {
        let key = format!("{{{}}}:s:{stream}", self.name);
        let (first, last) = (i64::try_from(version - 1)?, i64::try_from(version + count - 2)?);
        let reply = self.call("LRANGE", vec![key.into(), first.into(), last.into()]).await?;
        let records = reply.into_array().into_iter().map(|record| {
            let Value::Bytes(record) = record else { bail!("no record") };
            let position = record.first_chunk().context("a record without a position")?;
            Ok((u64::from_be_bytes(*position), decode(&record)?))
        });
        records.collect()
    }
}

/// Adds what an entry points to, and gives its last position.
fn entry_of(entry: Value, ranges: &mut Ranges) -> anyhow::Result<u64> {
    let mut entry = entry.into_array().into_iter();
    let (id, fields) = (entry.next().context("an id")?, entry.next().context("fields")?);
    let id = id.as_string().context("an id")?;
    let last = id.split('-').next().context("an id")?.parse()?;
    let text = fields.into_array().into_iter().nth(1).and_then(|text| text.as_string());
    for part in text.context("a part")?.split('\n') {
        let mut words = part.splitn(3, ':');
        let mut word = || words.next().context("a part");
        let (version, count): (u64, u64) = (word()?.parse()?, word()?.parse()?);
        let range = ranges.entry(word()?.to_owned()).or_insert((version, 0));
        range.1 += count;
    }
    Ok(last)
}

/// What the store keeps of an event that has nothing unusual.
fn record(event: &NewEvent) -> anyhow::Result<Vec<u8>> {
    let name = event.schema.name.as_str().as_bytes();
    let mut record = Vec::with_capacity(64 + event.payload.bytes().len());
    record.extend(event.id.as_uuid().as_bytes());
    record.extend(event.schema.version.to_be_bytes());
    record.push(0);
    record.extend(u16::try_from(name.len())?.to_be_bytes());
    record.extend(name);
    record.extend(&event.payload.bytes()[..]);
    Ok(record)
}

#[derive(serde::Deserialize)]
struct Fields {
    cents: u64,
    reference: String,
    counterparty: String,
    booked_on: String,
}

fn decode(record: &[u8]) -> anyhow::Result<AccountEvent> {
    // Position, time, id, version, then the flags, and the length of the name.
    let (head, rest) = record.split_at_checked(16 + 16 + 5).context("a record that ends early")?;
    let (length, rest) = rest.split_first_chunk::<2>().context("a record without a name")?;
    let (name, rest) = rest
        .split_at_checked(usize::from(u16::from_be_bytes(*length)))
        .context("a record without a payload")?;
    // Ids of what belongs together: 16 bytes each, where there are any.
    let flags = head.last().copied().unwrap_or_default();
    ensure!(flags < 4, "a record that is not one of ours");
    let ids = 16 * usize::from(flags & 1) + 16 * usize::from(flags >> 1);
    let payload = rest.get(ids..).context("a record without a payload")?;
    let Fields { cents, reference, counterparty, booked_on } = serde_json::from_slice(payload)?;
    Ok(match name {
        b"account.withdrawn" => {
            AccountEvent::Withdrawn { cents, reference, counterparty, booked_on }
        }
        _ => AccountEvent::Deposited { cents, reference, counterparty, booked_on },
    })
}
