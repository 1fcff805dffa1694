//! One operation of the API: what it is for people and programs, and what carries it out.
//!
//! Both come from the same types, so the document cannot promise what the code does not do: a parameter, a body and an answer
//! are described by the schema of the very type that they are read into or written from.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;

use super::problem::{Kind, Problem};
use super::request::{Asked, Parameters};
use crate::live::Live;

/// Makes the schema of one type.
pub(super) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// A method on a path.
pub(super) struct Operation {
    pub(super) method: Method,
    /// As axum and OpenAPI write it: `/v1/ports/{port}`.
    pub(super) path: &'static str,
    /// Its name, unique in the API.
    pub(super) id: &'static str,
    /// What it does, in half a line.
    pub(super) summary: &'static str,
    /// Schema of an object whose members are the parameters of the query.
    pub(super) query: SchemaOf,
    /// Media types of what it answers, each with its schema.
    pub(super) answers: Vec<(&'static str, SchemaOf)>,
    /// How else it can end, beside what any request can meet.
    pub(super) problems: Vec<Kind>,
    pub(super) route: MethodRouter<Arc<Live>, Infallible>,
}

/// What an operation answers.
pub(super) trait Answer: JsonSchema + 'static {
    const MEDIA_TYPE: &'static str;

    fn render(&self) -> Result<Vec<u8>, Problem>;
}

/// What is answered as JSON.
pub(super) trait JsonAnswer: Serialize + JsonSchema + 'static {}

impl<T: JsonAnswer> Answer for T {
    const MEDIA_TYPE: &'static str = "application/json";

    fn render(&self) -> Result<Vec<u8>, Problem> {
        serde_json::to_vec(self).map_err(|error| {
            let detail = format!("the answer cannot be written as JSON: {error}");
            Problem::new(Kind::Internal, detail, "please report it")
        })
    }
}

/// An operation that `run` carries out on a thread where it may wait.
pub(super) fn operation<Q: Parameters, T: Answer>(
    (method, path): (Method, &'static str),
    (id, summary): (&'static str, &'static str),
    run: fn(&Live, Asked<Q>) -> Result<T, Problem>,
) -> Operation {
    let filter = MethodFilter::try_from(method.clone()).expect("a method that axum can route");
    let handler = async move |State(live): State<Arc<Live>>, request: Request| {
        answer(live, request, run)
            .await
            .unwrap_or_else(IntoResponse::into_response)
    };
    Operation {
        method,
        path,
        id,
        summary,
        query: SchemaGenerator::subschema_for::<Q>,
        answers: vec![(T::MEDIA_TYPE, SchemaGenerator::subschema_for::<T>)],
        problems: Vec::new(),
        route: on(filter, handler),
    }
}

impl Operation {
    /// How it can fail.
    pub(super) fn fails(mut self, with: &[Kind]) -> Self {
        self.problems = with.to_vec();
        self
    }
}

/// Reads the request, carries it out, and renders what comes of it.
pub(super) async fn answer<Q: Parameters, T: Answer>(
    live: Arc<Live>,
    request: Request,
    run: fn(&Live, Asked<Q>) -> Result<T, Problem>,
) -> Result<Response, Problem> {
    let asked = Asked::read(request).await?;
    let done = tokio::task::spawn_blocking(move || {
        let body = run(&live, asked)?.render()?;
        let media_type = HeaderValue::from_static(T::MEDIA_TYPE);
        Ok(([(header::CONTENT_TYPE, media_type)], body).into_response())
    });
    done.await.unwrap_or_else(|error| {
        tracing::error!("an operation of the API did not end: {error}");
        let detail = "the operation ended in the middle";
        Err(Problem::new(
            Kind::Internal,
            detail,
            "please report it, with the switch's log",
        ))
    })
}
