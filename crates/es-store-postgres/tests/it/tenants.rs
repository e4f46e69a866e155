//! Tenants that the database keeps apart: roles that serve one, and what they can and cannot do.

use std::{error::Error as _, sync::Arc, thread};

use es_core::{
    Append, Error, ErrorKind, ExpectedVersion, Follow, NewEvent, Payload, Read, Recorded, Store,
    StreamId, Tag, Tenant, TenantScope,
};
use es_store_postgres::{PostgresStore, tokio_postgres::Client};

use crate::{
    checks::event,
    server::{Schema, connect, on_a_schema, on_partitions},
};

/// A role that serves tenants of a log; it goes with its test.
pub(crate) struct Role {
    pub(crate) name: String,
    schema: Arc<Schema>,
}

impl Role {
    /// Has the log keep tenants apart, and makes a role that serves some: '' is none.
    pub(crate) async fn of(schema: Arc<Schema>, name: &str, tenants: &[&str]) -> Self {
        PostgresStore::separate_tenants(&schema.url, &schema.options(), &[]).await.unwrap();
        let role = Self { name: format!("{}_{name}", schema.name), schema };
        let client = role.schema.client().await;
        client.batch_execute(&format!("CREATE ROLE {}", role.name)).await.unwrap();
        for tenant in tenants {
            let scope = match *tenant {
                "" => TenantScope::Untenanted,
                tenant => TenantScope::One(Tenant::new(tenant).unwrap()),
            };
            let (url, options) = (&role.schema.url, role.schema.options());
            PostgresStore::admit(url, &options, &role.name, scope).await.unwrap();
        }
        role
    }

    pub(crate) fn url(&self) -> String {
        let mark = if self.schema.url.contains('?') { '&' } else { '?' };
        format!("{}{mark}options=-c%20role%3D{}", self.schema.url, self.name)
    }

    async fn open(&self) -> Result<PostgresStore, Error> {
        PostgresStore::open_with(&self.url(), self.schema.options()).await
    }

    async fn store(&self) -> Store {
        Store::new(self.open().await.unwrap())
    }

    /// A connection that is this role.
    pub(crate) async fn client(&self) -> Client {
        connect(&self.url()).await
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        if thread::panicking() {
            return;
        }
        let (url, name) = (self.schema.url.clone(), self.name.clone());
        let dropped = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let sql = format!("DROP OWNED BY {name}; DROP ROLE {name}");
                connect(&url).await.batch_execute(&sql).await
            })
        });
        dropped.join().unwrap().unwrap();
    }
}

mod contract {
    use std::sync::Arc;

    use es_testkit::Fixture;

    use super::Role;
    use crate::server::{Schema, url};

    es_testkit::contract_tests!(
        fixture = || async {
            let schema = Arc::new(Schema::new(url()));
            schema.open().await;
            let longest = "x".repeat(es_core::limits::MAX_TENANT_BYTES);
            let role = Role::of(schema, "app", &["", "acme", "umbrella", &longest]).await;
            Fixture::new(role.store().await, role)
        }
    );
}

fn of(tenant: &str) -> StreamId {
    let stream = StreamId::new("account", "same").unwrap();
    match tenant {
        "" => stream,
        tenant => stream.with_tenant(Tenant::new(tenant).unwrap()),
    }
}

fn tagged() -> NewEvent {
    event().with_tag(Tag::new("of", "all").unwrap())
}

async fn note(store: &Store, tenant: &str) -> Result<es_core::Receipt, Error> {
    store.append(Append::to(of(tenant), ExpectedVersion::Any).event(tagged())).await
}

async fn all(store: &Store) -> Vec<Recorded> {
    store.read(Read::all().all_tenants()).into_vec().await.unwrap()
}

/// A log in which each of three tenants has five events, in turns; the store of its owner.
async fn filled(schema: &Schema) -> Store {
    let owner = schema.store().await;
    for _ in 0..5 {
        for tenant in ["", "acme", "umbrella"] {
            note(&owner, tenant).await.unwrap();
        }
    }
    owner
}

/// What a role may not do is told with the remedy, and with who asked for what.
fn is_not_served(error: &Error, role: &Role, tenant: &str) {
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error:?}");
    assert!(error.to_string().contains("admit"), "{error}");
    let source = format!("{:?}", error.source().unwrap());
    assert!(source.contains(&role.name) && source.contains(tenant), "{source}");
}

