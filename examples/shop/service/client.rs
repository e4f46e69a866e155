//! A client for the demonstration and the tests: HTTP/1.1 in as few lines as it takes to
//! speak to this service, and to nothing else.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    time::timeout,
};

/// How long an answer, or the next line of a feed, is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status: 200.
    pub status: u16,
    headers: Vec<(String, String)>,
    /// The text of the body.
    pub body: String,
}

impl Answer {
    /// The value of a header; empty where it is missing. The name is in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        let mut headers = self.headers.iter();
        headers.find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// The body as JSON; null where it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// Sends a request with a body of JSON, or with none, and reads the whole answer.
///
/// # Errors
/// When there is no answer in time.
///
/// # Cancel safety
/// The service may have done what it was asked to.
pub async fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<&Value>,
) -> Result<Answer> {
    let ask = async {
        let mut stream = request(address, method, path, headers, body).await?;
        let mut answer = head(&mut stream).await?;
        match answer.header("content-length").parse::<u64>() {
            Ok(length) => stream.take(length).read_to_string(&mut answer.body).await?,
            Err(_) => stream.read_to_string(&mut answer.body).await?,
        };
        Ok(answer)
    };
    timeout(PATIENCE, ask).await.with_context(|| format!("{method} {path}: no answer"))?
}

/// A feed that is open.
#[derive(Debug)]
pub struct Feed {
    stream: BufReader<TcpStream>,
    /// The status of the answer.
    pub status: u16,
}

/// A message of a feed.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The position of its event.
    pub id: u64,
    /// What has happened.
    pub data: Value,
}

impl Feed {
    /// Opens the feed, behind the message `last` if one was seen before.
    ///
    /// # Errors
    /// When there is no answer.
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    pub async fn open(address: SocketAddr, last: Option<u64>) -> Result<Self> {
        let last = last.map(|last| last.to_string());
        let headers: Vec<_> = last.iter().map(|last| ("last-event-id", last.as_str())).collect();
        let mut stream = request(address, "GET", "/feed", &headers, None).await?;
        let answer = head(&mut stream).await?;
        Ok(Self { stream, status: answer.status })
    }

    /// The next message; `None` when the feed is over.
    ///
    /// # Errors
    /// When none comes for some seconds, or it makes no sense.
    ///
    /// # Cancel safety
    /// A message may be lost.
    pub async fn next(&mut self) -> Result<Option<Message>> {
        let mut id = 0;
        loop {
            let mut line = String::new();
            let read = timeout(PATIENCE, self.stream.read_line(&mut line)).await;
            if read.context("no message came")?? == 0 {
                return Ok(None);
            }
            // Lines of the transfer coding, comments and empty lines are passed over.
            if let Some(text) = line.strip_prefix("id: ") {
                id = text.trim().parse()?;
            } else if let Some(text) = line.strip_prefix("data: ") {
                return Ok(Some(Message { id, data: serde_json::from_str(text.trim())? }));
            }
        }
    }
}

async fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<&Value>,
) -> Result<BufReader<TcpStream>> {
    let body = body.map(Value::to_string).unwrap_or_default();
    let headers: String =
        headers.iter().map(|(key, value)| format!("{key}: {value}\r\n")).collect();
    let text = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n{headers}\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(text.as_bytes()).await?;
    Ok(BufReader::new(stream))
}

/// Reads up to the empty line behind the headers.
async fn head(stream: &mut BufReader<TcpStream>) -> Result<Answer> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let mut lines = lines.iter();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers =
        headers.map(|(key, value)| (key.to_lowercase(), value.trim().to_owned())).collect();
    Ok(Answer { status: status.context("this is no HTTP")?, headers, body: String::new() })
}
