//! A cluster of one process: small, and as strict about slots as a large one.

use super::{
    RedisConfig, RedisServer,
    process::{free_port, until},
};

impl RedisServer {
    /// Starts a cluster of one server that has all slots.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn cluster(config: &RedisConfig) -> Self {
        // Usually it is the port and 10,000, which need not be a port at all.
        let bus = free_port().to_string();
        let config = config.clone().with("cluster-enabled", "yes").with("cluster-port", bus);
        // A server that has met no other does not know its own address, and tells none.
        let server = Self::start(&config.with("cluster-announce-ip", "127.0.0.1"));
        server.ask(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
        until("the cluster is up", || {
            server.ask(&["CLUSTER", "INFO"]).text().contains("cluster_state:ok")
        });
        server
    }
}
