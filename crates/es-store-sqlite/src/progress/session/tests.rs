//! What happens to a connection that goes in the middle of a transaction.

use rusqlite::Connection;

use super::Guarded;

#[test]
fn a_connection_may_go_with_a_transaction_open() {
    for _ in 0..100 {
        let guarded = Guarded::new(Connection::open_in_memory().unwrap()).unwrap();
        guarded.connection.execute_batch("BEGIN IMMEDIATE; CREATE TABLE t (x)").unwrap();
    }
}
