//! One request and its answer, on a connection of its own.

use std::io;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

use super::{Client, ClientError};

/// A switch that is there answers a question at once.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// A change may have to wait for others, and for sockets and memory that come and go.
const PATIENCE_WITH_CHANGES: Duration = Duration::from_secs(60);

/// Far more than the status of the largest switch.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// What the switch answers to what it does.
pub(super) struct Answer {
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// The whole answer to `request`.
pub(super) async fn whole(
    client: &Client,
    request: Request<Full<Bytes>>,
) -> Result<Answer, ClientError> {
    let patience = match *request.method() {
        Method::GET => PATIENCE,
        _ => PATIENCE_WITH_CHANGES,
    };
    let answer = async {
        let (parts, body) = begin(client, request).await?.into_parts();
        let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await;
        let body = body.map_err(|error| client.unusable(&error.to_string()))?;
        Ok(Answer {
            headers: parts.headers,
            body: body.to_bytes(),
        })
    };
    in_time(client, patience, answer).await
}

/// The answer to `request` as far as its headers, if the switch does what it is asked.
pub(super) async fn begin(
    client: &Client,
    mut request: Request<Full<Bytes>>,
) -> Result<Response<Incoming>, ClientError> {
    let unusable = |error: hyper::Error| client.unusable(&error.to_string());
    let stream = connect(client).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(unusable)?;
    tokio::spawn(connection);
    // HTTP/1.1 wants a host, and a socket in the file system has none.
    let host = HeaderValue::from_static("vmq");
    request.headers_mut().insert(header::HOST, host);
    let answer = sender.send_request(request).await.map_err(unusable)?;
    if answer.status().is_success() {
        return Ok(answer);
    }
    let status = answer.status();
    let body = Limited::new(answer.into_body(), MAX_ANSWER_BYTES);
    let body = body.collect().await;
    let body = body.map_err(|error| client.unusable(&error.to_string()))?;
    let body = body.to_bytes();
    Err(match serde_json::from_slice(&body) {
        Ok(problem) => ClientError::Refused(Box::new(problem)),
        Err(_) => client.unusable(&format!("{status}: {}", String::from_utf8_lossy(&body))),
    })
}

/// What comes of `answer`, if it comes in this time.
pub(super) async fn in_time<T>(
    client: &Client,
    patience: Duration,
    answer: impl Future<Output = Result<T, ClientError>>,
) -> Result<T, ClientError> {
    let answer = tokio::time::timeout(patience, answer).await;
    answer.unwrap_or_else(|_| Err(ClientError::Silent(client.socket.clone())))
}

async fn connect(client: &Client) -> Result<UnixStream, ClientError> {
    let connected = UnixStream::connect(&client.socket).await;
    connected.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound
        | io::ErrorKind::ConnectionRefused
        | io::ErrorKind::NotADirectory => ClientError::NotRunning(client.dir.clone()),
        _ => ClientError::Connect {
            socket: client.socket.clone(),
            error,
        },
    })
}
