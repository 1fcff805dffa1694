//! Receive filters, set and learnt, over all ports. One that is set is part of its port's settings.
//!
//! What a filter is called is made of itself, `PORT,MAC,VLAN`: NDIS's number for it changes with each machine that comes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vmq::{Mac, VlanId, VlanTest};

use super::bodies::Whole;
use super::problem::{Kind, Problem};
use super::refusal::edit;
use super::reply::{JsonAnswer, Reply};
use super::request::{Asked, NoParameters, Parameters};
use super::routes::FILTERS;
use super::view::{FilterView, PortView};
use crate::config::{AddressFilter, Config, Path, PortConfig, Station, Vlan};
use crate::live::Live;

/// Receive filters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Filters {
    pub(crate) filters: Vec<Filter>,
}

/// One receive filter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Filter {
    /// Its name in this API.
    pub(crate) id: String,
    /// The port that it leads to.
    pub(crate) port: String,
    pub(crate) mac: Mac,
    /// The VLAN whose frames it takes, or `untagged`; left out: any frame.
    #[serde(default, skip_serializing_if = "Vlan::is_any")]
    pub(crate) vlan: Vlan,
    /// Learnt from what the guest sends; else configured.
    pub(crate) is_learned: bool,
}

/// A filter that is to be set.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewFilter {
    /// The port that it is to lead to.
    #[schemars(regex(pattern = "^[A-Za-z0-9_.-]{1,32}$"))]
    pub(crate) port: String,
    pub(crate) mac: Station,
    #[serde(default)]
    pub(crate) vlan: Vlan,
}

/// Which filters.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    /// Only those of the port of this name.
    port: Option<String>,
}

impl JsonAnswer for Filters {}
impl JsonAnswer for Filter {}
impl Parameters for Which {}

pub(super) fn list(live: &Live, asked: Asked<Which>) -> Result<Filters, Problem> {
    let wanted = asked.query.port;
    let is_wanted = |port: &PortView| wanted.as_ref().is_none_or(|name| *name == port.name);
    let ports = live.status().ports.into_iter().filter(is_wanted);
    Ok(Filters {
        filters: ports.flat_map(filters_of).collect(),
    })
}

pub(super) fn read(live: &Live, asked: Asked) -> Result<Filter, Problem> {
    let filters = live.status().ports.into_iter().flat_map(filters_of);
    let mut named = filters.filter(|filter| filter.id == asked.name);
    named.next().ok_or_else(|| unknown(&asked.name))
}

/// Adds an address to those of its port.
pub(super) fn set(
    live: &Live,
    asked: Asked<NoParameters, Whole<NewFilter>>,
) -> Result<Reply<Filter>, Problem> {
    let NewFilter { port, mac, vlan } = asked.body.read()?;
    let filter = AddressFilter {
        mac: mac.0,
        vlan: vlan.0,
    };
    edit(live, |config, place| {
        let (at, settings) = port_of(config, &port).ok_or_else(|| {
            let detail = format!("the switch has no port `{port}`");
            Problem::new(Kind::Conflict, detail, "make the port first")
        })?;
        settings.filters.push(filter);
        let filters = Path::default().key("port").index(at).key("filters");
        *place = Some(filters.index(settings.filters.len() - 1));
        Ok(())
    })?;
    let made = Filter {
        id: id_of(&port, filter),
        port,
        mac: filter.mac,
        vlan,
        is_learned: false,
    };
    Ok(Reply::Made(format!("{FILTERS}/{}", made.id), made))
}

/// Takes an address from those of its port.
pub(super) fn clear(live: &Live, asked: Asked) -> Result<Reply<()>, Problem> {
    let id = asked.name;
    let (name, filter) = parse_id(&id).ok_or_else(|| unknown(&id))?;
    edit(live, |config, _| {
        let (_, port) = port_of(config, name).ok_or_else(|| unknown(&id))?;
        let count = port.filters.len();
        port.filters.retain(|other| *other != filter);
        if port.filters.len() == count {
            return Err(unknown(&id).into());
        }
        Ok(())
    })?;
    Ok(Reply::Done)
}

fn unknown(id: &str) -> Problem {
    let detail = format!("nobody has set a filter `{id}`");
    let remedy = "/v1/filters lists those that are there; one that was learnt goes by itself";
    Problem::new(Kind::NotFound, detail, remedy)
}

fn port_of<'c>(config: &'c mut Config, name: &str) -> Option<(usize, &'c mut PortConfig)> {
    let mut ports = config.ports.iter_mut().enumerate();
    ports.find(|(_, port)| port.name == name)
}

fn filters_of(port: PortView) -> impl Iterator<Item = Filter> {
    let PortView { name, queues, .. } = port;
    let filters = queues.into_iter().flat_map(|queue| queue.filters);
    filters.filter_map(move |view| {
        let FilterView {
            mac,
            vlan,
            is_learned,
        } = view;
        let filter = AddressFilter {
            mac: mac.parse().ok()?,
            vlan: match vlan {
                None => VlanTest::Any,
                Some(0) => VlanTest::UntaggedOrZero,
                Some(id) => VlanTest::Id(VlanId(id)),
            },
        };
        Some(Filter {
            id: id_of(&name, filter),
            port: name.clone(),
            mac: filter.mac,
            vlan: Vlan(filter.vlan),
            is_learned,
        })
    })
}

fn id_of(port: &str, AddressFilter { mac, vlan }: AddressFilter) -> String {
    match vlan {
        VlanTest::Any => format!("{port},{mac},any"),
        VlanTest::UntaggedOrZero => format!("{port},{mac},untagged"),
        VlanTest::Id(VlanId(id)) => format!("{port},{mac},{id}"),
    }
}

fn parse_id(id: &str) -> Option<(&str, AddressFilter)> {
    let mut parts = id.split(',');
    let (port, mac, vlan) = (parts.next()?, parts.next()?, parts.next()?);
    let filter = AddressFilter {
        mac: mac.parse().ok()?,
        vlan: match vlan {
            "any" => VlanTest::Any,
            "untagged" => VlanTest::UntaggedOrZero,
            id => VlanTest::Id(VlanId(id.parse().ok()?)),
        },
    };
    parts.next().is_none().then_some((port, filter))
}
