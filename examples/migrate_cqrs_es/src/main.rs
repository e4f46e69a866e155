//! Imports the events of cqrs-es, and reads them with types of our own.

use std::env;

use anyhow::{Context, Result, bail, ensure};
use cqrs_es_source::{CqrsEs, Wrapping};
use eventsource::{postgres::tokio_postgres, prelude::*};
use importer::{Options, Scratch, import};

const USAGE: &str = "migrate_cqrs_es [--source URL] [--table NAME] [--store URL] [--keep-going] \
    [--time KEY] [--event-version TEXT=NUMBER].. [--payload by-name|wrapped|plain]";

#[derive(Debug, Event)]
enum AccountEvent {
    #[event(name = "AccountOpened")]
    Opened { owner: String },
    #[event(name = "CustomerDepositedMoney")]
    Deposited { cents: u64 },
    #[event(name = "Closed")]
    Closed,
}

#[derive(Debug, Default)]
struct Account {
    owner: String,
    cents: u64,
    is_closed: bool,
}

impl Aggregate for Account {
    const CATEGORY: &'static str = "account";
    type Event = AccountEvent;

    fn evolve(&mut self, event: &AccountEvent) {
        match event {
            AccountEvent::Opened { owner } => self.owner.clone_from(owner),
            AccountEvent::Deposited { cents } => self.cents += cents,
            AccountEvent::Closed => self.is_closed = true,
        }
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut url = format!("sqlite:{}", folder.path().join("log.db").display());
    let (mut source, mut table, mut options) = (None, "events".to_owned(), Options::default());
    let (mut time, mut versions, mut wrapping) = (None, Vec::new(), Wrapping::ByName);
    let mut words = env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().context(USAGE);
        match word.as_str() {
            "--source" => source = Some(value()?),
            "--store" => url = value()?,
            "--table" => table = value()?,
            "--time" => time = Some(value()?),
            "--event-version" => versions.push(value()?),
            "--payload" => {
                wrapping = match value()?.as_str() {
                    "by-name" => Wrapping::ByName,
                    "wrapped" => Wrapping::Always,
                    "plain" => Wrapping::Never,
                    _ => bail!("{USAGE}"),
                }
            }
            "--keep-going" => options.keep_going = true,
            other => bail!("{USAGE}, without {other}"),
        }
    }
    let store = eventsource::open(&url).await?;
    let Some(source) = source else { return demonstrate(&store).await };

    let (mut client, connection) = tokio_postgres::connect(&source, tokio_postgres::NoTls).await?;
    tokio::spawn(connection);
    let mut source = CqrsEs::look_at(&client, &table).await?.with_wrapping(wrapping);
    if let Some(key) = time {
        source = source.with_time_key(key);
    }
    for version in versions {
        let (text, number) = version.split_once('=').context(USAGE)?;
        source = source.with_version(text, number.parse()?);
    }
    let report = import(&store, &mut client, &source, options).await?;
    println!("{report}");
    ensure!(report.bad.is_empty(), "{} rows are bad", report.bad.len());
    Ok(())
}

/// Fills a database as cqrs-es would have, imports it twice, and looks at the result.
async fn demonstrate(store: &Store) -> Result<()> {
    let server = env::var("ES_TEST_POSTGRES_URL");
    let server = server.context("name a database by --source, or a server to try it on")?;
    let scratch = Scratch::make(&server).await?;
    let scripts = [include_str!("../sql/v0_5_0.sql"), include_str!("../sql/fill.sql")];
    let mut client = scratch.connect(&scripts).await?;
    let source = CqrsEs::look_at(&client, "events").await?.with_time_key("time");

    println!("{}", import(store, &mut client, &source, Options::default()).await?);
    let head = store.head().await?;
    println!("again: {}", import(store, &mut client, &source, Options::default()).await?);
    ensure!(store.head().await? == head, "a second run changes nothing");

    let accounts = Repository::<Account>::new(store.clone());
    let account = accounts.load("ACCT-0002").await?;
    println!("{}: {:?}", account.stream(), account.state());
    ensure!((account.cents, account.is_closed) == (500, true) && account.owner == "owner 2");
    drop(client);
    scratch.remove().await
}
