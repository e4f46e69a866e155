//! A proxy between a client and the server that holds replies back and cuts connections.

use std::sync::Arc;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// What becomes of replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Replies {
    Pass,
    /// They wait until they may pass.
    Hold,
    /// The first one cuts the connection.
    Cut,
}

pub(crate) struct Proxy {
    pub(crate) url: String,
    replies: Arc<watch::Sender<Replies>>,
    held: watch::Receiver<usize>,
    task: JoinHandle<()>,
}

impl Proxy {
    pub(crate) async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("redis://{}", listener.local_addr().unwrap());
        let replies = Arc::new(watch::channel(Replies::Pass).0);
        let (count, held) = watch::channel(0);
        let (shared, count) = (Arc::clone(&replies), Arc::new(count));
        let task = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let (replies, count) = (shared.subscribe(), Arc::clone(&count));
                tokio::spawn(async move {
                    if let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await {
                        // Whichever end breaks, both are closed.
                        drop(carry(client, server, replies, &count).await);
                    }
                });
            }
        });
        Self { url, replies, held, task }
    }

    pub(crate) fn set(&self, replies: Replies) {
        self.replies.send_replace(replies);
    }

    /// Waits until some reply is held back or cut, `count` of them over all.
    pub(crate) async fn held(&self, count: usize) {
        self.held.clone().wait_for(|held| *held >= count).await.unwrap();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(
    mut client: TcpStream,
    mut server: TcpStream,
    replies: watch::Receiver<Replies>,
    count: &watch::Sender<usize>,
) -> std::io::Result<()> {
    let (mut up, mut down) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    let (mut held, mut is_held) = (Vec::new(), false);
    let mut passing = replies.clone();
    loop {
        tokio::select! {
            read = client.read(&mut up) => {
                let read = read?;
                if read == 0 {
                    return Ok(());
                }
                server.write_all(&up[..read]).await?;
            }
            read = server.read(&mut down) => {
                let read = read?;
                if read == 0 {
                    return Ok(());
                }
                let now = *replies.borrow();
                if now == Replies::Pass {
                    client.write_all(&down[..read]).await?;
                    continue;
                }
                count.send_modify(|count| *count += 1);
                if now == Replies::Cut {
                    return Ok(());
                }
                held.extend_from_slice(&down[..read]);
                is_held = true;
            }
            () = may_pass(&mut passing), if is_held => {
                client.write_all(&held).await?;
                held.clear();
                is_held = false;
            }
        }
    }
}

async fn may_pass(replies: &mut watch::Receiver<Replies>) {
    // Once the proxy is gone nothing needs to pass.
    drop(replies.wait_for(|replies| *replies == Replies::Pass).await);
}
