//! The switch, or one port, at one moment.

use super::operation::JsonAnswer;
use super::problem::{Kind, Problem};
use super::request::{Asked, NoParameters};
use super::view::{PortView, StatusView};
use crate::live::Live;

impl JsonAnswer for StatusView {}
impl JsonAnswer for PortView {}

pub(super) fn read(live: &Live, _: Asked<NoParameters>) -> Result<StatusView, Problem> {
    Ok(live.status())
}

pub(super) fn read_port(live: &Live, asked: Asked<NoParameters>) -> Result<PortView, Problem> {
    port_of(live.status(), &asked.name)
}

/// The port called `name`.
pub(super) fn port_of(status: StatusView, name: &str) -> Result<PortView, Problem> {
    let names: Vec<_> = status.ports.iter().map(|port| port.name.clone()).collect();
    let found = status.ports.into_iter().find(|port| port.name == name);
    found.ok_or_else(|| no_port(name, &names))
}

fn no_port(name: &str, known: &[String]) -> Problem {
    /// More are no help.
    const SHOWN: usize = 16;
    let remedy = match known {
        [] => "it has none".to_owned(),
        [shown @ .., _] if known.len() > SHOWN => {
            format!("it has {}, ...", shown[..SHOWN].join(", "))
        }
        all => format!("it has {}", all.join(", ")),
    };
    let detail = format!("the switch has no port `{name}`");
    Problem::new(Kind::NotFound, detail, remedy)
}
