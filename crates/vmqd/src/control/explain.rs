//! What would become of a frame that a port's machine sends.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use switch::explain::{ExplainError, Explanation, Fields, FieldsError};
use vmq::Mac;

use super::bodies::Whole;
use super::problem::{Kind, Problem};
use super::reply::{JsonAnswer, Reply};
use super::request::{Asked, NoParameters};
use crate::config::{self, Mistake, Path};
use crate::live::Live;

/// A frame that is asked about.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Question {
    /// The port whose machine sends it.
    #[schemars(regex(pattern = "^[A-Za-z0-9_.-]{1,32}$"))]
    pub(crate) port: String,
    /// Its bytes in hexadecimal, the destination address first; or what is said of it, such as `to=52:54:00:00:00:02
    /// src=10.0.0.1 dst=10.0.0.2 protocol=tcp dport=80`.
    pub(crate) frame: String,
}

impl JsonAnswer for Explanation {}

/// Asks the judges. Nothing is learnt, counted or sent.
pub(super) fn ask(
    live: &Live,
    asked: Asked<NoParameters, Whole<Question>>,
) -> Result<Reply<Explanation>, Problem> {
    let Question { port: name, frame } = asked.body.read()?;
    let status = live.switch().status();
    let Some(port) = status.ports.iter().find(|port| port.name == name) else {
        let detail = format!("the switch has no port `{name}`");
        return Err(Problem::new(
            Kind::Conflict,
            detail,
            "/v1/ports lists those that it has",
        ));
    };
    let own = port.queue.filters.first();
    let own = own.and_then(|filter| filter.mac.parse().ok());
    let frame = frame_of(&frame, own).map_err(|error| wrong(&error.to_string()))?;
    let explanation = live.switch().explain(port.id, &frame, None);
    explanation.map(Reply::Is).map_err(|error| match error {
        ExplainError::TooLong(_) => wrong(&error.to_string()),
        // It went meanwhile.
        ExplainError::UnknownPort(_) => Problem::new(
            Kind::Conflict,
            error.to_string(),
            "/v1/ports lists those that it has",
        ),
        _ => Problem::new(Kind::Internal, error.to_string(), "try again later"),
    })
}

/// The bytes that are meant. `own` is where they come from if that is not said.
fn frame_of(text: &str, own: Option<Mac>) -> Result<Vec<u8>, FieldsError> {
    match bytes(text) {
        Some(bytes) => Ok(bytes),
        None => text.parse::<Fields>()?.frame(own),
    }
}

/// Pairs of hexadecimal digits, in groups or not; `None` if it is anything else, or nothing.
fn bytes(text: &str) -> Option<Vec<u8>> {
    let digits = text.bytes().filter(|byte| !byte.is_ascii_whitespace());
    let digits: Option<Vec<_>> = digits.map(|digit| char::from(digit).to_digit(16)).collect();
    let (pairs, []) = digits.as_deref()?.as_chunks::<2>() else {
        return None;
    };
    let bytes = pairs.iter().map(|[high, low]| (high << 4 | low) as u8);
    (!pairs.is_empty()).then(|| bytes.collect())
}

fn wrong(problem: &str) -> Problem {
    let remedy = "write its bytes in hexadecimal, or fields like `to=52:54:00:00:00:02 dport=80`";
    let place = Path::default().key("frame");
    let mistake = Mistake::new(place, config::Kind::Wrong, problem, remedy);
    Problem::of(&mistake.into(), Some(&Path::default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_its_bytes_or_what_is_said_of_it() {
        let frame = |text| frame_of(text, Some(Mac([2; 6])));
        assert_eq!(frame("ff0A 1b\n").unwrap(), [0xff, 0x0a, 0x1b]);
        let said = frame("to=52:54:00:00:00:02 type=0x88cc").unwrap();
        assert_eq!(
            said[..14],
            [0x52, 0x54, 0, 0, 0, 2, 2, 2, 2, 2, 2, 2, 0x88, 0xcc]
        );
        // Nothing said is said of nothing in particular: a frame to everybody.
        assert_eq!(frame("").unwrap()[..6], [0xff; 6]);
        for text in ["f", "0xff", "to", "to=me"] {
            assert!(frame(text).is_err(), "{text}");
        }
        assert!(frame_of("", None).is_err());
    }
}
