//! Who may ask on TCP: whoever shows the token.

use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::problem::{Kind, Problem};
use super::token::Token;

/// Lets a request with the token pass; ends the connection of any other before its body is read.
pub(super) async fn guard(State(token): State<Token>, request: Request, next: Next) -> Response {
    let mut shown = request.headers().get_all(header::AUTHORIZATION).iter();
    let (Some(first), None) = (shown.next(), shown.next()) else {
        return refuse("the request shows no token");
    };
    match bearer(first.as_bytes()) {
        Some(guess) if token.is(guess) => next.run(request).await,
        _ => refuse("the token is not the switch's"),
    }
}

/// The credentials of the scheme `Bearer` (RFC 6750, 2.1), whose name is in any case (RFC 9110, 11.1).
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, credentials) = value.split_at_checked(b"Bearer ".len())?;
    scheme
        .eq_ignore_ascii_case(b"Bearer ")
        .then(|| credentials.trim_ascii())
}

fn refuse(detail: &str) -> Response {
    let remedy =
        "send `Authorization: Bearer TOKEN`, with the token in the file of `api.token_file`";
    let mut response = Problem::new(Kind::Unauthorized, detail, remedy).into_response();
    let headers = response.headers_mut();
    headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
