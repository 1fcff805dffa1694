//! Events as they happen: the stream of the API (server-sent events, HTML 9.2.6) taken apart again.

use std::ops::ControlFlow;

use axum::http::{Request, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;

use super::exchange::{PATIENCE, begin, in_time};
use super::{Client, ClientError};
use crate::control::events::{EVENT_STREAM, EventView, KEEP_ALIVE, MISSED};
use crate::control::routes::EVENTS;

/// The longest event, with room: no name in one is longer than 32 bytes.
const MAX_EVENT: usize = 64 << 10;

/// What comes along the stream.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Event(EventView),
    /// So many were not kept until this client came to take them.
    Missed(u64),
}

impl Client {
    /// Tells `tell` what happens from now on, or after the event of this number, until it wants no more or the switch ends.
    pub(crate) fn follow(
        &self,
        after: Option<u64>,
        mut tell: impl FnMut(Told) -> ControlFlow<()>,
    ) -> Result<(), ClientError> {
        let path = match after {
            Some(number) => format!("{EVENTS}?after={number}"),
            None => EVENTS.to_owned(),
        };
        let request = Request::get(path).header(header::ACCEPT, EVENT_STREAM);
        let request = request.body(Full::new(Bytes::new()));
        let request = request.map_err(|error| self.unusable(&error.to_string()))?;
        self.runtime.block_on(async {
            let answer = in_time(self, PATIENCE, begin(self, request)).await?;
            let mut body = answer.into_body();
            let mut lines = Vec::new();
            loop {
                // At the least it says that it is still there.
                let frame = async { Ok(body.frame().await) };
                let Some(frame) = in_time(self, 4 * KEEP_ALIVE, frame).await? else {
                    return Ok(());
                };
                let frame = frame.map_err(|error| self.unusable(&error.to_string()))?;
                lines.extend_from_slice(&frame.into_data().unwrap_or_default());
                while let Some(block) = next_block(&mut lines) {
                    let told = parse(&block).map_err(|reason| self.unusable(&reason))?;
                    if told.is_some_and(|told| tell(told).is_break()) {
                        return Ok(());
                    }
                }
                if lines.len() > MAX_EVENT {
                    return Err(self.unusable("an event has no end"));
                }
            }
        })
    }
}

/// Takes the first lines up to an empty one.
fn next_block(lines: &mut Vec<u8>) -> Option<String> {
    let end = lines.windows(2).position(|pair| pair == b"\n\n")?;
    let block = lines.drain(..end + 2).collect::<Vec<_>>();
    Some(String::from_utf8_lossy(&block).into_owned())
}

/// What lines that belong together say; nothing, if they only say that the switch is still there.
fn parse(block: &str) -> Result<Option<Told>, String> {
    let field = |name: &str| {
        let mut lines = block.lines().filter_map(|line| line.strip_prefix(name));
        lines.next().map(str::trim_start)
    };
    let Some(data) = field("data:") else {
        return Ok(None);
    };
    let told = match field("event:") {
        Some(MISSED) => data.parse().map(Told::Missed).map_err(|e| e.to_string()),
        _ => serde_json::from_str(data)
            .map(Told::Event)
            .map_err(|e| e.to_string()),
    };
    told.map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_cut_at_its_empty_lines_wherever_it_breaks() {
        let event = r#"{"number":7,"time":"t","kind":"port_removed","port":"p0","network":"lab"}"#;
        let stream = format!("data: {event}\nid: 7\n\n:\n\nevent: missed\ndata: 3\n\n");
        for cut in 0..stream.len() {
            let (mut lines, mut told) = (Vec::new(), Vec::new());
            for part in [&stream[..cut], &stream[cut..]] {
                lines.extend_from_slice(part.as_bytes());
                while let Some(block) = next_block(&mut lines) {
                    told.extend(parse(&block).unwrap());
                }
            }
            let [Told::Event(first), Told::Missed(3)] = &told[..] else {
                panic!("cut at {cut}: {told:?}")
            };
            assert_eq!((first.number, lines.len()), (7, 0));
        }
        assert!(parse("data: {}\n\n").is_err() && parse("event: missed\ndata: x\n\n").is_err());
    }
}
