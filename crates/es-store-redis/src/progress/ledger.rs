//! The rules of progress: who may move a checkpoint, and what becomes of dead letters.
//!
//! *Hazard.* A worker that was paused wakes up after another has claimed its checkpoint; or
//! the server fails over to a replica that has not got the last claims and commits, so that an
//! epoch is given twice, and what a worker knows to be done is not done.
//! *Mechanism.* The script that writes compares epoch and log, and besides, for what was
//! claimed through this handle, a random token of the claim and the position of the last
//! commit. *Why it is sound.* Scripts run one at a time, and rows and checkpoint are in one
//! slot, so that a server that lost some has lost both. Whoever is behind is `Fenced`, and
//! begins again at the checkpoint that is there. *Cost.* A map of what was claimed.

use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex, PoisonError},
};

use es_core::{
    Checkpoint, Diverged, Error, ErrorKind, EventId, Fenced, Invalid, LogId, Owner, Position,
    Progress, Release, Result, SubscriberName, Timestamp,
};
use es_redis::{Command, Redis, Reply, Script};
use uuid::Uuid;

use super::{
    letters,
    rows::{Keys, SubscriberKeys},
    tx::RedisTx,
};
use crate::error::{damaged, from_redis};

static CLAIM: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("claim.lua")));
static ADVANCE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("advance.lua")));
static FORGET: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("forget.lua")));

const FIELDS: [&str; 6] = ["epoch", "log", "position", "event", "owner", "at"];

/// What was claimed through one handle, and how far it has been moved.
#[derive(Debug, Default)]
pub(super) struct Claims(Mutex<HashMap<SubscriberName, Claim>>);

#[derive(Clone, Debug)]
struct Claim {
    epoch: u64,
    token: String,
    position: Position,
}

impl Claim {
    /// Where the checkpoint is at least, if the server has lost nothing. A step back whose
    /// reply was lost may have taken place.
    fn least(&self, progress: &Progress) -> Position {
        if progress.moves_back { progress.position } else { self.position }
    }
}

