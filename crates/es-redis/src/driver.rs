//! The only module that names the client, so that another can take its place.
//!
//! Hazard: the client sends what was in flight again after a reconnect, answers commands
//! that were never sent and commands whose reply was lost with the same error, and once it
//! gives up, never comes back. Mechanism: here it is used for one connection only. Every
//! command fails with its connection (`fail_fast`), there is no reconnect policy, and
//! [`link`](crate::link) makes a new client for each new connection. Cost: whoever was in
//! flight on a connection that breaks hears `Lost` and settles it, instead of being sent
//! again behind its back. What the client knows of clusters is not used at all: see
//! [`cluster`](crate::cluster).
//!
//! Hazard: an array of three to five parts whose first part reads `message`, `subscribe` or
//! the like is taken for something published and dropped, and every later reply on the
//! connection goes to the wrong caller. Mechanism: none is possible here, since the client
//! does so before anybody sees the reply. Callers never ask for an array of values that
//! others chose at the top of a reply: scripts put them one level down, where the client
//! only puts a word in front, which is taken away here.

use std::time::Duration;

use fred::{
    clients::Client,
    error::{Error as FredError, ErrorKind as FredKind},
    interfaces::ClientLike,
    types::{
        ClusterHash, CustomCommand, Resp3Frame, Value,
        config::{Config, ConnectionConfig, Options, PerformanceConfig, ServerConfig},
    },
};
use tokio::{sync::watch, task::JoinHandle};

use crate::{Command, Error, ErrorKind, RedisOptions, Refusal, Reply, Result, slots::Node};

/// What is at the other end of a URL.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    config: Config,
    place: String,
}

/// One connection that works, until it breaks.
#[derive(Clone)]
pub(crate) struct Connection {
    client: Client,
    /// Fails once the keeper is gone. The client would take commands all the same, and keep
    /// them for a task that has ended.
    kept: watch::Receiver<()>,
}

/// What keeps a connection; it goes when this is dropped.
pub(crate) struct Keeper {
    task: JoinHandle<Result<(), FredError>>,
    _kept: watch::Sender<()>,
}

impl Address {
    pub(crate) fn parse(url: &str) -> Result<Self> {
        let invalid = |message: String| Error::new(ErrorKind::Invalid, message);
        let scheme = url.split("://").next().unwrap_or_default();
        let is_secret = scheme.starts_with("rediss") || scheme.starts_with("valkeys");
        if is_secret && cfg!(not(feature = "tls")) {
            let message = format!("{scheme}:// needs the feature `tls`, which is off");
            return Err(invalid(message));
        }
        let known = ["redis", "rediss", "valkey", "valkeys"];
        let is_known = known.iter().any(|name| {
            let rest = scheme.strip_prefix(name);
            rest.is_some_and(|rest| ["", "-cluster", "-sentinel", "+unix"].contains(&rest))
        });
        if !is_known || !url.contains("://") {
            let message = "the URL of a Redis begins with redis://, redis-cluster:// or \
                           redis-sentinel://, or with rediss for TLS";
            return Err(invalid(message.to_owned()));
        }
        // The words of the client may hold the URL, and that a password.
        let mut config = Config::from_url(url).map_err(|error| {
            invalid(format!(
                "the URL of the Redis is malformed ({:?}): write redis://user:password@host:port, \
                 and /number for another database than 0",
                error.kind()
            ))
        })?;
        config.fail_fast = true;
        let hosts: Vec<String> = config
            .server
            .hosts()
            .iter()
            .map(|host| format!("{}:{}", host.host, host.port))
            .collect();
        let database = config.database.map_or(String::new(), |number| format!("/{number}"));
        let place = format!("{scheme}://{}{database}", hosts.join(","));
        Ok(Self { config, place })
    }

    /// Where it is, without what is secret.
    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    /// Whether it names nodes of a cluster.
    pub(crate) const fn is_cluster(&self) -> bool {
        matches!(self.config.server, ServerConfig::Clustered { .. })
    }

    /// The nodes that it names.
    pub(crate) fn seeds(&self) -> impl Iterator<Item = Node> + use<> {
        let hosts = self.config.server.hosts().into_iter();
        hosts.map(|server| Node { host: server.host.to_string(), port: server.port })
    }

    /// The address of one node, for the same user.
    pub(crate) fn of(&self, node: &Node) -> Self {
        let mut config = self.config.clone();
        config.server = ServerConfig::new_centralized(&node.host, node.port);
        let scheme = self.place.split("://").next().unwrap_or_default();
        let scheme = scheme.strip_suffix("-cluster").unwrap_or(scheme);
        Self { config, place: format!("{scheme}://{}:{}", node.host, node.port) }
    }

    pub(crate) async fn connect(&self, options: &RedisOptions) -> Result<(Connection, Keeper)> {
        let connection = ConnectionConfig {
            connection_timeout: options.connect_timeout,
            internal_command_timeout: options.connect_timeout,
            ..ConnectionConfig::default()
        };
        let performance = PerformanceConfig {
            default_command_timeout: options.command_timeout,
            ..PerformanceConfig::default()
        };
        let client = Client::new(self.config.clone(), Some(performance), Some(connection), None);
        // Listening begins with the first look; what is told before that is not heard.
        let mut connected = Box::pin(client.wait_for_connect());
        drop(futures_util::poll!(&mut connected));
        // Its task outlives a dropped future unless it is kept from the start.
        let (sender, kept) = watch::channel(());
        let keeper = Keeper { task: client.connect(), _kept: sender };
        match tokio::time::timeout(options.connect_timeout, &mut connected).await {
            Ok(Ok(())) => {
                drop(connected);
                Ok((Connection { client, kept }, keeper))
            }
            Ok(Err(error)) => Err(not_connected(&error)),
            Err(_) => Err(Error::new(ErrorKind::Unreachable, "the server did not answer in time")),
        }
    }
}

