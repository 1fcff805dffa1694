//! One operation of the API: what it is for people and programs, and what carries it out.
//!
//! Both come from the same types, so the document cannot promise what the code does not do: a parameter, a body and an answer
//! are described by the schema of the very type that they are read into or written from.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use schemars::{Schema, SchemaGenerator};

use super::problem::{Kind, Problem};
use super::reply::{Answer, Reply};
use super::request::{Asked, Body, NoParameters, Parameters};
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
    /// Media type and schema of the body that it takes.
    pub(super) body: Option<(&'static str, SchemaOf)>,
    /// How it can succeed.
    pub(super) successes: Vec<StatusCode>,
    /// Media types of what it answers then, each with its schema.
    pub(super) answers: Vec<(&'static str, SchemaOf)>,
    /// How else it can end, beside what any request can meet.
    pub(super) problems: Vec<Kind>,
    /// Its answers have an ETag.
    pub(super) is_tagged: bool,
    /// It does nothing unless what the client says of the resource is so.
    pub(super) is_conditional: bool,
    pub(super) route: MethodRouter<Arc<Live>, Infallible>,
}

/// An operation that reads: `run` does so on a thread where it may wait.
pub(super) fn reads<Q: Parameters, T: Answer>(
    path: &'static str,
    names: (&'static str, &'static str),
    run: fn(&Live, Asked<Q>) -> Result<T, Problem>,
) -> Operation {
    let run = move |live: &Live, asked: Asked<Q>| run(live, asked).map(Reply::Is);
    Operation {
        is_conditional: T::IS_TAGGED,
        ..operation((Method::GET, path), names, run)
    }
}

/// An operation that changes something.
pub(super) fn changes<B: Body, T: Answer>(
    (method, path): (Method, &'static str),
    names: (&'static str, &'static str),
    run: impl Run<NoParameters, B, T>,
) -> Operation {
    operation((method, path), names, run)
}

fn operation<Q: Parameters, B: Body, T: Answer>(
    (method, path): (Method, &'static str),
    (id, summary): (&'static str, &'static str),
    run: impl Run<Q, B, T>,
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
        body: B::MEDIA_TYPE.map(|media_type| (media_type, B::schema as SchemaOf)),
        successes: vec![StatusCode::OK],
        answers: vec![(T::MEDIA_TYPE, SchemaGenerator::subschema_for::<T>)],
        problems: Vec::new(),
        is_tagged: T::IS_TAGGED,
        is_conditional: false,
        route: on(filter, handler),
    }
}

impl Operation {
    /// How it can succeed, if not only with 200.
    pub(super) fn succeeds(mut self, with: &[StatusCode]) -> Self {
        self.successes = with.to_vec();
        self
    }

    /// How it can fail.
    pub(super) fn fails(mut self, with: &[Kind]) -> Self {
        self.problems = with.to_vec();
        self
    }

    /// It minds what the client says of the resource.
    pub(super) fn conditional(mut self) -> Self {
        self.is_conditional = true;
        self
    }
}

/// What carries an operation out.
pub(super) trait Run<Q, B, T>:
    Fn(&Live, Asked<Q, B>) -> Result<Reply<T>, Problem> + Clone + Send + Sync + 'static
{
}

impl<Q, B, T, F> Run<Q, B, T> for F where
    F: Fn(&Live, Asked<Q, B>) -> Result<Reply<T>, Problem> + Clone + Send + Sync + 'static
{
}

/// Reads the request, carries it out, and renders what comes of it.
pub(super) async fn answer<Q: Parameters, B: Body, T: Answer>(
    live: Arc<Live>,
    request: Request,
    run: impl Run<Q, B, T>,
) -> Result<Response, Problem> {
    let method = request.method().clone();
    let asked = Asked::read(request).await?;
    let done = tokio::task::spawn_blocking(move || {
        let condition = asked.condition.clone();
        run(&live, asked)?.render(&method, &condition)
    });
    done.await.unwrap_or_else(|error| {
        tracing::error!("an operation of the API did not end: {error}");
        let remedy = "please report it, with the switch's log";
        let detail = "the operation ended in the middle";
        Err(Problem::new(Kind::Internal, detail, remedy))
    })
}
