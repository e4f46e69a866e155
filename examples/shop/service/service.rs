//! The service as a whole: put together, started, stopped.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use axum::{
    Router,
    middleware::from_fn_with_state,
    routing::{get, post},
};
use eventsource::{LogId, Running, SqliteReadModel, prelude::*};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle, time::timeout};

use crate::{
    commands, feed,
    health::{self, Answers},
    mails::{self, Bus, Mails},
    order::Order,
    page,
    views::{self, OrderList},
};

/// What every request can reach.
#[derive(Clone, Debug)]
pub(crate) struct Shop {
    pub(crate) store: Store,
    pub(crate) log: LogId,
    pub(crate) orders: Arc<Repository<Order>>,
    pub(crate) model: SqliteReadModel,
    pub(crate) running: Arc<Running>,
    pub(crate) mails: Option<Arc<Mails>>,
    pub(crate) answers: Arc<Answers>,
    /// Becomes true when the service ends.
    pub(crate) end: watch::Receiver<bool>,
}

/// The shop, at work. Dropping it ends it at once; [`Service::stop`] lets it finish.
#[derive(Debug)]
pub struct Service {
    address: SocketAddr,
    running: Arc<Running>,
    mails: Option<Arc<Mails>>,
    end: watch::Sender<bool>,
    server: JoinHandle<std::io::Result<()>>,
}

impl Service {
    /// Starts a shop that keeps its orders in `store` and its list in `model`, and listens
    /// at `address`; port 0 is any that is free. With a bus, it writes mails.
    ///
    /// # Errors
    /// What opening, preparing or listening fails with.
    ///
    /// # Cancel safety
    /// Dropping the future stops what was started.
    pub async fn start(
        store: Store,
        model: SqliteReadModel,
        bus: Option<Bus>,
        address: &str,
    ) -> Result<Self> {
        let listener = TcpListener::bind(address).await;
        let listener = listener.with_context(|| format!("cannot listen at {address}"))?;
        let address = listener.local_addr()?;
        OrderList::prepare(&model).await?;
        let running = Runner::new(store.clone()).project(OrderList, model.clone()).start()?;
        let running = Arc::new(running);
        mails::prepare(&model).await?;
        let mails = match bus {
            Some(bus) => Some(Arc::new(bus.start(&model).await?)),
            None => None,
        };
        let (end, ended) = watch::channel(false);
        let shop = Shop {
            log: store.head().await?.log,
            orders: Arc::new(Repository::new(store.clone())),
            store,
            model,
            running: Arc::clone(&running),
            mails: mails.clone(),
            answers: Arc::default(),
            end: ended.clone(),
        };
        let server = axum::serve(listener, routes(shop)).with_graceful_shutdown(over(ended));
        let server = tokio::spawn(server.into_future());
        Ok(Self { address, running, mails, end, server })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more requests, answers those that it has, ends the feeds, and lets the list
    /// commit what it has in hand; all of it within `time`, or says so.
    ///
    /// # Errors
    /// When something was not done in time.
    ///
    /// # Cancel safety
    /// Dropping the future ends it at once.
    pub async fn stop(mut self, time: Duration) -> Result<()> {
        self.end.send_replace(true);
        let answered = timeout(time, &mut self.server).await;
        let stopped = self.running.stop(time).await;
        // The requests are over, and so nobody else has it.
        if let Some(mails) = self.mails.take().and_then(Arc::into_inner) {
            mails.stop(time).await?;
        }
        answered.context("requests were not answered in time")???;
        anyhow::ensure!(stopped.aborted.is_empty(), "not stopped in time: {:?}", stopped.aborted);
        Ok(())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn over(mut ended: watch::Receiver<bool>) {
    // An error is that the service was dropped.
    let _ = ended.wait_for(|end| *end).await;
}

fn routes(shop: Shop) -> Router {
    Router::new()
        .route("/", get(page::page))
        .route("/orders", get(views::list).post(commands::place))
        .route("/orders/{id}", get(commands::show))
        .route("/orders/{id}/payment", post(commands::pay))
        .route("/orders/{id}/cancellation", post(commands::cancel))
        .route("/mails", get(mails::list))
        .route("/feed", get(feed::feed))
        .route("/health", get(health::health))
        .route("/metrics", get(health::metrics))
        .layer(from_fn_with_state(shop.clone(), health::count))
        .with_state(shop)
}
