//! Tenants that the database keeps apart: done when the owner of the tables says so.

use deadpool_postgres::Object;
use es_core::{Error, ErrorKind, Result, TenantScope};
use tokio_postgres::{GenericClient, IsolationLevel, types::Type};

use super::{TENANTS, alone, done, take};
use crate::{
    error::{damaged, from_driver},
    names::{Layout, Names},
};

/// Takes the step that keeps tenants apart, and lets `all_tenants` go on with all of them.
pub(crate) async fn separate(
    client: &mut Object,
    names: &Names,
    all_tenants: &[&str],
) -> Result<()> {
    let fails = |error| from_driver(None, error);
    let tx = client.build_transaction().isolation_level(IsolationLevel::ReadCommitted);
    let tx = tx.start().await.map_err(fails)?;
    alone(&*tx, names).await?;
    let layout = done(&*tx, names).await?.layout;
    if !layout.is_separated {
        // Behind the appends that are under way, so that none waits for us while we wait for it.
        let lock = "SET LOCAL lock_timeout = '5s'; LOCK TABLE {es}append_lock IN EXCLUSIVE MODE";
        tx.batch_execute(&names.sql(lock)).await.map_err(fails)?;
        take(&*tx, names, &TENANTS).await?;
    }
    let names = names.clone().laid_out(Layout { is_separated: true, ..layout });
    for role in all_tenants {
        let_in(&*tx, &names, role, None).await?;
    }
    tx.commit().await.map_err(fails)
}

/// Lets a role serve tenants.
pub(crate) async fn admit(
    client: &Object,
    names: &Names,
    role: &str,
    tenants: &TenantScope,
) -> Result<()> {
    if !names.layout().is_separated {
        let message = format!(
            "the log {}* does not keep tenants apart: run `PostgresStore::separate_tenants`",
            names.qualified()
        );
        return Err(Error::new(ErrorKind::Unsupported, message));
    }
    let tenant = match tenants {
        TenantScope::All => None,
        TenantScope::Untenanted => Some(""),
        TenantScope::One(tenant) => Some(tenant.as_str()),
    };
    let_in(&***client, names, role, tenant).await
}

async fn let_in(
    client: &(impl GenericClient + Sync),
    names: &Names,
    role: &str,
    tenant: Option<&str>,
) -> Result<()> {
    let sql = names.sql("SELECT {es}admit($1::text::name, $2)");
    let admitted = client.execute_typed(&sql, &[(&role, Type::TEXT), (&tenant, Type::TEXT)]).await;
    admitted.map(drop).map_err(|error| from_driver(None, error))
}

/// Refuses a role that would see an empty log where there is one.
pub(super) async fn check(client: &Object, names: &Names) -> Result<()> {
    if !names.layout().is_separated {
        return Ok(());
    }
    let sql = names.sql("SELECT {es}serves(current_user, NULL), current_user::text");
    let row = client.query_typed_one(&sql, &[]).await.map_err(|error| from_driver(None, error))?;
    if row.try_get::<_, bool>(0).map_err(damaged)? {
        return Ok(());
    }
    let role: String = row.try_get(1).map_err(damaged)?;
    let message = format!(
        "the role {role:?} serves no tenant of the log {}*: let the owner of the tables run \
         `PostgresStore::admit`",
        names.qualified()
    );
    Err(Error::new(ErrorKind::Invalid, message))
}
