//! What an operation answers when it succeeds, and how that becomes a response.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::problem::{Kind, Problem};

/// Media type of answers.
pub(super) const JSON: &str = "application/json";

/// The response that holds `value`.
pub(super) fn render(value: &impl Serialize) -> Result<Response, Problem> {
    let body = serde_json::to_vec(value).map_err(|error| {
        let detail = format!("the answer cannot be written as JSON: {error}");
        Problem::new(Kind::Internal, detail, "please report it")
    })?;
    let media_type = HeaderValue::from_static(JSON);
    Ok((StatusCode::OK, [(header::CONTENT_TYPE, media_type)], body).into_response())
}
