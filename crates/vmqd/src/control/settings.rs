//! Ports and networks as settings: read, made, changed and removed, each by its name.
//!
//! What is sent and answered is what stands in the configuration file, in JSON. A change is one of the configuration that runs:
//! it is judged and applied whole, and while it is, nobody else changes anything. So nothing is lost between two clients, and a
//! client that goes by what it read before says so with `If-Match`.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::bodies::{Named, Patch, Whole};
use super::problem::{Kind, Problem};
use super::refusal::edit;
use super::reply::{JsonAnswer, Reply, tag};
use super::request::{Asked, NoParameters};
use crate::config::{Config, DEFAULT_NETWORK, NetworkConfig, Path, PortConfig};
use crate::live::Live;

/// What a port and a network have in common.
pub(crate) trait Setting: JsonAnswer + DeserializeOwned + Clone + Send {
    /// What one is called, in sentences and in the configuration.
    const WHAT: &'static str;

    /// Path of all of them.
    const PATH: &'static str;

    /// All of them, as they are answered.
    type List: JsonAnswer + DeserializeOwned;

    fn list(all: Vec<Self>) -> Self::List;

    fn listed(list: Self::List) -> Vec<Self>;

    fn name(&self) -> &str;

    /// Those that are there, whether or not the configuration names them.
    fn all(config: &Config) -> Vec<Self>;

    /// Those that the configuration names.
    fn named(config: &mut Config) -> &mut Vec<Self>;

    /// Fails for one that has to stay as things are.
    fn check_removable(config: &Config, name: &str) -> Result<(), Problem>;
}

/// All ports.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Ports {
    pub(crate) ports: Vec<PortConfig>,
}

/// All networks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Networks {
    pub(crate) networks: Vec<NetworkConfig>,
}

pub(super) fn list<T: Setting>(live: &Live, _: Asked) -> Result<T::List, Problem> {
    Ok(T::list(T::all(&live.config())))
}

pub(super) fn read<T: Setting>(live: &Live, asked: Asked) -> Result<T, Problem> {
    find(&live.config(), &asked.name)
}

/// Makes one that is not there yet.
pub(super) fn make<T: Setting>(
    live: &Live,
    asked: Asked<NoParameters, Whole<T>>,
) -> Result<Reply<T>, Problem> {
    let wanted = asked.body.read()?;
    let made = edit(live, |config, place| {
        if find::<T>(config, wanted.name()).is_ok() {
            let detail = format!("{} `{}` is there already", T::WHAT, wanted.name());
            let remedy = "choose another name, or change that one";
            return Err(Problem::new(Kind::Conflict, detail, remedy).into());
        }
        Ok(put(config, place, wanted))
    })?;
    Ok(Reply::Made(path_of(&made), made))
}

/// Makes one what it is to be, or makes it.
pub(super) fn replace<T: Setting>(
    live: &Live,
    asked: Asked<NoParameters, Named<T>>,
) -> Result<Reply<T>, Problem> {
    let wanted: T = asked.body.read(&asked.name)?;
    let mut is_new = false;
    let made = edit(live, |config, place| {
        let before = find::<T>(config, &asked.name).ok();
        is_new = before.is_none();
        let current = before.as_ref().map(tag).transpose()?;
        asked.condition.check(current.as_ref())?;
        Ok(put(config, place, wanted))
    })?;
    Ok(match is_new {
        true => Reply::Made(path_of(&made), made),
        false => Reply::Is(made),
    })
}

/// Changes what the patch names and leaves the rest.
pub(super) fn change<T: Setting>(
    live: &Live,
    asked: Asked<NoParameters, Patch<T>>,
) -> Result<Reply<T>, Problem> {
    let made = edit(live, |config, place| {
        let before: T = find(config, &asked.name)?;
        asked.condition.check(Some(&tag(&before)?))?;
        let wanted = asked.body.apply(&before, &asked.name)?;
        Ok(put(config, place, wanted))
    })?;
    Ok(Reply::Is(made))
}

