//! Slots as the specification has them.

use super::*;

#[test]
fn the_check_value_of_the_specification() {
    assert_eq!(crc16(b"123456789"), 0x31c3);
    assert_eq!(slot(b"123456789"), 0x31c3);
}

#[test]
fn only_the_first_pair_of_braces_counts() {
    assert_eq!(slot(b"{user1000}.following"), slot(b"user1000"));
    assert_eq!(slot(b"foo{bar}{zap}"), slot(b"bar"));
    assert_eq!(slot(b"foo{{bar}}zap"), slot(b"{bar"));
}

#[test]
fn empty_and_open_braces_do_not_count() {
    assert_ne!(slot(b"foo{}{bar}"), slot(b"bar"));
    assert_eq!(slot(b"foo{}{bar}"), crc16(b"foo{}{bar}") % 16_384);
    assert_eq!(slot(b"foo{bar"), crc16(b"foo{bar") % 16_384);
}
