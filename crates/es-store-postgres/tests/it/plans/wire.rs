//! What the connections of a store send, read on its way to the server.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// Carries everything to a server and back, and keeps what was sent there.
pub(super) struct Wire {
    pub(super) address: SocketAddr,
    sent: Arc<Mutex<Vec<u8>>>,
    task: JoinHandle<()>,
}

impl Wire {
    pub(super) async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let sent = Arc::<Mutex<Vec<u8>>>::default();
        let kept = Arc::clone(&sent);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, server, Arc::clone(&kept)));
            }
        });
        Self { address, sent, task }
    }

    /// The last text that was sent and has `part` in it.
    pub(super) fn last(&self, part: &str) -> String {
        let sent = self.sent.lock().unwrap();
        // Texts end with a zero.
        let mut texts = sent.rsplit(|byte| *byte == 0).map(String::from_utf8_lossy);
        texts.find(|text| text.starts_with("SELECT") && text.contains(part)).unwrap().into_owned()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(client: TcpStream, server: SocketAddr, kept: Arc<Mutex<Vec<u8>>>) {
    let server = TcpStream::connect(server).await.unwrap();
    let ((mut from, mut back), (mut replies, mut to)) = (client.into_split(), server.into_split());
    let there = async {
        let mut piece = vec![0; 1 << 16];
        while let Ok(length @ 1..) = from.read(&mut piece).await {
            kept.lock().unwrap().extend(&piece[..length]);
            to.write_all(&piece[..length]).await.unwrap();
        }
    };
    tokio::select! {
        () = there => {}
        _ = copy(&mut replies, &mut back) => {}
    }
}
