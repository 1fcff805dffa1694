//! Answers on a listening socket, with limits on all that a client can make the switch hold or wait for.
//!
//! | a client | loses its connection after |
//! | --- | --- |
//! | that connects and says nothing, or says it slowly | [`HEADER_PATIENCE`] |
//! | that sends a body slowly | [`BODY_PATIENCE`](super::request::BODY_PATIENCE), with an answer |
//! | that does not read its answer | [`WRITE_PATIENCE`] |
//! | with a header of more than [`MAX_HEADER`] bytes | at once, with an answer |
//!
//! More than [`MAX_CONNECTIONS`] wait in the kernel until one goes. Each socket has its own, so that what happens on TCP takes
//! nothing from the control socket.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::serve::Listener;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutWriter;

/// Connections at once.
pub(super) const MAX_CONNECTIONS: usize = 64;

/// How long a request's header may take, counted from the end of the request before.
pub(super) const HEADER_PATIENCE: Duration = Duration::from_secs(10);

/// How long a client may read nothing of what is there for it.
pub(super) const WRITE_PATIENCE: Duration = Duration::from_secs(10);

/// The largest header.
pub(super) const MAX_HEADER: usize = 16 * 1024;

/// Serves until dropped.
pub(super) async fn serve(mut listener: impl Listener, router: Router) -> Infallible {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEADER_PATIENCE)
        .max_buf_size(MAX_HEADER);
    loop {
        let place = places.clone().acquire_owned().await;
        let place = place.expect("nobody closes this semaphore");
        let (stream, _) = listener.accept().await;
        let mut stream = TimeoutWriter::new(stream);
        stream.set_timeout(Some(WRITE_PATIENCE));
        let service = TowerToHyperService::new(router.clone());
        let connection = http.serve_connection(TokioIo::new(Box::pin(stream)), service);
        tokio::spawn(async move {
            // How a connection ends is its client's business.
            let _ = connection.await;
            drop(place);
        });
    }
}
