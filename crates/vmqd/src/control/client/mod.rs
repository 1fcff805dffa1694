//! Asks a running switch and has it changed. One question a call; the answer is whole or there is none.

mod exchange;
mod follow;

use std::io;
use std::path::{Path, PathBuf};

use axum::http::header::{CONTENT_TYPE, ETAG, IF_MATCH};
use axum::http::{HeaderValue, Method, Request};
use http_body_util::Full;
use hyper::body::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use switch::explain::Explanation;
use tokio::runtime::Runtime;

use self::exchange::{Answer, whole};
pub(crate) use self::follow::Told;
use super::events::EventList;
use super::explain::Question;
use super::file::Saved;
use super::filters::{Filter, Filters, NewFilter};
use super::problem::Problem;
use super::routes::{EVENTS, EXPLAIN, FILTERS, RELOAD, SAVE, STATUS};
use super::settings::Setting;
use super::view::StatusView;
use crate::config::{CONTROL_SOCKET, Changes, socket_in};
use crate::directory;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ClientError {
    #[error("no switch runs on {}: start one with `vmq run{} --port p0`", .0.display(), directory::option(.0))]
    NotRunning(PathBuf),
    #[error("cannot connect to {}: {error}", socket.display())]
    Connect { socket: PathBuf, error: io::Error },
    #[error("the switch at {} does not answer", .0.display())]
    Silent(PathBuf),
    #[error("the switch at {} gave no usable answer: {reason}", socket.display())]
    Answer { socket: PathBuf, reason: String },
    /// The switch answered that it does not do that.
    #[error("{0}")]
    Refused(Box<Problem>),
}

/// A setting as it was when it was read, for a change that goes by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Etag(HeaderValue);

/// What asks the switch on one directory.
#[derive(Debug)]
pub(crate) struct Client {
    dir: PathBuf,
    socket: PathBuf,
    runtime: Runtime,
}

impl Client {
    /// Whether a switch runs there shows when it is asked.
    pub(crate) fn open(dir: &Path) -> Result<Self, ClientError> {
        let socket = socket_in(dir, CONTROL_SOCKET);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = runtime.map_err(|error| ClientError::Answer {
            socket: socket.clone(),
            reason: error.to_string(),
        })?;
        Ok(Self {
            dir: dir.to_path_buf(),
            socket,
            runtime,
        })
    }

    pub(crate) fn status(&self) -> Result<StatusView, ClientError> {
        self.read_at(STATUS)
    }

    /// All ports, or all networks.
    pub(crate) fn list<T: Setting>(&self) -> Result<Vec<T>, ClientError> {
        self.read_at(T::PATH).map(T::listed)
    }

    /// One of them.
    pub(crate) fn read<T: Setting>(&self, name: &str) -> Result<(T, Etag), ClientError> {
        let answer = self.ask(Method::GET, &path_of::<T>(name), None, Vec::new())?;
        let tag = answer.headers.get(ETAG).cloned();
        let tag = tag.ok_or_else(|| self.unusable("it has no ETag"))?;
        Ok((self.parse(&answer)?, Etag(tag)))
    }

    /// Makes one that is not there yet.
    pub(crate) fn add<T: Setting>(&self, wanted: &T) -> Result<T, ClientError> {
        self.send(Method::POST, T::PATH, None, wanted)
    }

    /// Makes one what it is to be, unless it is no more what it was when it was read.
    pub(crate) fn put<T: Setting>(&self, wanted: &T, known: &Etag) -> Result<T, ClientError> {
        let path = path_of::<T>(wanted.name());
        self.send(Method::PUT, &path, Some(known), wanted)
    }

    pub(crate) fn remove<T: Setting>(&self, name: &str) -> Result<(), ClientError> {
        let path = path_of::<T>(name);
        self.ask(Method::DELETE, &path, None, Vec::new()).map(drop)
    }

    /// The filters of all ports, set and learnt.
    pub(crate) fn filters(&self) -> Result<Vec<Filter>, ClientError> {
        let Filters { filters } = self.read_at(FILTERS)?;
        Ok(filters)
    }

    pub(crate) fn set_filter(&self, wanted: &NewFilter) -> Result<Filter, ClientError> {
        self.send(Method::POST, FILTERS, None, wanted)
    }

    pub(crate) fn clear_filter(&self, id: &str) -> Result<(), ClientError> {
        let path = format!("{FILTERS}/{}", segment(id));
        self.ask(Method::DELETE, &path, None, Vec::new()).map(drop)
    }

    /// What has happened after the event of this number.
    pub(crate) fn events(&self, after: u64) -> Result<EventList, ClientError> {
        self.read_at(&format!("{EVENTS}?after={after}"))
    }

    /// What would become of a frame.
    pub(crate) fn explain(&self, question: &Question) -> Result<Explanation, ClientError> {
        self.send(Method::POST, EXPLAIN, None, question)
    }

    /// Has the configuration file read again.
    pub(crate) fn reload(&self) -> Result<Changes, ClientError> {
        self.parse(&self.ask(Method::POST, RELOAD, None, Vec::new())?)
    }

    /// Has what runs written to the configuration file.
    pub(crate) fn save(&self) -> Result<Saved, ClientError> {
        self.parse(&self.ask(Method::POST, SAVE, None, Vec::new())?)
    }

    fn read_at<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.parse(&self.ask(Method::GET, path, None, Vec::new())?)
    }

    fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        known: Option<&Etag>,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let body = serde_json::to_vec(body).map_err(|error| self.unusable(&error.to_string()))?;
        self.parse(&self.ask(method, path, known, body)?)
    }

    fn ask(
        &self,
        method: Method,
        path: &str,
        known: Option<&Etag>,
        body: Vec<u8>,
    ) -> Result<Answer, ClientError> {
        let mut request = Request::builder().method(method).uri(path);
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        if let Some(Etag(tag)) = known {
            request = request.header(IF_MATCH, tag);
        }
        let request = request.body(Full::new(Bytes::from(body)));
        let request = request.map_err(|error| self.unusable(&error.to_string()))?;
        self.runtime.block_on(whole(self, request))
    }

    fn parse<T: DeserializeOwned>(&self, answer: &Answer) -> Result<T, ClientError> {
        serde_json::from_slice(&answer.body).map_err(|error| self.unusable(&error.to_string()))
    }

    fn unusable(&self, reason: &str) -> ClientError {
        ClientError::Answer {
            socket: self.socket.clone(),
            reason: reason.to_owned(),
        }
    }
}

fn path_of<T: Setting>(name: &str) -> String {
    format!("{}/{}", T::PATH, segment(name))
}

/// One part of a path, whatever is in it.
fn segment(text: &str) -> String {
    const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b',')
        .remove(b':');
    utf8_percent_encode(text, ESCAPED).to_string()
}
