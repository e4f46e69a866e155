//! Tenants: equal names of two tenants are two streams, and a handle that is scoped to one
//! tenant neither sees nor touches another's.

use es_core::{
    Append, ErrorKind, ExpectedVersion, Invalid, Metadata, NewEvent, Read, Store, StreamId, Tenant,
};

use crate::{
    declined::{Need, declines},
    sample::{all, category, event, ids, many, put, read, refused_as, stream, tenant, to, version},
};

/// The same category and key of two tenants, and of none, are three streams.
pub async fn equal_names_of_two_tenants_are_two_streams(store: Store) {
    let (acme, umbrella) = scoped(&store);
    for (store, count) in [(&store, 1), (&acme, 2), (&umbrella, 3)] {
        let append = to("a", ExpectedVersion::NoStream).events(many(count));
        store.append(append).await.expect("a stream of its own");
    }
    for (store, count) in [(&store, 1), (&acme, 2), (&umbrella, 3)] {
        let last = store.version(&stream("a")).await.unwrap();
        assert_eq!(last, Some(version(count)));
        let append = to("a", ExpectedVersion::Exact(version(count))).events(many(1));
        store.append(append).await.expect("versions of its own");
    }
}

/// A scoped handle writes to its tenant's streams, named with the tenant or without.
pub async fn a_scoped_handle_writes_its_tenants_streams(store: Store) {
    let (acme, _) = scoped(&store);
    let own = stream("a").with_tenant(tenant("acme"));
    let receipt = put(&acme, "a", many(1)).await;
    assert_eq!(receipt.versions, [(own.clone(), version(1))]);
    let named = Append::to(own.clone(), ExpectedVersion::Exists).events(many(1));
    acme.append(named).await.unwrap();
    let unscoped = read(&store, Read::stream(own.clone())).await;
    assert_eq!(unscoped.len(), 2, "the unscoped handle can name the stream");
    assert!(unscoped.iter().all(|event| event.stream == own));
}

/// A scoped handle refuses to write a stream of another tenant.
pub async fn a_scoped_handle_refuses_streams_of_others(store: Store) {
    let (acme, umbrella) = scoped(&store);
    put(&umbrella, "a", many(1)).await;
    let theirs = stream("a").with_tenant(tenant("umbrella"));
    let append = Append::to(theirs.clone(), ExpectedVersion::Any).events(many(1));
    refused_as(&acme, append, is_mismatch).await;
    let error = acme.read(Read::stream(theirs.clone())).into_vec().await;
    assert!(is_mismatch(error.unwrap_err().invalid().unwrap()));
    let error = acme.version(&theirs).await.unwrap_err();
    assert!(is_mismatch(error.invalid().unwrap()));
}

/// So does it for streams that an append requires: they are scoped, or refused.
pub async fn required_streams_are_scoped_too(store: Store) {
    if declines(&store, Need::MultiStream) {
        return;
    }
    let (acme, umbrella) = scoped(&store);
    put(&umbrella, "b", many(1)).await;
    let append = |required: StreamId, expected| {
        to("a", ExpectedVersion::Any).events(many(1)).require(required, expected)
    };
    let scoped = append(stream("b"), ExpectedVersion::NoStream);
    acme.append(scoped).await.expect("the tenant has no stream b");
    let exists = append(stream("b"), ExpectedVersion::Exists);
    let error = acme.append(exists).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let theirs = stream("b").with_tenant(tenant("umbrella"));
    refused_as(&acme, append(theirs, ExpectedVersion::Any), is_mismatch).await;
}

/// One append belongs to one tenant, or to none: streams of several are refused.
pub async fn one_append_belongs_to_one_tenant(store: Store) {
    let (acme, umbrella) = (tenant("acme"), tenant("umbrella"));
    let of = |owner: Option<&Tenant>| match owner {
        Some(owner) => stream("b").with_tenant(owner.clone()),
        None => stream("b"),
    };
    for (one, other) in [(None, Some(&acme)), (Some(&acme), None), (Some(&acme), Some(&umbrella))] {
        let first = one.map_or_else(|| stream("a"), |one| stream("a").with_tenant(one.clone()));
        let append = || Append::to(first.clone(), ExpectedVersion::Any).events(many(1));
        let and = append().and(of(other), ExpectedVersion::Any).events(many(1));
        refused_as(&store, and, is_mismatch).await;
        let require = append().require(of(other), ExpectedVersion::Any);
        refused_as(&store, require, is_mismatch).await;
    }
}

