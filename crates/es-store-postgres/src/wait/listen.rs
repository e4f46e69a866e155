//! Hearing that other processes have appended, on a connection of its own.

use std::{future::poll_fn, pin::pin, sync::Arc, time::Duration};

use es_core::Position;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
};
use tokio_postgres::{AsyncMessage, Client, Config, Connection};

use super::notify::Heard;
use crate::{
    hosts::Hosts,
    names::Names,
    tls::{Tls, with_tls},
};

/// How long it waits at most before it connects again.
const LONGEST: Duration = Duration::from_secs(5);

/// Listens until it is aborted; connects again whenever the connection breaks.
pub(crate) async fn listen(
    config: Config,
    (tls, patience): (Tls, Duration),
    names: Names,
    published: Arc<watch::Sender<Position>>,
    heard: Arc<Heard>,
) {
    let hosts = (Hosts::of(&config, tls.clone(), patience), patience);
    let mut pause = Duration::from_millis(50);
    loop {
        match connect(&hosts, &tls, &names, (&published, &heard)).await {
            // It listened for a while: the server was there.
            Ok(()) => pause = Duration::from_millis(50),
            Err(error) => tracing::debug!(error = %error, "cannot listen; looking instead"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST);
    }
}

async fn connect(
    (hosts, patience): &(Hosts, Duration),
    tls: &Tls,
    names: &Names,
    told: (&watch::Sender<Position>, &Heard),
) -> Result<(), tokio_postgres::Error> {
    with_tls!(tls.clone(), connector => {
        let reached = hosts.reach(|config| {
            // (One of the two types is copied, which a call of the method would be refused for.)
            let connector = Clone::clone(&connector);
            async move { config.connect(connector).await }
        });
        let Ok(reached) = tokio::time::timeout(*patience, reached).await else {
            tracing::debug!("nobody answered who could be listened to; looking instead");
            return Ok(());
        };
        let (client, connection) = reached?;
        session(client, connection, names, told).await
    })
}

async fn session<S, T>(
    client: Client,
    mut connection: Connection<S, T>,
    names: &Names,
    (published, heard): (&watch::Sender<Position>, &Heard),
) -> Result<(), tokio_postgres::Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    let sql = format!("LISTEN {}", names.channel());
    let mut begin = pin!(client.batch_execute(&sql));
    let mut is_listening = false;
    poll_fn(|cx| {
        if !is_listening && let std::task::Poll::Ready(result) = begin.as_mut().poll(cx) {
            if let Err(error) = result {
                return std::task::Poll::Ready(Err(error));
            }
            is_listening = true;
            heard.forget();
            // Nobody told what happened before, and the log may be shorter than it was.
            published.send_modify(|_| {});
        }
        loop {
            match std::task::ready!(connection.poll_message(cx)) {
                Some(Ok(AsyncMessage::Notification(told))) => {
                    hear(told.payload(), published, heard);
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return std::task::Poll::Ready(Err(error)),
                None => return std::task::Poll::Ready(Ok(())),
            }
            if !is_listening {
                cx.waker().wake_by_ref();
            }
        }
    })
    .await
}

/// Whatever was heard is a hint: those who are woken ask where the log ends.
fn hear(payload: &str, published: &watch::Sender<Position>, heard: &Heard) {
    let Ok(position) = payload.parse().map(Position::new) else { return };
    // Before it is published, which wakes whoever tells others.
    heard.note(position);
    published.send_if_modified(|known| {
        let grown = position > *known;
        *known = position.max(*known);
        grown
    });
}
