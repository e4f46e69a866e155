//! A proxy between a client and its server that cuts connections, holds replies back and
//! delays them.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use fastrand::Rng;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
};

/// Where a connection is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cut {
    /// The server never gets the request.
    Before,
    /// The server gets the request, and nobody waits for what it says.
    After,
    /// The server carries the request out, and its reply is lost.
    Swallow,
    /// Half of the reply arrives.
    Middle,
}

/// Carries bytes between clients and a server, of whatever protocol, until told to do it badly.
///
/// A piece is what one read gives: with one request at a time, a request or a reply; under
/// load, several.
///
/// ```no_run
/// # async fn shown(server: std::net::SocketAddr) {
/// use es_testkit::servers::{Cut, Proxy};
///
/// let proxy = Proxy::start(server).await;
/// let client = tokio::net::TcpStream::connect(proxy.address()).await;
/// proxy.cut_next(Cut::Swallow); // the next request is carried out, and its reply is lost
/// # }
/// ```
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    plan: Arc<Plan>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Plan {
    random: Mutex<Random>,
    left: AtomicUsize,
    next: Mutex<Option<Cut>>,
    server: Mutex<SocketAddr>,
    control: watch::Sender<Control>,
}

/// One out of `odds` pieces, while cuts are left.
#[derive(Debug)]
struct Random {
    rng: Rng,
    odds: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Control {
    /// Connections of an older generation are closed.
    generation: u64,
    /// Replies wait.
    held: bool,
    /// Each reply waits for a random part of this.
    delay: Duration,
}

impl Proxy {
    /// A proxy to `server` on a port of its own, which carries everything as it is.
    ///
    /// It ends, with its connections, when it is dropped.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("no port is free");
        let address = listener.local_addr().expect("a listener has an address");
        let plan = Arc::new(Plan {
            random: Mutex::new(Random { rng: Rng::new(), odds: 1 }),
            left: AtomicUsize::new(0),
            next: Mutex::new(None),
            server: Mutex::new(server),
            control: watch::Sender::default(),
        });
        let task = tokio::spawn(accept(listener, Arc::clone(&plan)));
        Self { address, plan, task }
    }

    /// Where clients connect to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts one out of `odds` pieces, `cuts` times, then no more.
    pub fn cut_randomly(&self, seed: u64, odds: usize, cuts: usize) {
        *lock(&self.plan.random) = Random { rng: Rng::with_seed(seed), odds: odds.max(1) };
        self.plan.left.store(cuts, Ordering::Relaxed);
    }

    /// How many of the random cuts are left.
    #[must_use]
    pub fn cuts_left(&self) -> usize {
        self.plan.left.load(Ordering::Relaxed)
    }

    /// Cuts at the next piece that fits: a request, or for [`Cut::Middle`] a reply.
    pub fn cut_next(&self, cut: Cut) {
        *lock(&self.plan.next) = Some(cut);
    }

    /// Whether what [`cut_next`](Self::cut_next) asked for has happened, or nothing was asked.
    #[must_use]
    pub fn has_cut(&self) -> bool {
        lock(&self.plan.next).is_none()
    }

    /// Cuts all connections that are open now.
    pub fn cut_all(&self) {
        self.plan.control.send_modify(|control| control.generation += 1);
    }

    /// Keeps replies back until [`release`](Self::release). Requests still reach the server.
    pub fn hold(&self) {
        self.plan.control.send_modify(|control| control.held = true);
    }

    /// Lets replies pass again, those that waited first.
    pub fn release(&self) {
        self.plan.control.send_modify(|control| control.held = false);
    }

    /// Delays each reply by a random part of `longest`, in the order that they came.
    pub fn delay_replies(&self, longest: Duration) {
        self.plan.control.send_modify(|control| control.delay = longest);
    }

    /// Connects clients that come from now on to another server.
    pub fn lead_to(&self, server: SocketAddr) {
        *lock(&self.plan.server) = server;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, plan: Arc<Plan>) {
    // With the proxy go its connections.
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let plan = Arc::clone(&plan);
        connections.spawn(async move {
            let server = *lock(&plan.server);
            if let Ok(server) = TcpStream::connect(server).await {
                // Whichever end breaks, both are closed.
                drop(plan.carry(client, server).await);
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

impl Plan {
    async fn carry(&self, client: TcpStream, server: TcpStream) -> io::Result<()> {
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let mut control = self.control.subscribe();
        let generation = control.borrow().generation;
        let swallow = AtomicBool::new(false);
        let (mut client, mut server) = (client.into_split(), server.into_split());
        tokio::select! {
            done = self.requests(&mut client.0, &mut server.1, &swallow) => done,
            done = self.replies(&mut server.0, &mut client.1, &swallow) => done,
            _ = control.wait_for(|control| control.generation != generation) => Ok(()),
        }
    }

    async fn requests(
        &self,
        client: &mut (impl AsyncRead + Unpin),
        server: &mut (impl AsyncWrite + Unpin),
        swallow: &AtomicBool,
    ) -> io::Result<()> {
        let mut piece = vec![0; 1 << 16];
        loop {
            let length = client.read(&mut piece).await?;
            // An end is no request: it must not use up a cut that is meant for one.
            if length == 0 {
                return Ok(());
            }
            let cut = self.draw(&[Cut::Before, Cut::After, Cut::Swallow]);
            if cut == Some(Cut::Before) {
                return Ok(());
            }
            // Before the server can reply.
            swallow.store(cut == Some(Cut::Swallow), Ordering::Release);
            server.write_all(&piece[..length]).await?;
            match cut {
                None => {}
                Some(Cut::Swallow) => return std::future::pending().await,
                Some(_) => return Ok(()),
            }
        }
    }

    async fn replies(
        &self,
        server: &mut (impl AsyncRead + Unpin),
        client: &mut (impl AsyncWrite + Unpin),
        swallow: &AtomicBool,
    ) -> io::Result<()> {
        let (mut piece, mut control) = (vec![0; 1 << 16], self.control.subscribe());
        loop {
            let length = server.read(&mut piece).await?;
            let delay = control.borrow_and_update().delay;
            if !delay.is_zero() {
                let part = lock(&self.random).rng.f64();
                tokio::time::sleep(delay.mul_f64(part)).await;
            }
            if control.wait_for(|control| !control.held).await.is_err() {
                return Ok(());
            }
            if length == 0 || swallow.load(Ordering::Acquire) {
                return Ok(());
            }
            if self.draw(&[Cut::Middle]).is_some() {
                return client.write_all(&piece[..length / 2]).await;
            }
            client.write_all(&piece[..length]).await?;
        }
    }

    /// Which of these to do now, if any.
    fn draw(&self, cuts: &[Cut]) -> Option<Cut> {
        let mut next = lock(&self.next);
        if next.is_some_and(|cut| cuts.contains(&cut)) {
            return next.take();
        }
        let mut random = lock(&self.random);
        let odds = random.odds;
        if self.left.load(Ordering::Relaxed) == 0 || random.rng.usize(..odds) > 0 {
            return None;
        }
        let one = |left: usize| left.checked_sub(1);
        let taken = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one);
        taken.ok().and_then(|_| random.rng.choice(cuts).copied())
    }
}

/// What a panic left behind is as good as before.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
