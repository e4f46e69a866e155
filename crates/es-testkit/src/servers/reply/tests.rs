//! Tests of reading replies.

use super::{Reply, read};

#[test]
fn every_kind_of_reply_is_read() {
    let mut bytes = &b"*6\r\n+OK\r\n-ERR no\r\n:-7\r\n$4\r\na\r\nb\r\n$-1\r\n*0\r\n"[..];
    let expected = vec![
        Reply::Bytes(b"OK".to_vec()),
        Reply::Error("ERR no".to_owned()),
        Reply::Number(-7),
        Reply::Bytes(b"a\r\nb".to_vec()),
        Reply::Nil,
        Reply::Many(Vec::new()),
    ];
    assert_eq!(read(&mut bytes).unwrap(), Reply::Many(expected));
}

#[test]
fn half_a_reply_is_an_error() {
    for bytes in ["", "+O", "$4\r\nab", "*2\r\n:1\r\n"] {
        assert!(read(&mut bytes.as_bytes()).is_err(), "{bytes:?}");
    }
}
