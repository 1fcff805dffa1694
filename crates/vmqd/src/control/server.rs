//! Answers on the control socket. Whoever can open the socket's file may ask; the file is its owner's.

use std::io;
use std::os::unix::net::UnixListener;
use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::http::{StatusCode, Uri};
use axum::routing::get;
use serde_json::{Value, json};

use super::{STATUS, StatusView};

/// Serves until dropped. `status` is called for each question and must not wait for a guest.
pub(crate) async fn serve(
    listener: UnixListener,
    status: Arc<dyn Fn() -> StatusView + Send + Sync>,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::UnixListener::from_std(listener)?;
    let router = Router::new()
        .route(STATUS, get(async move || Json(status())))
        .fallback(unknown_path);
    axum::serve(listener, router).await
}

async fn unknown_path(uri: Uri) -> (StatusCode, Json<Value>) {
    let error = format!(
        "there is nothing at {}: known paths are {STATUS}",
        uri.path()
    );
    (StatusCode::NOT_FOUND, Json(json!({ "error": error })))
}
