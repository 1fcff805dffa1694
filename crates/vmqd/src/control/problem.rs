//! What a client is told that does not get what it asked for: a problem document (RFC 9457).
//!
//! Invariant: each says what is wrong, where, and what to do. Its type is one of a short list ([`Kind`]), so a program can tell
//! problems apart without reading sentences.

use std::fmt;

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
    pub(crate) kind: Box<str>,
    /// What problems of this type have in common.
    pub(crate) title: Box<str>,
    /// The status code of the answer.
    pub(crate) status: u16,
    /// What is wrong with this request.
    pub(crate) detail: Box<str>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) remedy: Option<Box<str>>,
    /// Name of the NDIS status, where the engine refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ndis_status: Option<Box<str>>,
    /// Everything that is wrong with the request's body, member by member.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) errors: Vec<MemberError>,
}

/// What is wrong with one member of a request's body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct MemberError {
    /// Where it is: a JSON pointer (RFC 6901) as a URI fragment, such as `#/filters/0/mac`. Missing for what is wrong with
    /// something else, if the body were taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pointer: Option<String>,
    /// What is wrong with it.
    pub(crate) detail: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) remedy: Option<String>,
}

/// The types of problems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A header, a parameter of the path or the query, or the JSON itself cannot be read.
    Malformed,
    /// No or a wrong token.
    Unauthorized,
    NotFound,
    MethodNotAllowed,
    /// The body did not come in time.
    Timeout,
    /// It does not go together with what the switch is.
    Conflict,
    /// `If-Match` or `If-None-Match` does not hold.
    PreconditionFailed,
    TooLarge,
    UnsupportedMediaType,
    /// The JSON can be read and makes no sense.
    Invalid,
    /// A fault of ours.
    Internal,
    /// Too much is asked at once.
    Busy,
}

impl Kind {
    pub(crate) const ALL: [Self; 12] = [
        Self::Malformed,
        Self::Unauthorized,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Timeout,
        Self::Conflict,
        Self::PreconditionFailed,
        Self::TooLarge,
        Self::UnsupportedMediaType,
        Self::Invalid,
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
            Self::Timeout => (
                "timeout",
                StatusCode::REQUEST_TIMEOUT,
                "The request did not come in time",
            ),
            Self::Conflict => (
                "conflict",
                StatusCode::CONFLICT,
                "It does not go together with what the switch is",
            ),
            Self::PreconditionFailed => (
                "precondition-failed",
                StatusCode::PRECONDITION_FAILED,
                "It has been changed meanwhile",
            ),
            Self::TooLarge => (
                "too-large",
                StatusCode::PAYLOAD_TOO_LARGE,
                "The body is too large",
            ),
            Self::UnsupportedMediaType => (
                "unsupported-media-type",
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "The body is of another type",
            ),
            Self::Invalid => (
                "invalid",
                StatusCode::UNPROCESSABLE_ENTITY,
                "The body makes no sense",
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
            kind: kind.urn().into(),
            title: kind.title().into(),
            status: kind.status().as_u16(),
            detail: detail.into().into(),
            remedy: remedy.map(String::into_boxed_str),
            ndis_status: None,
            errors: Vec::new(),
        }
    }

    /// There is no `what` of this name, but there are `known`.
    pub(super) fn not_found<'n>(
        what: &str,
        name: &str,
        known: impl Iterator<Item = &'n str>,
    ) -> Self {
        /// More are no help.
        const SHOWN: usize = 16;
        let mut known: Vec<_> = known.take(SHOWN + 1).collect();
        if known.len() > SHOWN {
            known[SHOWN] = "...";
        }
        let remedy = match known[..] {
            [] => "it has none".to_owned(),
            _ => format!("it has {}", known.join(", ")),
        };
        let detail = format!("the switch has no {what} `{name}`");
        Self::new(Kind::NotFound, detail, remedy)
    }
}

/// For people at a terminal: a line, or one for each member that is wrong.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.errors.is_empty() {
            f.write_str(&self.detail)?;
            let remedy = self.remedy.iter();
            remedy
                .into_iter()
                .try_for_each(|text| write!(f, ": {text}"))?;
        }
        for (at, error) in self.errors.iter().enumerate() {
            let newline = if at > 0 { "\n" } else { "" };
            write!(f, "{newline}{error}")?;
        }
        match &self.ndis_status {
            Some(status) => write!(f, " ({status})"),
            None => Ok(()),
        }
    }
}

/// `filters.0.mac: it belongs to ...: give each machine its own`
impl fmt::Display for MemberError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self
            .pointer
            .as_deref()
            .and_then(|pointer| pointer.strip_prefix("#/"))
            .map(|pointer| pointer.replace('/', "."));
        let parts = [
            place.as_deref(),
            Some(&*self.detail),
            self.remedy.as_deref(),
        ];
        let said: Vec<_> = parts.into_iter().flatten().collect();
        f.write_str(&said.join(": "))
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