impl Claims {
    fn with<R>(&self, act: impl FnOnce(&mut HashMap<SubscriberName, Claim>) -> R) -> R {
        // Nothing in here panics half-way.
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The claim that `progress` is made under, if it was made here.
    fn of(&self, progress: &Progress) -> Option<Claim> {
        let claim = self.with(|claims| claims.get(&progress.subscriber).cloned());
        claim.filter(|claim| claim.epoch == progress.epoch)
    }

    fn moved(&self, progress: &Progress) {
        self.with(|claims| {
            let claim = claims.get_mut(&progress.subscriber);
            if let Some(claim) = claim.filter(|claim| claim.epoch == progress.epoch) {
                claim.position = match progress.moves_back {
                    true => progress.position,
                    false => claim.position.max(progress.position),
                };
            }
        });
    }
}

pub(super) async fn claim(
    redis: &Redis,
    keys: &Keys,
    claims: &Claims,
    name: &SubscriberName,
    log: LogId,
    owner: &Owner,
) -> Result<Checkpoint> {
    let token = Uuid::now_v7().simple().to_string();
    let command = CLAIM
        .on([&keys.of(name).checkpoint])
        .arg(log.to_string())
        .arg(owner.as_str().to_owned())
        .arg(&token);
    // Claiming twice is safe, so a lost reply is as good as none.
    let answer = redis.command(command).await.map_err(from_redis)?;
    let mut parts = answer.array("a claim").map_err(from_redis)?.into_iter();
    let word = next(&mut parts)?.text("a claim").map_err(from_redis)?;
    match word.as_str() {
        "replaced" => {
            let expected = log_id(&next(&mut parts)?.text("a log").map_err(from_redis)?)?;
            Err(Diverged::Replaced { expected, found: log }.into())
        }
        _ => {
            let found = read(name, next(&mut parts)?)?;
            let checkpoint = found.ok_or_else(|| damaged("a claim without a log"))?;
            let (epoch, position) = (checkpoint.epoch, checkpoint.position);
            claims.with(|claims| claims.insert(name.clone(), Claim { epoch, token, position }));
            Ok(checkpoint)
        }
    }
}

pub(super) async fn checkpoint(
    redis: &Redis,
    keys: &Keys,
    name: &SubscriberName,
) -> Result<Option<Checkpoint>> {
    // The first value is a number, which the client takes for no message.
    let command = Command::new("HMGET").key(&keys.of(name).checkpoint).args(FIELDS);
    read(name, redis.command(command).await.map_err(from_redis)?)
}

/// Moves the checkpoint, the letters and the rows.
pub(super) async fn advance(
    redis: &Redis,
    keys: &Keys,
    claims: &Claims,
    progress: &Progress,
    tx: Option<&RedisTx>,
) -> Result<()> {
    let claim = claims.of(progress);
    let command = command(&keys.of(&progress.subscriber), claim.as_ref(), progress, tx)?;
    let answer = redis.command(command).await.map_err(of_write)?;
    let mut parts = answer.array("progress").map_err(of_write)?.into_iter();
    let word = next(&mut parts)?.text("progress").map_err(of_write)?;
    if word == "moved" {
        claims.moved(progress);
        return Ok(());
    }
    let detail = parts.next().unwrap_or(Reply::Nil);
    Err(refusal(&word, detail, claim.as_ref(), progress, tx)?)
}

pub(super) async fn forget(redis: &Redis, keys: &Keys, name: &SubscriberName) -> Result<()> {
    let answer = redis.command(FORGET.on(keys.of(name).all())).await;
    answer.map(drop).map_err(from_redis)
}

/// The arguments, in the order that the script says.
fn command(
    keys: &SubscriberKeys,
    claim: Option<&Claim>,
    progress: &Progress,
    tx: Option<&RedisTx>,
) -> Result<Command> {
    let (rows, reads, writes) =
        tx.map_or((&[][..], &[][..], &[][..]), |tx| (&tx.rows, &tx.reads, &tx.writes));
    let mut command = ADVANCE
        .on(keys.all().into_iter().chain(rows))
        .arg(progress.epoch)
        .arg(progress.log.to_string())
        .arg(progress.position.get())
        .arg(progress.event.map_or_else(String::new, |event| event.to_string()))
        .arg(claim.map_or_else(String::new, |claim| claim.token.clone()))
        .arg(claim.map_or(0, |claim| claim.least(progress).get()))
        .arg(reads.len())
        .arg(writes.len())
        .arg(progress.released.len())
        .arg(progress.parked.len())
        .arg(if progress.moves_back { letters::place(progress.position) } else { String::new() });
    for read in reads {
        let field = read.field.as_ref().map_or_else(Vec::new, |field| [b":", &field[..]].concat());
        let value = read.value.clone();
        command = command.arg(read.row + 1).arg(field);
        command = command.arg(if value.is_some() { "1" } else { "0" });
        command = command.arg(value.unwrap_or_default());
    }
    for write in writes {
        command = command.arg(write.command).arg(write.row + 1).arg(write.arguments.len());
        command = command.args(&write.arguments);
    }
    for release in &progress.released {
        let reason = match release {
            Release::Skipped(_, reason) => letters::reason(reason),
            _ => Vec::new(),
        };
        command = command.arg(letters::place(release.position())).arg(reason);
    }
    for letter in &progress.parked {
        command = command.arg(letters::place(letter.position)).arg(letters::record(letter)?);
    }
    Ok(command)
}

/// An error of what writes, and may have written.
fn of_write(error: es_redis::Error) -> Error {
    if error.kind() == es_redis::ErrorKind::Lost {
        let message = "the reply of Redis was lost: the checkpoint tells what happened";
        return Error::new(ErrorKind::OutcomeUnknown, message).with_source(error);
    }
    from_redis(error)
}

/// Why nothing was written, from the script's word for it.
fn refusal(
    word: &str,
    detail: Reply,
    claim: Option<&Claim>,
    progress: &Progress,
    tx: Option<&RedisTx>,
) -> Result<Error> {
    let name = &progress.subscriber;
    let invalid = |message: String| Error::new(ErrorKind::Invalid, message);
    let key = |detail: &Reply| {
        let index = detail.int("the number of a write").unwrap_or_default();
        let write = tx.and_then(|tx| tx.writes.get(usize::try_from(index - 1).ok()?));
        let row = write.and_then(|write| tx?.rows.get(write.row));
        (write.map_or("a command", |write| write.command), row.map_or("?", |row| row.as_str()))
    };
    Ok(match word {
        "unclaimed" if claim.is_none_or(|claim| claim.position == Position::START) => {
            let message =
                format!("nobody has claimed the checkpoint of {name}, or it was forgotten");
            Error::new(ErrorKind::NotFound, message)
        }
        "unclaimed" => {
            let message = format!(
                "the checkpoint of {name} is gone: it was forgotten, or the server was wiped"
            );
            Error::new(ErrorKind::NotFound, message)
        }
        "fenced" => {
            let current = detail.count("an epoch").map_err(of_write)?;
            Fenced::new(name.clone(), progress.epoch, current).into()
        }
        "replaced" => {
            let expected = log_id(&detail.text("a log").map_err(of_write)?)?;
            Diverged::Replaced { expected, found: progress.log }.into()
        }
        "backward" => Error::from(Invalid::Setting {
            setting: "the position of a checkpoint",
            value: format!(
                "{} after {}",
                progress.position,
                detail.text("a position").map_err(of_write)?
            ),
            remedy: "it only moves forward; say `Progress::back_to` to handle events again",
        }),
        "changed" => {
            let message = "another has changed what the transaction read: nothing was written";
            Error::new(ErrorKind::Busy, message)
        }
        "type" => {
            let (command, row) = key(&detail);
            invalid(format!("{row} holds another type than {command} needs: nothing was written"))
        }
        "number" => {
            let (_, row) = key(&detail);
            invalid(format!(
                "{row} holds no whole number, or would leave ±(2^53 - 1): nothing was written"
            ))
        }
        "denied" => {
            let (command, row) = key(&detail);
            invalid(format!("this user may not {command} {row}: nothing was written"))
        }
        other => damaged(format!("the script of progress answered {other:?}")),
    })
}

/// The checkpoint in a reply; none where it was forgotten.
fn read(name: &SubscriberName, reply: Reply) -> Result<Option<Checkpoint>> {
    let mut parts = reply.array("a checkpoint").map_err(from_redis)?.into_iter();
    let epoch = next(&mut parts)?;
    let log = next(&mut parts)?;
    if log.is_nil() {
        return Ok(None);
    }
    let mut text = || next(&mut parts)?.text("a field of a checkpoint").map_err(from_redis);
    let (position, event, owner, at) = (text()?, text()?, text()?, text()?);
    let log = log_id(&log.text("a log").map_err(from_redis)?)?;
    let mut checkpoint = Checkpoint::first(name.clone(), log, Owner::new(owner));
    checkpoint.epoch = epoch.count("an epoch").map_err(from_redis)?;
    checkpoint.position = Position::new(position.parse().map_err(damaged)?);
    checkpoint.event = match event.as_str() {
        "" => None,
        event => Some(EventId::from_uuid(Uuid::parse_str(event).map_err(damaged)?)),
    };
    checkpoint.updated_at = Timestamp::from_micros(at.parse().map_err(damaged)?);
    Ok(Some(checkpoint))
}

fn next(parts: &mut impl Iterator<Item = Reply>) -> Result<Reply> {
    parts.next().ok_or_else(|| damaged("a reply that ends early"))
}

fn log_id(text: &str) -> Result<LogId> {
    Uuid::parse_str(text).map(LogId::from_uuid).map_err(damaged)
}
