//! What an operation answers when it succeeds, and how that becomes a response.

use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;

use super::condition::{Condition, Tag};
use super::problem::{Kind, Problem};

/// What an operation answers.
#[derive(Debug)]
pub(super) enum Reply<T> {
    /// Here it is, as it is now.
    Is(T),
    /// It was made, and is at this path.
    Made(String, T),
    /// Done, and there is nothing to show.
    Done,
}

/// What can be answered.
pub(crate) trait Answer: JsonSchema + 'static {
    const MEDIA_TYPE: &'static str;

    /// It can be changed, and is sent with a tag that names it as it is.
    const IS_TAGGED: bool;

    fn render(&self) -> Result<Vec<u8>, Problem>;
}

/// What is answered as JSON.
pub(crate) trait JsonAnswer: Serialize + JsonSchema + 'static {
    const IS_TAGGED: bool = false;
}

impl<T: JsonAnswer> Answer for T {
    const MEDIA_TYPE: &'static str = "application/json";
    const IS_TAGGED: bool = T::IS_TAGGED;

    fn render(&self) -> Result<Vec<u8>, Problem> {
        serde_json::to_vec(self).map_err(|error| {
            let detail = format!("the answer cannot be written as JSON: {error}");
            Problem::new(Kind::Internal, detail, "please report it")
        })
    }
}

/// Of an operation after which there is nothing to show.
impl JsonAnswer for () {}

impl<T: Answer> Reply<T> {
    /// The response to a request with this method and these conditions.
    pub(super) fn render(
        self,
        method: &Method,
        condition: &Condition,
    ) -> Result<Response, Problem> {
        let (status, location, value) = match self {
            Self::Is(value) => (StatusCode::OK, None, value),
            Self::Made(location, value) => (StatusCode::CREATED, Some(location), value),
            Self::Done => return Ok(StatusCode::NO_CONTENT.into_response()),
        };
        let body = value.render()?;
        let tag = T::IS_TAGGED.then(|| Tag::of(&body));
        let is_known = *method == Method::GET && condition.is_known(tag.as_ref());
        let mut response = if is_known {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            let media_type = HeaderValue::from_static(T::MEDIA_TYPE);
            (status, [(header::CONTENT_TYPE, media_type)], body).into_response()
        };
        let headers = response.headers_mut();
        let tag = tag.map(|tag| tag.to_string());
        for (name, text) in [(header::LOCATION, location), (header::ETAG, tag)] {
            if let Some(value) = text.and_then(|text| HeaderValue::try_from(text).ok()) {
                headers.insert(name, value);
            }
        }
        Ok(response)
    }
}

/// The tag of a resource as it is answered.
pub(super) fn tag(value: &impl Answer) -> Result<Tag, Problem> {
    Ok(Tag::of(&value.render()?))
}
