//! One command to a Redis server and its reply, without a driver.
//!
//! For tests that set the scene; it takes a connection per command.

use std::{
    io::{BufRead, BufReader, Error, ErrorKind, Write},
    net::{TcpStream, ToSocketAddrs},
    time::Duration,
};

/// How long a reply may take. A paused server does not answer at all.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);

/// What a server replied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Nothing is there.
    Nil,
    /// A number.
    Number(i64),
    /// A string, or a status such as `OK`.
    Bytes(Vec<u8>),
    /// Several replies.
    Many(Vec<Self>),
    /// The server refused, with its words.
    Error(String),
}

impl Reply {
    /// The text of a string.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            other => panic!("no text: {other:?}"),
        }
    }

    /// A number, as one or in the form of text.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn number(&self) -> i64 {
        match self {
            Self::Number(number) => *number,
            other => other.text().parse().expect("a number"),
        }
    }

    /// The replies in a list.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn list(&self) -> &[Self] {
        match self {
            Self::Many(replies) => replies,
            other => panic!("no list: {other:?}"),
        }
    }
}

/// Sends one command to a server on a connection of its own, and gives the reply, which may be
/// that the server refuses.
///
/// # Errors
/// When the server is not there, hangs up, or does not reply within ten seconds.
pub fn ask<W: AsRef<[u8]>>(server: impl ToSocketAddrs, words: &[W]) -> Result<Reply, Error> {
    let mut connection = TcpStream::connect(server)?;
    connection.set_read_timeout(Some(ANSWERS_WITHIN))?;
    let mut command = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        let word = word.as_ref();
        command.extend(format!("${}\r\n", word.len()).into_bytes());
        command.extend(word);
        command.extend(b"\r\n");
    }
    connection.write_all(&command)?;
    read(&mut BufReader::new(connection))
}

fn read(from: &mut impl BufRead) -> Result<Reply, Error> {
    let mut line = String::new();
    from.read_line(&mut line)?;
    let line = line.strip_suffix("\r\n").ok_or(ErrorKind::UnexpectedEof)?;
    let kind = line.chars().next().ok_or(ErrorKind::InvalidData)?;
    let rest = line.get(1..).ok_or(ErrorKind::InvalidData)?;
    let number = || rest.parse::<i64>().map_err(Error::other);
    match kind {
        '+' => Ok(Reply::Bytes(rest.into())),
        '-' => Ok(Reply::Error(rest.to_owned())),
        ':' => number().map(Reply::Number),
        '$' => match usize::try_from(number()?) {
            Ok(length) => {
                let mut bytes = vec![0; length + 2];
                from.read_exact(&mut bytes)?;
                bytes.truncate(length);
                Ok(Reply::Bytes(bytes))
            }
            Err(_) => Ok(Reply::Nil),
        },
        '*' => match usize::try_from(number()?) {
            Ok(count) => (0..count).map(|_| read(from)).collect::<Result<_, _>>().map(Reply::Many),
            Err(_) => Ok(Reply::Nil),
        },
        _ => Err(ErrorKind::InvalidData.into()),
    }
}

#[cfg(test)]
mod tests;