impl Keeper {
    /// Waits until the connection is broken.
    pub(crate) async fn broken(&mut self) {
        // How it ended does not matter: whoever was in flight has been told.
        drop((&mut self.task).await);
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Connection {
    /// Sends a command and waits for its reply.
    pub(crate) async fn send(&self, command: &Command, time: Duration) -> Result<Reply> {
        let custom = CustomCommand::new_static(command.name, ClusterHash::Random, false);
        let arguments: Vec<Value> = command.arguments.iter().cloned().map(Value::Bytes).collect();
        let options = Options {
            fail_fast: true,
            timeout: Some(time.max(Duration::from_millis(1))), // none at all would be for ever
            ..Options::default()
        };
        let client = self.client.with_options(&options);
        let mut kept = self.kept.clone();
        let sent = tokio::select! {
            biased;
            sent = client.custom_raw(custom, arguments) => sent,
            _ = kept.changed() => {
                let message = "the connection broke before the reply";
                return Err(Error::new(ErrorKind::Lost, message));
            }
        };
        match sent {
            Ok(frame) => match reply(frame) {
                Reply::Error(refusal) => Err(Error::refused(refusal)),
                reply => Ok(reply),
            },
            Err(error) => Err(lost_or_not_sent(&error)),
        }
    }
}

/// The digest that Redis knows a script by.
pub(crate) fn sha1(text: &str) -> String {
    fred::util::sha1_hash(text)
}

fn reply(frame: Resp3Frame) -> Reply {
    match frame {
        Resp3Frame::BlobString { data, .. }
        | Resp3Frame::SimpleString { data, .. }
        | Resp3Frame::BigNumber { data, .. }
        | Resp3Frame::VerbatimString { data, .. } => Reply::Bytes(data),
        Resp3Frame::Number { data, .. } => Reply::Int(data),
        Resp3Frame::Boolean { data, .. } => Reply::Int(data.into()),
        Resp3Frame::Double { data, .. } => Reply::Bytes(data.to_string().into()),
        Resp3Frame::SimpleError { data, .. } => Reply::Error(Refusal::new(data.to_string())),
        Resp3Frame::BlobError { data, .. } => {
            Reply::Error(Refusal::new(String::from_utf8_lossy(&data).into_owned()))
        }
        Resp3Frame::Array { data, .. } => Reply::Array(data.into_iter().map(reply).collect()),
        // What only looks published, inside of a reply, was given one more part in front.
        Resp3Frame::Push { data, .. } => {
            Reply::Array(data.into_iter().skip(1).map(reply).collect())
        }
        Resp3Frame::Map { data, .. } => {
            let pairs = data.into_iter().flat_map(|(key, value)| [reply(key), reply(value)]);
            Reply::Array(pairs.collect())
        }
        Resp3Frame::Set { data, .. } => Reply::Array(data.into_iter().map(reply).collect()),
        _ => Reply::Nil,
    }
}

/// An error of a command: whether it may have been carried out.
fn lost_or_not_sent(error: &FredError) -> Error {
    // The client's own words for a command that it never took.
    let was_not_sent = matches!(error.kind(), FredKind::Canceled | FredKind::Backpressure)
        || error.details() == "Failed to send command to router.";
    let kind = if was_not_sent { ErrorKind::Unreachable } else { ErrorKind::Lost };
    let message = match (kind, error.kind()) {
        (ErrorKind::Lost, FredKind::Timeout) => "no reply came in time".to_owned(),
        (ErrorKind::Lost, _) => {
            format!("the connection broke before the reply: {}", error.details())
        }
        _ => format!("there is no connection: {}", error.details()),
    };
    Error::new(kind, message)
}

/// An error of a try to connect.
fn not_connected(error: &FredError) -> Error {
    let refusal = Refusal::new(error.details());
    match error.kind() {
        FredKind::Auth => Error::refused(refusal),
        FredKind::Config | FredKind::Url => Error::new(ErrorKind::Invalid, error.details()),
        _ => match refusal.prefix() {
            "NOPERM" | "NOAUTH" | "WRONGPASS" => Error::refused(refusal),
            "ERR" if is_about_the_database(error.details()) => {
                let message = format!(
                    "the server has no database of this number ({}): leave out the /number of \
                     the URL, or name a smaller one",
                    error.details()
                );
                Error::new(ErrorKind::Invalid, message)
            }
            _ => {
                let message = format!("cannot connect to Redis: {}", error.details());
                Error::new(ErrorKind::Unreachable, message)
            }
        },
    }
}

/// Whether the server has refused the number of the database. It has no word of its own for
/// that, and one of its other errors here, too many clients, passes.
fn is_about_the_database(details: &str) -> bool {
    details.contains("DB index") || details.contains("SELECT is not allowed")
}
