//! Tests of the closing table.

use std::time::Duration;

use super::Table;
use crate::run::Outcome;

#[test]
fn columns_line_up() {
    let mut table = Table::new("example");
    table.push("bank_accounts", Outcome::Passed, Duration::from_millis(1234));
    assert!(table.all_passed());
    table.push("shop", Outcome::Failed(101), Duration::from_secs(61));
    assert!(!table.all_passed());
    let expected = "\
example        outcome  seconds
bank_accounts  ok           1.2
shop           failed      61.0
";
    assert_eq!(table.to_string(), expected);
}