async fn apart(schema: Arc<Schema>) {
    let owner = filled(&schema).await;
    let role = Role::of(Arc::clone(&schema), "acme", &["acme"]).await;
    let acme = role.store().await;
    let everything = all(&owner).await;
    let theirs = everything.last().unwrap();

    // What it reads is its own, however it asks, and the log ends where it ends.
    let own: Vec<_> = everything.iter().filter(|event| event.stream == of("acme")).collect();
    let reads = [
        Read::all(),
        Read::all().backward(),
        Read::category(es_core::Category::from_static("account")),
        Read::all().of_types([es_core::EventType::from_static("noted")]),
        Read::all().tagged(Tag::new("of", "all").unwrap()),
        Read::all().recorded_since(everything[0].recorded_at),
    ];
    for read in reads {
        let mut found = acme.read(read.clone().all_tenants()).into_vec().await.unwrap();
        found.sort_by_key(|event| event.position);
        assert!(found.iter().eq(own.iter().copied()), "{read:?}: {found:?}");
    }
    let (head, known) = (acme.head().await.unwrap(), owner.head().await.unwrap());
    assert_eq!(head, known);
    // What a follower may have to find again is told only where it can be found.
    assert_eq!((head.last(), known.last()), (None, Some(theirs.id)));
    for tenant in ["", "umbrella"] {
        assert_eq!(acme.version(&of(tenant)).await.unwrap(), None, "{tenant}");
        assert!(acme.read(Read::stream(of(tenant))).into_vec().await.unwrap().is_empty());
    }
    assert!(acme.read(Read::event(theirs.id)).into_vec().await.unwrap().is_empty());
    assert_eq!(acme.read(Read::event(own[0].id)).into_vec().await.unwrap().len(), 1);

    // What it writes is its own: another's is refused, whatever is expected of it.
    let exact = ExpectedVersion::Exact(es_core::Version::new(5).unwrap());
    for expected in [ExpectedVersion::Any, ExpectedVersion::NoStream, exact] {
        let two = Append::to(of("umbrella"), expected).events([event(), event()]);
        let one = Append::to(of("umbrella"), expected).event(event());
        for append in [one, two] {
            is_not_served(&acme.append(append).await.unwrap_err(), &role, "umbrella");
        }
    }
    let twice = NewEvent::known(theirs.id, theirs.schema.clone(), Payload::json(&1).unwrap());
    let error = acme.append(Append::to(of("acme"), ExpectedVersion::Any).event(twice)).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::IdempotencyClash);
    assert_eq!(all(&owner).await.len(), 15, "nothing was written");
    assert_eq!(note(&acme, "acme").await.unwrap().last.get(), 16, "dense over all tenants");
    assert_eq!(acme.head().await.unwrap().last(), owner.head().await.unwrap().last());
    let again = tagged();
    let append = || Append::to(of("acme"), ExpectedVersion::Any).event(again.clone());
    let first = acme.append(append()).await.unwrap();
    let replay = acme.append(append()).await.unwrap();
    assert!(replay.replayed && replay.last == first.last, "{replay:?}");
    // A stream that it only requires is looked at no further than its own.
    let requiring = Append::to(of("acme"), ExpectedVersion::Any).event(event());
    let own_stream = StreamId::new("account", "none").unwrap();
    let own_stream = own_stream.with_tenant(Tenant::from_static("acme"));
    acme.append(requiring.require(own_stream, ExpectedVersion::NoStream)).await.unwrap();
    let positions = all(&owner).await.into_iter().map(|event| event.position.get());
    assert!(positions.eq(1..=18));
}

#[test]
fn a_role_has_the_streams_of_its_tenant_and_no_others() {
    on_a_schema(apart);
}

#[test]
fn a_role_has_the_streams_of_its_tenant_and_no_others_in_partitions() {
    on_partitions(4, apart);
}

#[test]
fn a_follower_of_one_tenant_passes_what_is_not_its_own() {
    on_a_schema(|schema| async move {
        let owner = filled(&schema).await;
        let role = Role::of(Arc::clone(&schema), "acme", &["acme"]).await;
        let acme = role.store().await;
        let mut followed = acme.follow(Read::all().all_tenants());
        let mut count = 0;
        // Behind its own events, and behind those of others alone.
        for (number, tenant) in ["umbrella", "umbrella", "acme", "", "acme"].into_iter().enumerate()
        {
            let last = note(&owner, tenant).await.unwrap().last;
            loop {
                match followed.next().await.unwrap().unwrap() {
                    Follow::Event(event) => {
                        assert_eq!(event.stream, of("acme"));
                        count += 1;
                    }
                    Follow::CaughtUp(head) if head.position >= last => break,
                    Follow::CaughtUp(_) => {}
                }
            }
            assert_eq!(
                count,
                if number < 2 {
                    5
                } else if number < 4 {
                    6
                } else {
                    7
                }
            );
        }
    });
}

