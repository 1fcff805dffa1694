//! What a switch is to be, read from wherever it is written, or everything that is wrong with it.
//!
//! Invariant: what has been loaded is complete and consistent. Nothing is bound, started or changed before, so a mistake in
//! the configuration never leaves half a switch behind.
//!
//! ```text
//!  vmq.toml ──┐                                             ┌──▶ judge (what the values mean)
//!  options ───┼──▶ Document ──▶ reader (keys, types) ──▶ Config
//!  JSON ──────┘  (a tree that                               └──▶ difference to what runs ──▶ live
//!                 knows places) ◀───────── Mistake (path, problem, remedy) ─┘
//!                      └──▶ Rejected (file:line:column, field, problem, remedy)
//! ```

mod address;
mod assignment;
mod difference;
mod document;
mod flat;
mod judge;
pub(crate) mod keys;
mod load;
mod mistake;
mod read;
mod reader;
mod rejected;
mod save;
mod units;
mod wanted;

pub(crate) use self::address::{AddressFilter, Station, Vlan};
pub(crate) use self::assignment::Assignment;
pub(crate) use self::difference::{Changes, Difference, changed_keys};
pub(crate) use self::document::Document;
pub(crate) use self::judge::{ApiPlan, check_name};
pub(crate) use self::load::{Loaded, load, read};
pub(crate) use self::mistake::{Kind, Mistake, Mistakes, Path, Step};
pub(crate) use self::rejected::Rejected;
pub(crate) use self::save::{SaveError, rewrite, toml_text};
pub(crate) use self::wanted::{
    CONTROL_SOCKET, Config, DEFAULT_NETWORK, Mode, NetworkConfig, PortConfig, SwitchConfig,
    socket_in,
};

#[cfg(test)]
pub(crate) mod tests;