pub(super) fn remove<T: Setting>(live: &Live, asked: Asked) -> Result<Reply<()>, Problem> {
    edit(live, |config, _| {
        let before: T = find(config, &asked.name)?;
        asked.condition.check(Some(&tag(&before)?))?;
        T::check_removable(config, &asked.name)?;
        T::named(config).retain(|setting| setting.name() != asked.name);
        Ok(())
    })?;
    Ok(Reply::Done)
}

fn find<T: Setting>(config: &Config, name: &str) -> Result<T, Problem> {
    let all = T::all(config);
    let found = all.iter().find(|setting| setting.name() == name);
    found.cloned().ok_or_else(|| {
        let names = all.iter().map(T::name);
        Problem::not_found(T::WHAT, name, names)
    })
}

/// Puts `wanted` into the configuration, and notes its place there.
fn put<T: Setting>(config: &mut Config, place: &mut Option<Path>, wanted: T) -> T {
    let named = T::named(config);
    let known = named
        .iter()
        .position(|setting| setting.name() == wanted.name());
    let at = known.unwrap_or(named.len());
    match named.get_mut(at) {
        Some(setting) => *setting = wanted.clone(),
        None => named.push(wanted.clone()),
    }
    *place = Some(Path::default().key(T::WHAT).index(at));
    wanted
}

fn path_of<T: Setting>(made: &T) -> String {
    format!("{}/{}", T::PATH, made.name())
}

impl JsonAnswer for Ports {}
impl JsonAnswer for Networks {}

impl JsonAnswer for PortConfig {
    const IS_TAGGED: bool = true;
}

impl JsonAnswer for NetworkConfig {
    const IS_TAGGED: bool = true;
}

impl Setting for PortConfig {
    const WHAT: &'static str = "port";
    const PATH: &'static str = "/v1/ports";

    type List = Ports;

    fn list(ports: Vec<Self>) -> Ports {
        Ports { ports }
    }

    fn listed(list: Ports) -> Vec<Self> {
        list.ports
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn all(config: &Config) -> Vec<Self> {
        config.ports.clone()
    }

    fn named(config: &mut Config) -> &mut Vec<Self> {
        &mut config.ports
    }

    fn check_removable(_: &Config, _: &str) -> Result<(), Problem> {
        Ok(())
    }
}

impl Setting for NetworkConfig {
    const WHAT: &'static str = "network";
    const PATH: &'static str = "/v1/networks";

    type List = Networks;

    fn list(networks: Vec<Self>) -> Networks {
        Networks { networks }
    }

    fn listed(list: Networks) -> Vec<Self> {
        list.networks
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn all(config: &Config) -> Vec<Self> {
        let mut all = config.networks.clone();
        if config.network(DEFAULT_NETWORK).is_none() {
            let policy = config.network_policy(DEFAULT_NETWORK).unwrap_or_default();
            let name = DEFAULT_NETWORK.to_owned();
            all.insert(0, Self { name, policy });
        }
        all
    }

    fn named(config: &mut Config) -> &mut Vec<Self> {
        &mut config.networks
    }

    fn check_removable(config: &Config, name: &str) -> Result<(), Problem> {
        if name == DEFAULT_NETWORK {
            let detail = format!("network `{name}` is always there");
            let remedy = "put its defaults back instead";
            return Err(Problem::new(Kind::Conflict, detail, remedy));
        }
        let ports = config.ports.iter().filter(|port| port.network == name);
        let names: Vec<_> = ports.map(|port| port.name.as_str()).collect();
        if names.is_empty() {
            return Ok(());
        }
        let detail = format!("network `{name}` has ports: {}", names.join(", "));
        let remedy = "remove them first, or put them into another network";
        Err(Problem::new(Kind::Conflict, detail, remedy))
    }
}