/// Runs SQL as a role, and gives the code of the refusal.
async fn refused(client: &Client, schema: &Schema, sql: &str) -> String {
    let sql = sql.replace("{es}", &format!("{}.es_", schema.name));
    let error = client.batch_execute(&sql).await.unwrap_err();
    error.as_db_error().unwrap().code().code().to_owned()
}

#[test]
fn sql_of_a_role_meets_the_same_walls() {
    on_partitions(4, |schema| async move {
        let _owner = filled(&schema).await;
        let role = Role::of(Arc::clone(&schema), "acme", &["acme"]).await;
        let client = role.client().await;
        for table in ["events", "history", "keys"] {
            let sql = format!("SELECT count(*) FROM {}.es_{table}", schema.name);
            assert_eq!(client.query_one(&sql, &[]).await.unwrap().get::<_, i64>(0), 5, "{table}");
        }
        let forbidden = [
            "INSERT INTO {es}events SELECT * FROM {es}events",
            "INSERT INTO {es}tenants VALUES (current_user, NULL)",
            "SELECT * FROM {es}events_1",
            "SELECT {es}admit(current_user, NULL)",
            "DELETE FROM {es}events",
            "SELECT {es}append_one(l.id, gen_random_uuid(), '', -1, 1, '', '', '', \
             gen_random_uuid(), 1, '', null, null, null, null, null) FROM {es}log l",
        ];
        for sql in forbidden {
            assert_eq!(refused(&client, &schema, sql).await, "42501", "{sql}");
        }
        // Who connects as the role is that role too, without having taken it.
        let session = format!("SET SESSION AUTHORIZATION {}", role.name);
        let connected = schema.client().await;
        connected.batch_execute(&session).await.unwrap();
        let caller = format!("SELECT {}.es_caller()::text", schema.name);
        for client in [&client, &connected] {
            let caller: String = client.query_one(&caller, &[]).await.unwrap().get(0);
            assert_eq!(caller, role.name);
        }
        // Names of its own with the numbers of another's stream, or of another's family.
        let stream = |tenant| format!("{{es}}stream('{tenant}', 'account', 'same')");
        let family = |tenant| format!("{{es}}family('{tenant}', 'account', 'noted')");
        for (of_stream, of_family) in [("umbrella", "acme"), ("acme", "umbrella")] {
            let (stream, family) = (stream(of_stream), family(of_family));
            let one = format!(
                "SELECT {{es}}tenant_append_one(l.id, {stream}, 'same', -1, {family}, 'acme', \
                 'account', 'noted', gen_random_uuid(), 1, '1', null, null, null, null, null) \
                 FROM {{es}}log l"
            );
            assert_eq!(refused(&client, &schema, &one).await, "ES006");
            assert_eq!(refused(&client, &schema, &many(&stream, &family, 0)).await, "ES006");
        }
        // Places that would leave a hole.
        let holes = many(&stream("acme"), &family("acme"), 7);
        assert_eq!(refused(&client, &schema, &holes).await, "ES006");
        // A stream of another's that is only required.
        let sound = many(&stream("acme"), &family("acme"), 0);
        let begins = format!("ARRAY[{}], ARRAY['same'], ARRAY[1], ARRAY[1], ", stream("acme"));
        assert!(sound.contains(&begins), "{sound}");
        let both = format!(
            "ARRAY[{}, {}], ARRAY['same', 'same'], ARRAY[1, 1], ARRAY[1, 2], ",
            stream("acme"),
            stream("umbrella")
        );
        let theirs = sound.replacen(&begins, &both, 1).replacen(
            "ARRAY[-1]::bigint[], ARRAY[1], ",
            "ARRAY[-1, 5]::bigint[], ARRAY[1, 0], ",
            1,
        );
        assert_eq!(refused(&client, &schema, &theirs).await, "ES005");
        let sound = sound.replace("{es}", &format!("{}.es_", schema.name));
        client.batch_execute(&sound).await.unwrap();
    });
}

