//! A request as an operation sees it: read whole and typed.
//!
//! Invariant: what cannot be read is answered with what is wrong with it.

use axum::extract::{FromRequestParts, Query, RawPathParams, Request};
use axum::http::request::Parts;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::problem::{Kind, Problem};

/// What is asked of an operation with parameters `Q` in the query.
#[derive(Debug)]
pub(super) struct Asked<Q> {
    /// The path's parameter; empty where the path has none.
    pub(super) name: String,
    pub(super) query: Q,
}

/// Parameters of a query. Their names, types and descriptions are those of the fields.
pub(super) trait Parameters: DeserializeOwned + JsonSchema + Send + 'static {}

/// No parameters.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NoParameters {}

impl Parameters for NoParameters {}

impl<Q: Parameters> Asked<Q> {
    /// Reads all of a request.
    pub(super) async fn read(request: Request) -> Result<Self, Problem> {
        let (mut parts, _) = request.into_parts();
        let name = path_parameter(&mut parts).await?;
        let Query(query) = Query::try_from_uri(&parts.uri).map_err(|error| {
            let detail = format!("the query cannot be read: {}", source_of(&error));
            Problem::new(Kind::Malformed, detail, "")
        })?;
        Ok(Self { name, query })
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

/// What is at the bottom of an error: the sentences on top only say that there is one.
fn source_of(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
