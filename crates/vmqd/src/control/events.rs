//! What happens in the switch: as a list, or as a stream for who wants to be told.
//!
//! The switch keeps its last events in one log of fixed length. A stream is a place in it and has no queue: a client that reads
//! slowly falls behind, is told how many it missed, and holds nothing but its connection.

use std::convert::Infallible;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::stream;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use switch::{Event, Events, News, Occurrence};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::operation::{Operation, answer, reads};
use super::problem::{Kind, Problem};
use super::reply::{JsonAnswer, Reply};
use super::request::{Asked, Parameters};
use super::routes::EVENTS;
use crate::live::Live;

/// Media type of a stream.
pub(super) const EVENT_STREAM: &str = "text/event-stream";

/// What an event of a stream is called that says how many were missed.
pub(super) const MISSED: &str = "missed";

/// Streams at once, on all sockets.
const MAX_STREAMS: usize = 16;

/// Events in one answer.
const MOST: usize = 1024;

/// Events that are taken out of the log at a time for a stream.
const PORTION: usize = 64;

/// How often a stream says that it is still there. It is also how a client that went without a word is noticed.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Events in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct EventList {
    pub(crate) events: Vec<EventView>,
    /// How many of those asked for are not kept any more.
    pub(crate) missed: u64,
    /// Where to go on: `?after=` this.
    pub(crate) last: u64,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct EventView {
    /// Its number: the first is 1, and none is left out.
    pub(crate) number: u64,
    /// When, as RFC 3339 writes it.
    pub(crate) time: String,
    #[serde(flatten)]
    pub(crate) event: Event,
}

/// Which events.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Since {
    /// Only those with a higher number. Left out: all that are kept; of a stream, those that happen from now on.
    after: Option<u64>,
}

impl JsonAnswer for EventList {}
impl Parameters for Since {}

impl From<Occurrence> for EventView {
    fn from(occurrence: Occurrence) -> Self {
        Self {
            number: occurrence.number,
            time: humantime::format_rfc3339_micros(occurrence.time).to_string(),
            event: occurrence.event,
        }
    }
}

/// The list, which becomes a stream for who accepts one.
pub(super) fn read() -> Operation {
    let mut operation = reads(
        EVENTS,
        ("readEvents", "What has happened, or happens from now on"),
        list,
    )
    .fails(&[Kind::Busy]);
    operation.answers.push((
        EVENT_STREAM,
        schemars::SchemaGenerator::subschema_for::<String>,
    ));
    let places = Arc::new(Semaphore::new(MAX_STREAMS));
    let handler = async move |State(live): State<Arc<Live>>, request: Request| {
        if accepts_stream(request.headers()) {
            follow(&live, request, places).await
        } else {
            let list = |live: &Live, asked: Asked<Since>| list(live, asked).map(Reply::Is);
            answer(live, request, list).await
        }
        .unwrap_or_else(IntoResponse::into_response)
    };
    operation.route = get(handler);
    operation
}

fn list(live: &Live, asked: Asked<Since>) -> Result<EventList, Problem> {
    let after = asked.query.after.unwrap_or(0);
    let mut events = live.events();
    events.resume_after(after);
    let News { missed, events } = events.take(MOST);
    let last = events.last().map_or(after, |event| event.number);
    Ok(EventList {
        events: events.into_iter().map(EventView::from).collect(),
        missed,
        last,
    })
}

async fn follow(
    live: &Live,
    request: Request,
    places: Arc<Semaphore>,
) -> Result<Response, Problem> {
    let resumes = last_event_id(request.headers())?;
    let asked = Asked::<Since>::read(request).await?;
    let mut events = live.events();
    // A client that connects again repeats its first request, and says in the header how far it has come.
    if let Some(number) = resumes.or(asked.query.after) {
        events.resume_after(number);
    }
    let place = places.try_acquire_owned().map_err(|_| {
        let detail = format!("{MAX_STREAMS} clients follow the events already");
        Problem::new(
            Kind::Busy,
            detail,
            "ask for the list now and then, or end another stream",
        )
    })?;
    let stream = stream::unfold(Follower::new(events, place), Follower::next);
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE);
    Ok(Sse::new(stream).keep_alive(keep_alive).into_response())
}

/// One client that follows.
struct Follower {
    events: Events,
    /// Taken and not yet sent.
    taken: std::vec::IntoIter<Occurrence>,
    _place: OwnedSemaphorePermit,
}

impl Follower {
    fn new(events: Events, place: OwnedSemaphorePermit) -> Self {
        Self {
            events,
            taken: Vec::new().into_iter(),
            _place: place,
        }
    }

    async fn next(mut self) -> Option<(Result<sse::Event, Infallible>, Self)> {
        loop {
            if let Some(event) = self.taken.next() {
                let view = EventView::from(event);
                // Strings and numbers are always JSON.
                let data = serde_json::to_string(&view).unwrap_or_default();
                let event = sse::Event::default().id(view.number.to_string());
                return Some((Ok(event.data(data)), self));
            }
            let News { missed, events } =
                poll_fn(|context| self.events.poll(PORTION, context)).await;
            self.taken = events.into_iter();
            if missed > 0 {
                let event = sse::Event::default().event(MISSED).data(missed.to_string());
                return Some((Ok(event), self));
            }
        }
    }
}

/// Whether `Accept` names a stream.
fn accepts_stream(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT).iter();
    let types = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    types
        .map(|media_type| media_type.split(';').next().unwrap_or_default().trim())
        .any(|media_type| media_type.eq_ignore_ascii_case(EVENT_STREAM))
}

/// How far a client that connects again has come (HTML, 9.2.4).
fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(value) = headers.get("last-event-id") else {
        return Ok(None);
    };
    let number = value.to_str().ok().and_then(|text| text.parse().ok());
    number.map(Some).ok_or_else(|| {
        let remedy = "repeat the id of the last event that came";
        Problem::new(Kind::Malformed, "Last-Event-ID is no number", remedy)
    })
}
