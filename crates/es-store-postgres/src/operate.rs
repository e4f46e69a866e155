//! What is done to a log by whoever operates it, and needs no store to be open.

use es_core::{LogId, Position, Result, TenantScope};

use crate::{
    connect::Connections, identity::renew, migrate, options::PostgresOptions, store::PostgresStore,
    url::target,
};

impl PostgresStore {
    /// Makes the tables in the database at `url`, or brings them up to date. It may be run
    /// by any number of processes at once and as often as one likes; it takes no lock that
    /// stops readers or writers of tables that are up to date.
    ///
    /// # Errors
    /// Those of [`PostgresStore::open`].
    ///
    /// # Cancel safety
    /// All steps that are missing are done, or none.
    pub async fn migrate(url: &str, options: &PostgresOptions) -> Result<()> {
        let (config, options) = target(url, options)?;
        let connections = Connections::to(&config, &options)?;
        let mut client = connections.get().await?;
        migrate::migrate(&mut client, &options).await
    }

    /// Gives the log in the database at `url` a new identity, and returns it: for a copy
    /// that will be appended to while its original goes on. Run it on the copy before
    /// anything else does.
    ///
    /// Without it both have one identity, and a subscriber of the one would go on in the
    /// other as if they were the same. With it every checkpoint that the copy brought along
    /// answers `LogDiverged`, and so do handles that were opened before: open the store anew
    /// and let its subscribers begin anew. Events, versions and positions stay as they are.
    /// It waits for appends that are under way.
    ///
    /// # Errors
    /// Those of [`PostgresStore::open`], with `Invalid` when the tables are not there. After
    /// `Unavailable` it may have been done; done twice it does no harm.
    ///
    /// # Cancel safety
    /// The log has the new identity or the old one.
    pub async fn renew_identity(url: &str, options: &PostgresOptions) -> Result<LogId> {
        let (config, options) = target(url, options)?;
        let connections = Connections::to(&config, &options)?;
        let (mut client, names, _) =
            migrate::ready(&connections, &options.clone().with_migrate(false)).await?;
        renew(&mut client, &names).await
    }

    /// Makes the partitions up to the position `through`, in the log in the database at `url`,
    /// and returns how far there is room then. Writers make them ahead of need by themselves;
    /// this is for whoever wants them to be there before, as to place them somewhere.
    /// No more than 100 partitions (or 10,000 positions) ahead of the log are made. It waits for
    /// no append, read or write, and none for it.
    ///
    /// # Errors
    /// Those of [`PostgresStore::open`]; `Invalid` when the tables are not there;
    /// `Unsupported` when the log is not partitioned; `Busy` when others work on the table (as
    /// `ANALYZE` does) for more than two seconds.
    ///
    /// # Cancel safety
    /// The partitions are there or they are not; doing it again is safe.
    pub async fn make_partitions(
        url: &str,
        options: &PostgresOptions,
        through: Position,
    ) -> Result<Position> {
        let (config, options) = target(url, options)?;
        let connections = Connections::to(&config, &options)?;
        let (client, names, _) =
            migrate::ready(&connections, &options.clone().with_migrate(false)).await?;
        migrate::make_through(&client, &names, through).await
    }

    /// Has the database keep tenants apart, in the log in the database at `url`: from then on a
    /// role that is not the owner of the tables reads and writes the streams of the tenants that
    /// it serves ([`PostgresStore::admit`]), and no others. `all_tenants` are roles that go on
    /// with all of them. It cannot be undone by this library.
    ///
    /// Stores that other roles than the owner have open must be opened anew. It waits for
    /// appends that are under way, and for a moment stops readers; run it when little is going
    /// on. What it holds and what it does not is in `docs/postgresql.md`.
    ///
    /// # Errors
    /// Those of [`PostgresStore::open`], with `Invalid` when the tables are not there or the role
    /// does not own them; `Busy` when the tables were in use for five seconds. Done twice it does
    /// no harm.
    ///
    /// # Cancel safety
    /// All of it is done, or nothing.
    pub async fn separate_tenants(
        url: &str,
        options: &PostgresOptions,
        all_tenants: &[&str],
    ) -> Result<()> {
        let (config, options) = target(url, options)?;
        let connections = Connections::to(&config, &options)?;
        let (mut client, names, _) =
            migrate::ready(&connections, &options.clone().with_migrate(false)).await?;
        migrate::separate(&mut client, &names, all_tenants).await
    }

    /// Lets the database role `role` serve the streams of `tenants`, in the log in the database
    /// at `url`, besides those that it serves already, and gives it the rights that it needs.
    /// To take that back, delete its row in `es_tenants`.
    ///
    /// # Errors
    /// Those of [`PostgresStore::open`]; `Invalid` when there is no such role, or the caller does
    /// not own the tables; `Unsupported` when the log does not keep tenants apart.
    ///
    /// # Cancel safety
    /// The role is let in, or not; doing it again is safe.
    pub async fn admit(
        url: &str,
        options: &PostgresOptions,
        role: &str,
        tenants: TenantScope,
    ) -> Result<()> {
        let (config, options) = target(url, options)?;
        let connections = Connections::to(&config, &options)?;
        let (client, names, _) =
            migrate::ready(&connections, &options.clone().with_migrate(false)).await?;
        migrate::admit(&client, &names, role, &tenants).await
    }
}
