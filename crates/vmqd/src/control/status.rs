//! The switch, or one port, at one moment.

use super::problem::Problem;
use super::reply::JsonAnswer;
use super::request::Asked;
use super::view::{PortView, StatusView};
use crate::live::Live;

impl JsonAnswer for StatusView {}
impl JsonAnswer for PortView {}

pub(super) fn read(live: &Live, _: Asked) -> Result<StatusView, Problem> {
    Ok(live.status())
}

pub(super) fn read_port(live: &Live, asked: Asked) -> Result<PortView, Problem> {
    port_of(live.status(), &asked.name)
}

/// The port called `name`.
pub(super) fn port_of(mut status: StatusView, name: &str) -> Result<PortView, Problem> {
    match status.ports.iter().position(|port| port.name == name) {
        Some(at) => Ok(status.ports.swap_remove(at)),
        None => {
            let known = status.ports.iter().map(|port| port.name.as_str());
            Err(Problem::not_found("port", name, known))
        }
    }
}
