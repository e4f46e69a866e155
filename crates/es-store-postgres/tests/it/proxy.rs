//! A proxy between a store and the server that cuts connections.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use fastrand::Rng;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// Where a connection is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    /// The server never gets the request.
    Before,
    /// The server gets the request, and nobody waits for what it says.
    After,
    /// The server carries the request out, and its reply is lost.
    Swallow,
    /// Half of the reply arrives.
    Middle,
}

pub(crate) struct Proxy {
    /// The URL of the server, with the proxy in place of the server.
    pub(crate) url: String,
    cuts: Arc<Cuts>,
    task: JoinHandle<()>,
}

struct Cuts {
    rng: Mutex<Rng>,
    left: AtomicUsize,
    /// One out of so many pieces of what is sent.
    odds: usize,
}

impl Proxy {
    /// A proxy to the server at `url` that cuts `cuts` times, then no more.
    pub(crate) async fn start(url: &str, seed: u64, odds: usize, cuts: usize) -> Self {
        let (user, rest) = url.split_once('@').unwrap();
        let (server, rest) = rest.split_once('/').unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap();
        let rng = Mutex::new(Rng::with_seed(seed));
        let cuts = Arc::new(Cuts { rng, left: AtomicUsize::new(cuts), odds });
        let (shared, server) = (Arc::clone(&cuts), server.to_owned());
        let task = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let (cuts, server) = (Arc::clone(&shared), server.clone());
                tokio::spawn(async move {
                    if let Ok(server) = TcpStream::connect(server).await {
                        // Whichever end breaks, both are closed.
                        drop(cuts.carry(client, server).await);
                    }
                });
            }
        });
        Self { url: format!("{user}@{own}/{rest}"), cuts, task }
    }

    pub(crate) fn cuts_left(&self) -> usize {
        self.cuts.left.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Cuts {
    async fn carry(&self, mut client: TcpStream, mut server: TcpStream) -> std::io::Result<()> {
        let (mut up, mut down) = (vec![0; 1 << 16], vec![0; 1 << 16]);
        loop {
            tokio::select! {
                read = client.read(&mut up) => {
                    let read = read?;
                    let cut = self.draw(&[Cut::Before, Cut::After, Cut::Swallow]);
                    if read == 0 || cut == Some(Cut::Before) {
                        return Ok(());
                    }
                    server.write_all(&up[..read]).await?;
                    match cut {
                        Some(Cut::Swallow) => return server.read(&mut down).await.map(drop),
                        Some(_) => return Ok(()),
                        None => {}
                    }
                }
                read = server.read(&mut down) => {
                    let read = read?;
                    if read == 0 {
                        return Ok(());
                    }
                    if self.draw(&[Cut::Middle]).is_some() {
                        return client.write_all(&down[..read / 2]).await;
                    }
                    client.write_all(&down[..read]).await?;
                }
            }
        }
    }

    fn draw(&self, cuts: &[Cut]) -> Option<Cut> {
        let mut rng = self.rng.lock().unwrap();
        if rng.usize(..self.odds) > 0 {
            return None;
        }
        let one = |left: usize| left.checked_sub(1);
        let taken = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one);
        taken.ok().and_then(|_| rng.choice(cuts).copied())
    }
}
