//! Asks a running switch. One question a call; the answer is whole or there is none.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

use super::StatusView;
use super::routes::STATUS;
use crate::config::{CONTROL_SOCKET, socket_in};
use crate::directory;

/// A switch that is there answers at once.
const PATIENCE: Duration = Duration::from_secs(5);

/// Far more than the status of the largest switch.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ClientError {
    #[error("no switch runs on {}: start one with `vmq run{} --port p0`", .0.display(), directory::option(.0))]
    NotRunning(PathBuf),
    #[error("cannot connect to {}: {error}", socket.display())]
    Connect { socket: PathBuf, error: io::Error },
    #[error("the switch at {} does not answer", .0.display())]
    Silent(PathBuf),
    #[error("the switch at {} gave no usable answer: {reason}", socket.display())]
    Answer { socket: PathBuf, reason: String },
}

/// The status of the switch on `dir`.
pub(crate) fn status_of(dir: &Path) -> Result<StatusView, ClientError> {
    let socket = socket_in(dir, CONTROL_SOCKET);
    let failed = |reason: String| ClientError::Answer {
        socket: socket.clone(),
        reason,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| failed(error.to_string()))?;
    let body = runtime.block_on(async {
        let stream = UnixStream::connect(&socket)
            .await
            .map_err(|error| match error.kind() {
                io::ErrorKind::NotFound
                | io::ErrorKind::ConnectionRefused
                | io::ErrorKind::NotADirectory => ClientError::NotRunning(dir.to_path_buf()),
                _ => ClientError::Connect {
                    socket: socket.clone(),
                    error,
                },
            })?;
        match tokio::time::timeout(PATIENCE, fetch(stream, STATUS)).await {
            Ok(answer) => answer.map_err(failed),
            Err(_) => Err(ClientError::Silent(socket.clone())),
        }
    })?;
    serde_json::from_slice(&body).map_err(|error| failed(error.to_string()))
}

async fn fetch(stream: UnixStream, path: &str) -> Result<Bytes, String> {
    let text = |error: hyper::Error| error.to_string();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(text)?;
    tokio::spawn(connection);
    // HTTP/1.1 wants a host, and a socket in the file system has none.
    let request = Request::get(path)
        .header("host", "vmq")
        .body(Empty::<Bytes>::new());
    let request = request.map_err(|error| error.to_string())?;
    let answer = sender.send_request(request).await.map_err(text)?;
    let code = answer.status();
    let body = Limited::new(answer.into_body(), MAX_ANSWER_BYTES)
        .collect()
        .await;
    let body = body.map_err(|error| error.to_string())?.to_bytes();
    match code {
        StatusCode::OK => Ok(body),
        _ => Err(format!("{code}: {}", String::from_utf8_lossy(&body))),
    }
}
