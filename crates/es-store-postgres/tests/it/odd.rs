//! Rows that no release of this crate writes, and what is still read beside them.

use es_core::{
    Append, Category, ErrorKind, ExpectedVersion, Position, Read, StreamId, Tag, Tenant,
};

use crate::{
    checks::{event, stream, to},
    server::on_a_schema,
    tenants::Role,
};

/// A role that serves one tenant, and may send SQL, harms that tenant alone.
#[test]
fn names_that_are_none_spoil_no_read_that_does_not_cover_them() {
    on_a_schema(|schema| async move {
        let store = schema.store().await;
        let tag = Tag::new("kind", "odd").unwrap();
        let tagged = Append::to(stream("a"), ExpectedVersion::Any);
        store.append(tagged.events([event().with_tag(tag.clone()), event()])).await.unwrap();
        let role = Role::of(std::sync::Arc::clone(&schema), "odd", &["acme"]).await;
        let store = schema.store().await;
        let acme = Tenant::new("acme").unwrap();
        let theirs = StreamId::new("account", "theirs").unwrap().with_tenant(acme.clone());
        store.append(Append::to(theirs, ExpectedVersion::Any).event(event())).await.unwrap();
        let name = &schema.name;
        let sql = format!(
            "SELECT * FROM {name}.es_tenant_append_one((SELECT id FROM {name}.es_log), \
             {name}.es_stream('acme', 'no category!', 'k'), 'k', -1, \
             {name}.es_family('acme', 'no category!', 'T'), 'acme', 'no category!', 'T', \
             gen_random_uuid(), 1, '1'::bytea, NULL, NULL, NULL, NULL, 'kind:odd')"
        );
        role.client().await.query(&sql, &[]).await.unwrap();

        let store = schema.store().await;
        let account = || Read::category(Category::new("account").unwrap());
        for (read, count) in [
            (Read::all(), 2),
            (Read::all().backward(), 2),
            (Read::all().tagged(tag.clone()), 1),
            (account(), 2),
            (account().all_tenants(), 3),
            (account().tenant(acme.clone()), 1),
            (Read::stream(stream("a")), 2),
        ] {
            assert_eq!(store.read(read.clone()).into_vec().await.unwrap().len(), count, "{read:?}");
        }
        let mut follow = store.follow(Read::all());
        assert_eq!(follow.next_event().await.unwrap().unwrap().position, Position::new(1));
        for read in [Read::all().all_tenants(), Read::all().tenant(acme)] {
            let error = store.read(read).into_vec().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Fault, "{error}");
            let source = std::error::Error::source(&error).unwrap().to_string();
            assert!(source.contains("at position 4"), "{source}");
        }
    });
}

#[test]
fn metadata_that_cannot_be_read_is_told_with_its_place() {
    on_a_schema(|schema| async move {
        let store = schema.store().await;
        store.append(to("a", 3)).await.unwrap();
        let sql = format!(
            "UPDATE {}.es_events SET metadata = '\"odd\"'::json WHERE position = 2",
            schema.name
        );
        schema.client().await.batch_execute(&sql).await.unwrap();
        let error = store.read(Read::all()).into_vec().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Undecodable, "{error}");
        let details = error.undecodable_details().unwrap();
        assert_eq!(details.position, Some(Position::new(2)));
        assert_eq!(details.stream, Some(stream("a")));
        let rest = store.read(Read::all().after(Position::new(2))).into_vec().await.unwrap();
        assert_eq!(rest.len(), 1);
    });
}
