//! What a client is told that does not get what it asked for: a problem document (RFC 9457).
//!
//! Invariant: each says what is wrong, where, and what to do. Its type is one of a short list ([`Kind`]), so a program can tell
//! problems apart without reading sentences.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Media type of a problem document.
pub(super) const PROBLEM_JSON: &str = "application/problem+json";

/// Why a request was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Problem {
    /// Which problem it is: a URN of the list in the documentation.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// What problems of this type have in common.
    pub(crate) title: String,
    /// The status code of the answer.
    pub(crate) status: u16,
    /// What is wrong with this request.
    pub(crate) detail: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) remedy: Option<String>,
}

/// The types of problems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A parameter of the path or the query cannot be read.
    Malformed,
    /// No or a wrong token.
    Unauthorized,
    NotFound,
    MethodNotAllowed,
    /// A fault of ours.
    Internal,
    /// Too much is asked at once.
    Busy,
}

impl Kind {
    pub(crate) const ALL: [Self; 6] = [
        Self::Malformed,
        Self::Unauthorized,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Internal,
        Self::Busy,
    ];

    pub(crate) fn status(self) -> StatusCode {
        self.facts().1
    }

    /// The URN that names it.
    pub(crate) fn urn(self) -> String {
        format!("urn:problem-type:vmq:{}", self.facts().0)
    }

    pub(crate) fn title(self) -> &'static str {
        self.facts().2
    }

    fn facts(self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Self::Malformed => (
                "malformed",
                StatusCode::BAD_REQUEST,
                "The request cannot be read",
            ),
            Self::Unauthorized => (
                "unauthorized",
                StatusCode::UNAUTHORIZED,
                "The request has no valid token",
            ),
            Self::NotFound => (
                "not-found",
                StatusCode::NOT_FOUND,
                "There is nothing of that name",
            ),
            Self::MethodNotAllowed => (
                "method-not-allowed",
                StatusCode::METHOD_NOT_ALLOWED,
                "That cannot be done with it",
            ),
            Self::Internal => (
                "internal",
                StatusCode::INTERNAL_SERVER_ERROR,
                "The switch made a mistake",
            ),
            Self::Busy => (
                "busy",
                StatusCode::SERVICE_UNAVAILABLE,
                "Too much is asked at once",
            ),
        }
    }
}

impl Problem {
    pub(super) fn new(kind: Kind, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        let remedy = Some(remedy.into()).filter(|text| !text.is_empty());
        Self {
            kind: kind.urn(),
            title: kind.title().to_owned(),
            status: kind.status().as_u16(),
            detail: detail.into(),
            remedy,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        // A document of strings and numbers is always JSON.
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let media = HeaderValue::from_static(PROBLEM_JSON);
        (status, [(header::CONTENT_TYPE, media)], body).into_response()
    }
}
