//! A BMP station: routers connect and speak (RFC 7854). The station says nothing.

use std::io;

use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::config::Bmp;
use super::netns::on_thread;
use super::outlet::Outlet;
use crate::follow::Mark;

/// Listens, and hands over what each router says. `alone` is the name of the one router that connects here, if it is one;
/// others are called as the configuration says, or else by their addresses.
///
/// # Errors
/// An address that cannot be listened at.
pub(super) async fn converse(outlet: Outlet, station: Bmp, alone: Option<String>) -> io::Result<()> {
    let Bmp { listen, netns, routers } = station;
    let listener = on_thread(netns, move || {
        let listener = std::net::TcpListener::bind(listen)
            .map_err(|e| io::Error::new(e.kind(), format!("{listen}: {e}")))?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    })
    .await?;
    let listener = TcpListener::from_std(listener)?;
    outlet.mark(&Mark::Up).await;
    let mut sessions = JoinSet::new();
    for number in 0.. {
        let (stream, peer) = listener.accept().await?;
        let address = peer.ip().to_canonical();
        let node = alone.as_ref().or_else(|| routers.get(&address)).cloned();
        let node = node.unwrap_or_else(|| address.to_string());
        sessions.spawn(hear(outlet.clone(), stream, number, node));
        while sessions.try_join_next().is_some() {}
    }
    Ok(())
}

async fn hear(outlet: Outlet, mut stream: TcpStream, number: u32, node: String) {
    outlet.mark(&Mark::Connected { number, node }).await;
    let mut buffer = vec![0; 256 << 10];
    // An error ends a session as its end does: it is told, and the router connects again.
    while let Ok(length) = stream.read(&mut buffer).await
        && length > 0
    {
        outlet.data([&number.to_le_bytes(), &buffer[..length]].concat()).await;
    }
    outlet.mark(&Mark::Closed { number }).await;
}