/// Metadata that claims another tenant than the stream's is refused; the right claim, and
/// none, go through.
pub async fn a_false_claim_of_a_tenant_is_refused(store: Store) {
    let claiming = |name: &str| -> NewEvent {
        event("noted").with_metadata(Metadata::new().with_tenant(tenant(name)))
    };
    let (acme, _) = scoped(&store);
    let refused = to("a", ExpectedVersion::Any).event(claiming("umbrella"));
    refused_as(&acme, refused, is_mismatch).await;
    let refused = to("a", ExpectedVersion::Any).event(claiming("acme"));
    refused_as(&store, refused, is_mismatch).await;
    let refused = to("a", ExpectedVersion::Any)
        .event(event("noted"))
        .with_metadata(Metadata::new().with_tenant(tenant("umbrella")));
    refused_as(&acme, refused, is_mismatch).await;
    put(&acme, "a", vec![claiming("acme"), event("noted")]).await;
    let kept = read(&acme, Read::all()).await;
    assert_eq!(kept[0].metadata.tenant(), Some(&tenant("acme")));
    assert_eq!(kept[1].metadata.tenant(), None);
    assert_eq!(kept[1].tenant(), Some(&tenant("acme")));
}

/// Reads of a scoped handle keep to its tenant: over all, by category, by stream.
pub async fn a_scoped_handle_reads_its_tenants_events(store: Store) {
    let (acme, umbrella) = scoped(&store);
    for store in [&store, &acme, &umbrella] {
        put(store, "a", many(1)).await;
        put(store, "b", many(1)).await;
    }
    for (store, owner) in
        [(&store, None), (&acme, Some(tenant("acme"))), (&umbrella, Some(tenant("umbrella")))]
    {
        for (wanted, count) in [
            (Read::all(), 2),
            (Read::category(category("account")), 2),
            (Read::stream(stream("a")), 1),
        ] {
            let found = read(store, wanted.clone()).await;
            assert_eq!(found.len(), count, "{wanted:?}");
            assert!(found.iter().all(|event| event.tenant() == owner.as_ref()));
        }
    }
}

/// A scoped handle finds its tenant's events by their ids, and no others; an unscoped one
/// finds each.
pub async fn a_scoped_handle_finds_its_tenants_events(store: Store) {
    let (acme, umbrella) = scoped(&store);
    let event = event("noted");
    put(&acme, "a", vec![event.clone()]).await;
    assert!(acme.find(event.id).await.unwrap().is_some());
    assert!(umbrella.find(event.id).await.unwrap().is_none());
    assert!(store.find(event.id).await.unwrap().is_some());
}

/// `Read::all()` of an unscoped handle sees what belongs to no tenant; all tenants are an
/// explicit choice, and so is one.
pub async fn all_tenants_are_an_explicit_choice(store: Store) {
    let (acme, umbrella) = scoped(&store);
    put(&store, "a", many(1)).await;
    put(&acme, "a", many(2)).await;
    put(&umbrella, "a", many(3)).await;
    let of = |wanted: Read| read(&store, wanted);
    assert_eq!(of(Read::all()).await.len(), 1);
    assert_eq!(of(Read::all().tenant(tenant("acme"))).await.len(), 2);
    assert_eq!(of(Read::all().all_tenants()).await.len(), 6);
    let accounts = Read::category(category("account"));
    assert_eq!(of(accounts.clone()).await.len(), 1);
    assert_eq!(of(accounts.clone().tenant(tenant("umbrella"))).await.len(), 3);
    let backward = of(accounts.all_tenants().backward()).await;
    let mut wanted = ids(&all(&store).await);
    wanted.reverse();
    assert_eq!(ids(&backward), wanted);
}

/// A scoped handle refuses to read all tenants, or another one, or to follow them.
pub async fn a_scoped_handle_refuses_to_read_others(store: Store) {
    let (acme, umbrella) = scoped(&store);
    put(&umbrella, "a", many(1)).await;
    for wanted in [
        Read::all().all_tenants(),
        Read::category(category("account")).all_tenants(),
        Read::all().tenant(tenant("umbrella")),
    ] {
        let error = acme.read(wanted.clone()).into_vec().await.unwrap_err();
        assert!(matches!(error.invalid(), Some(Invalid::Read { .. })));
        let error = acme.follow(wanted).next().await.unwrap().unwrap_err();
        assert!(matches!(error.invalid(), Some(Invalid::Read { .. })));
    }
}

/// Positions and the head are those of the whole log: a tenant's handle follows the same.
pub async fn the_log_is_one(store: Store) {
    let (acme, umbrella) = scoped(&store);
    put(&acme, "a", many(1)).await;
    let last = put(&umbrella, "a", many(1)).await.last;
    assert_eq!(acme.head().await.unwrap().position, last);
    assert_eq!(acme.head().await.unwrap(), store.head().await.unwrap());
    let log = all(&store).await;
    assert!(log[0].position < log[1].position);
}

fn scoped(store: &Store) -> (Store, Store) {
    (store.for_tenant(tenant("acme")), store.for_tenant(tenant("umbrella")))
}

fn is_mismatch(invalid: &Invalid) -> bool {
    matches!(invalid, Invalid::TenantMismatch { .. })
}