/// A call for one event of `acme`, so many places behind where it belongs.
fn many(stream: &str, family: &str, offset: u8) -> String {
    format!(
        "SELECT {{es}}tenant_append(l.id, false, ARRAY[{stream}], ARRAY['same'], \
         ARRAY[1], ARRAY[1], ARRAY[-1]::bigint[], ARRAY[1], ARRAY[1], ARRAY[{offset}], \
         ARRAY[0]::smallint[], ARRAY[1]::smallint[], ARRAY[{stream}], ARRAY['same'], \
         ARRAY[{family}], ARRAY[gen_random_uuid()], ARRAY[1]::bigint[], ARRAY['1']::bytea[], \
         null, null, null, null, null, ARRAY[{family}], ARRAY['acme'], ARRAY['account'], \
         ARRAY['noted'], '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}') FROM {{es}}log l"
    )
}

#[test]
fn a_transaction_may_take_the_role_for_itself() {
    on_a_schema(|schema| async move {
        let _owner = filled(&schema).await;
        let role = Role::of(Arc::clone(&schema), "acme", &["acme"]).await;
        // The store's own connections are those of the owner, as behind a pool for all tenants.
        let own = schema.open().await;
        let client = schema.client().await;
        let append = |tenant| Append::to(of(tenant), ExpectedVersion::Any).event(event());
        for level in crate::checks::LEVELS {
            let begin = format!("BEGIN ISOLATION LEVEL {level}; SET LOCAL ROLE {}", role.name);
            client.batch_execute(&begin).await.unwrap();
            own.append_in(&client, append("acme")).await.unwrap();
            client.batch_execute("SAVEPOINT s").await.unwrap();
            let error = own.append_in(&client, append("umbrella")).await.unwrap_err();
            is_not_served(&error, &role, "umbrella");
            client.batch_execute("ROLLBACK TO s; COMMIT").await.unwrap();
            // With the transaction the role has gone.
            client.batch_execute("BEGIN").await.unwrap();
            own.append_in(&client, append("umbrella")).await.unwrap();
            client.batch_execute("COMMIT").await.unwrap();
        }
    });
}

#[test]
fn a_role_that_serves_nobody_is_told_so() {
    on_a_schema(|schema| async move {
        let owner = filled(&schema).await;
        let error =
            PostgresStore::admit(&schema.url, &schema.options(), "me", TenantScope::All).await;
        assert_eq!(error.unwrap_err().kind(), ErrorKind::Unsupported);
        let role = Role::of(Arc::clone(&schema), "none", &[]).await;
        let (name, client) = (&schema.name, schema.client().await);
        let sql = format!(
            "GRANT USAGE ON SCHEMA {name} TO {0}; \
             GRANT SELECT ON {name}.es_log, {name}.es_migrations TO {0}",
            role.name
        );
        client.batch_execute(&sql).await.unwrap();
        let error = role.open().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error:?}");
        assert!(error.to_string().contains("admit"), "{error}");
        // Nobody is let in that is not there.
        let admit = |role: &'static str| {
            let (url, options) = (schema.url.clone(), schema.options());
            async move { PostgresStore::admit(&url, &options, role, TenantScope::All).await }
        };
        assert_eq!(admit("nobody_of_that_name").await.unwrap_err().kind(), ErrorKind::Invalid);
        // Said again with the role for all tenants, it goes on with all of them.
        let (url, options) = (&schema.url, schema.options());
        PostgresStore::separate_tenants(url, &options, &[&role.name]).await.unwrap();
        let store = role.store().await;
        assert_eq!(all(&store).await.len(), 15);
        assert_eq!(note(&store, "umbrella").await.unwrap().last.get(), 16);
        assert_eq!(all(&owner).await.len(), 16);
    });
}

/// The mutants: with a wall gone, what it kept apart comes together, so it was the wall.
#[test]
fn without_its_walls_the_tenants_mix() {
    on_a_schema(|schema| async move {
        let owner = filled(&schema).await;
        let role = Role::of(Arc::clone(&schema), "acme", &["acme"]).await;
        let (acme, client, name) = (role.store().await, schema.client().await, &schema.name);
        let theirs = all(&owner).await.last().unwrap().id;
        let open = format!(
            "ALTER TABLE {name}.es_events DISABLE ROW LEVEL SECURITY; \
             ALTER TABLE {name}.es_families DISABLE ROW LEVEL SECURITY"
        );
        client.batch_execute(&open).await.unwrap();
        assert_eq!(acme.read(Read::event(theirs)).into_vec().await.unwrap().len(), 1);
        let open = format!(
            "CREATE OR REPLACE FUNCTION {name}.es_must_serve(p_tenants text[]) RETURNS void \
             LANGUAGE sql STABLE AS $$ SELECT $$"
        );
        client.batch_execute(&open).await.unwrap();
        note(&acme, "umbrella").await.unwrap();
    });
}
