//! A request as an operation sees it: read whole, within limits, and typed.
//!
//! Invariant: what cannot be read is answered with what is wrong with it, and no byte more than [`MAX_BODY`] is kept.

use std::time::Duration;

use axum::extract::{FromRequestParts, Query, RawPathParams, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Bytes;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::condition::Condition;
use super::problem::{Kind, Problem};

/// The largest body. A port with all the rules that it may have is a third of it.
pub(super) const MAX_BODY: usize = 256 * 1024;

/// How long a body may take.
pub(super) const BODY_PATIENCE: Duration = Duration::from_secs(10);

/// What is asked of an operation with parameters `Q` in the query and a body `B`.
#[derive(Debug)]
pub(super) struct Asked<Q = NoParameters, B = ()> {
    /// The path's parameter; empty where the path has none.
    pub(super) name: String,
    pub(super) query: Q,
    pub(super) condition: Condition,
    pub(super) body: B,
}

/// Parameters of a query. Their names, types and descriptions are those of the fields.
pub(super) trait Parameters: DeserializeOwned + JsonSchema + Send + 'static {}

/// No parameters.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NoParameters {}

impl Parameters for NoParameters {}

/// A body that an operation takes.
pub(super) trait Body: Sized + Send + 'static {
    /// Its media type, if it is one at all.
    const MEDIA_TYPE: Option<&'static str>;

    fn schema(generator: &mut SchemaGenerator) -> Schema;

    fn parse(bytes: &[u8]) -> Result<Self, Problem>;
}

/// No body; one that is sent all the same is not read.
impl Body for () {
    const MEDIA_TYPE: Option<&'static str> = None;

    fn schema(_: &mut SchemaGenerator) -> Schema {
        false.into()
    }

    fn parse(_: &[u8]) -> Result<(), Problem> {
        Ok(())
    }
}

impl<Q: Parameters, B: Body> Asked<Q, B> {
    /// Reads all of a request.
    pub(super) async fn read(request: Request) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let name = path_parameter(&mut parts).await?;
        let Query(query) = Query::try_from_uri(&parts.uri).map_err(|error| {
            let detail = format!("the query cannot be read: {}", source_of(&error));
            Problem::new(Kind::Malformed, detail, "")
        })?;
        let condition = Condition::read(&parts.headers)?;
        let body = match B::MEDIA_TYPE {
            None => B::parse(&[]),
            Some(media_type) => {
                check_media_type(&parts, media_type)?;
                B::parse(&read_body(body).await?)
            }
        }?;
        Ok(Self {
            name,
            query,
            condition,
            body,
        })
    }
}

/// The parameter of a path that has one.
async fn path_parameter(parts: &mut Parts) -> Result<String, Problem> {
    let parameters = RawPathParams::from_request_parts(parts, &()).await;
    let parameters = parameters.map_err(|_| {
        let detail = "the path is no text when its escapes are resolved";
        Problem::new(Kind::Malformed, detail, "escape UTF-8 only")
    })?;
    let mut values = parameters.iter().map(|(_, value)| value.to_owned());
    Ok(values.next().unwrap_or_default())
}

fn check_media_type(parts: &Parts, wanted: &str) -> Result<(), Problem> {
    let given = parts.headers.get(CONTENT_TYPE).map(|value| value.to_str());
    let essence = |text: &str| text.split(';').next().unwrap_or_default().trim().to_owned();
    let detail = match given {
        Some(Ok(text)) if essence(text).eq_ignore_ascii_case(wanted) => return Ok(()),
        Some(Ok(text)) => format!("the body is of type {text:?}"),
        Some(Err(_)) => "the Content-Type is no text".to_owned(),
        None => "the body has no type".to_owned(),
    };
    let remedy = format!("send it with `Content-Type: {wanted}`");
    Err(Problem::new(Kind::UnsupportedMediaType, detail, remedy))
}

async fn read_body(body: axum::body::Body) -> Result<Bytes, Problem> {
    let whole = Limited::new(body, MAX_BODY).collect();
    match tokio::time::timeout(BODY_PATIENCE, whole).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Problem::new(
            Kind::TooLarge,
            format!("the body has more than {MAX_BODY} bytes"),
            "",
        )),
        Ok(Err(error)) => Err(Problem::new(
            Kind::Malformed,
            format!("the body cannot be read: {}", source_of(&*error)),
            "",
        )),
        Err(_) => Err(Problem::new(
            Kind::Timeout,
            format!("the body was not whole after {} s", BODY_PATIENCE.as_secs()),
            "",
        )),
    }
}

/// What is at the bottom of an error: the sentences on top only say that there is one.
fn source_of(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// A body of JSON.
pub(super) fn parse_json(bytes: &[u8]) -> Result<Value, Problem> {
    serde_json::from_slice(bytes).map_err(|error| {
        let detail = format!("the body is no JSON: {error}");
        Problem::new(Kind::Malformed, detail, "")
    })
}
