//! A database with events of eventsource-py, for one test.

use es_testkit::Fixture;
use eventsource::{Read, Recorded, Store, memory::MemoryStore, postgres::tokio_postgres::Client};
use importer::{EventsourcePy, Options, Report, Scratch, import};

pub(crate) const V0_1_0: &str = include_str!("../../sql/v0_1_0.sql");
pub(crate) const V0_14_0: &str = include_str!("../../sql/v0_14_0.sql");
pub(crate) const FILL: &str = include_str!("../../sql/fill.sql");

pub(crate) const GO_ON: Options = Options { keep_going: true };

pub(crate) struct Source {
    scratch: Scratch,
    pub(crate) client: Client,
    pub(crate) url: String,
}

impl Source {
    pub(crate) async fn import(&mut self, store: &Store, options: Options) -> Report {
        self.try_import(store, options).await.unwrap()
    }

    pub(crate) async fn try_import(
        &mut self,
        store: &Store,
        options: Options,
    ) -> anyhow::Result<Report> {
        let source = EventsourcePy::look_at(&self.client, "events").await?;
        import(store, &mut self.client, &source, options).await
    }

    pub(crate) async fn run(&self, sql: &str) {
        self.client.batch_execute(sql).await.unwrap();
    }

    pub(crate) async fn end(self) {
        drop(self.client);
        self.scratch.remove().await.unwrap();
    }
}

/// Runs a test on a fresh database that `scripts` have filled. Without a server it is skipped.
pub(crate) fn on<Test: Future<Output = ()>>(
    scripts: &'static [&'static str],
    test: impl FnOnce(Source) -> Test,
) {
    let source = async {
        let url = std::env::var("ES_TEST_POSTGRES_URL").ok().filter(|url| !url.is_empty());
        let url = url.unwrap_or_else(|| {
            es_testkit::skip("no PostgreSQL: run `cargo xtask test`, or set ES_TEST_POSTGRES_URL")
        });
        let scratch = Scratch::make(&url).await.unwrap();
        let client = scratch.connect(scripts).await.unwrap();
        let url = scratch.url();
        Fixture::new(Source { scratch, client, url }, ())
    };
    es_testkit::run(source, test);
}

pub(crate) fn memory() -> Store {
    Store::new(MemoryStore::new())
}

pub(crate) async fn all(store: &Store) -> Vec<Recorded> {
    store.read(Read::all().all_tenants()).into_vec().await.unwrap()
}

pub(crate) fn count(imported: u64, known: u64, held: u64, bad: usize) -> (u64, u64, u64, usize) {
    (imported, known, held, bad)
}

pub(crate) fn counts(report: &Report) -> (u64, u64, u64, usize) {
    (report.imported, report.known, report.held, report.bad.len())
}
