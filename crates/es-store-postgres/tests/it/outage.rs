//! What an error of the driver says of the server.

use std::{error::Error as StdError, fmt};

use es_core::{Error, ErrorKind};
use es_store_postgres::{is_out_of_reach, tokio_postgres};

use crate::{
    own_server::OwnServer,
    server::{connect, skipping},
};

/// An error of a program around one of the driver.
#[derive(Debug)]
struct Booking(tokio_postgres::Error);

impl fmt::Display for Booking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it cannot be booked")
    }
}

impl StdError for Booking {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.0)
    }
}

#[test]
fn a_server_that_is_gone_is_told_from_a_statement_that_is_wrong() {
    skipping(|_| {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let server = OwnServer::start();
            let (client, other) = (connect(&server.url).await, connect(&server.url).await);
            client.batch_execute("CREATE TABLE stock (id INT PRIMARY KEY)").await.unwrap();
            for wrong in [
                "INSERT INTO stock VALUES (1), (1)",
                "INSERT INTO nowhere VALUES (1)",
                "SELECT 1 / 0",
                "this is no SQL",
            ] {
                let error = client.batch_execute(wrong).await.unwrap_err();
                assert!(!is_out_of_reach(&error), "{wrong}: {error:?}");
                assert!(!is_out_of_reach(&Booking(error)));
            }
            let own = other.query_one("SELECT pg_backend_pid()", &[]).await.unwrap();
            let own: i32 = own.get(0);
            client.execute("SELECT pg_terminate_backend($1)", &[&own]).await.unwrap();
            server.kill();
            // What was said of its end; then that the connection is closed; then that nobody is there.
            for client in [&other, &other, &client, &client] {
                let error = client.batch_execute("SELECT 1").await.unwrap_err();
                assert!(is_out_of_reach(&error), "{error:?}");
                assert!(is_out_of_reach(&Booking(error)));
            }
            let refused = tokio_postgres::connect(&server.url, tokio_postgres::NoTls).await;
            let refused = refused.map(drop).unwrap_err();
            assert!(is_out_of_reach(&refused), "{refused:?}");
            // An error of ours says itself what it is.
            assert!(!is_out_of_reach(&Error::fault("broken", refused)));
            assert!(is_out_of_reach(&Error::new(ErrorKind::Unavailable, "gone")));
            assert!(!is_out_of_reach(&Error::new(ErrorKind::Busy, "later")));
        });
    });
}
