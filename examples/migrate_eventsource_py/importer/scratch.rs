//! A database that is made for a demonstration or a test, and goes with it.

use anyhow::Result;
use eventsource::postgres::tokio_postgres::{Client, Config, NoTls};
use uuid::Uuid;

/// A fresh database on a server.
#[derive(Debug)]
pub struct Scratch {
    server: Config,
    url: String,
    name: String,
}

impl Scratch {
    /// Makes a database on the server that `url` names.
    ///
    /// # Errors
    /// What the server fails with.
    ///
    /// # Cancel safety
    /// The database may be there and stay.
    pub async fn make(url: &str) -> Result<Self> {
        let server: Config = url.parse()?;
        let name = format!("import_{}", Uuid::now_v7().simple());
        connect(&server).await?.batch_execute(&format!("CREATE DATABASE {name}")).await?;
        // What the server's own database is called stands behind the last slash.
        let place = url.rsplit_once('/').map_or(url, |(place, _)| place);
        let url = format!("{place}/{name}");
        Ok(Self { server, url, name })
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Connects to it, and runs `scripts` first.
    ///
    /// # Errors
    /// What the server fails with.
    ///
    /// # Cancel safety
    /// A script is run whole or not at all.
    pub async fn connect(&self, scripts: &[&str]) -> Result<Client> {
        let client = connect(self.server.clone().dbname(&self.name)).await?;
        for script in scripts {
            client.batch_execute(script).await?;
        }
        Ok(client)
    }

    /// Takes the database away again.
    ///
    /// # Errors
    /// What the server fails with.
    ///
    /// # Cancel safety
    /// The database may be there and stay.
    pub async fn remove(self) -> Result<()> {
        let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        Ok(connect(&self.server).await?.batch_execute(&drop).await?)
    }
}

async fn connect(config: &Config) -> Result<Client> {
    let (client, connection) = config.connect(NoTls).await?;
    // It ends with the client.
    tokio::spawn(connection);
    Ok(client)
}
