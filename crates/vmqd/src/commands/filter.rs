//! `vmq filter`: which addresses lead to which port, set and learned.

use std::collections::BTreeMap;
use std::io::{self, Write};

use vmq::Mac;

use super::{NoSuch, file, open, print_json};
use crate::cli::{FilterCommand, FiltersOf, OneFilter};
use crate::config::{AddressFilter, Station, Vlan};
use crate::control::{Client, Filter, NewFilter};
use crate::failure::Failure;
use crate::output::{Align, Cell, DIM, Table};

/// Asks the switch for its filters, or changes them.
pub(crate) fn run(command: &FilterCommand) -> Result<(), Failure> {
    match command {
        FilterCommand::List(of) => list(of),
        FilterCommand::Add(one) => add(one),
        FilterCommand::Remove(one) => remove(one),
    }
}

fn list(FiltersOf { port, show }: &FiltersOf) -> Result<(), Failure> {
    let client = open(&show.reach)?;
    let mut filters = client.filters()?;
    if let Some(name) = port {
        let status = client.status()?;
        status
            .port(name)
            .ok_or_else(|| NoSuch::port(name, &status))?;
        filters.retain(|filter| filter.port == *name);
    }
    let mut out = anstream::stdout().lock();
    match show.json {
        true => print_json(&mut out, &BTreeMap::from([("filters", &filters)]))?,
        false => write(&filters, &mut out)?,
    }
    Ok(out.flush()?)
}

fn write(filters: &[Filter], out: &mut dyn Write) -> io::Result<()> {
    let mut table = Table::new([
        ("PORT", Align::Left),
        ("MACADDRESS", Align::Left),
        ("VLANID", Align::Left),
        ("ORIGIN", Align::Left),
    ]);
    for filter in filters {
        table.push([
            filter.port.as_str().into(),
            filter.mac.to_string().into(),
            filter.vlan.to_string().into(),
            match filter.is_learned {
                true => Cell::styled("learned", DIM),
                false => "configured".into(),
            },
        ]);
    }
    table.write(out)
}

fn add(one: &OneFilter) -> Result<(), Failure> {
    let client = open(&one.reach)?;
    check_port(&client, &one.port)?;
    let wanted = NewFilter {
        port: one.port.clone(),
        mac: Station(one.mac),
        vlan: one.vlan.unwrap_or_default(),
    };
    client.set_filter(&wanted)?;
    let mut out = anstream::stdout().lock();
    writeln!(
        out,
        "{}: {} added",
        one.port,
        said(one.mac, one.vlan.unwrap_or_default())
    )?;
    file::save_if(&one.lasting, &client, &mut out)?;
    Ok(out.flush()?)
}

fn remove(one: &OneFilter) -> Result<(), Failure> {
    let client = open(&one.reach)?;
    check_port(&client, &one.port)?;
    let filters = client.filters()?;
    let is_meant = |filter: &&Filter| {
        let wanted = (&one.port, one.mac, one.vlan.unwrap_or_default());
        (&filter.port, filter.mac, filter.vlan) == wanted
    };
    let filter = filters.iter().find(is_meant);
    let filter = filter.ok_or_else(|| {
        NoSuch::filter(
            &one.port,
            &said(one.mac, one.vlan.unwrap_or_default()),
            &filters,
        )
    })?;
    client.clear_filter(&filter.id)?;
    let mut out = anstream::stdout().lock();
    writeln!(
        out,
        "{}: {} removed",
        one.port,
        said(one.mac, one.vlan.unwrap_or_default())
    )?;
    file::save_if(&one.lasting, &client, &mut out)?;
    Ok(out.flush()?)
}

fn check_port(client: &Client, name: &str) -> Result<(), Failure> {
    let status = client.status()?;
    match status.port(name) {
        Some(_) => Ok(()),
        None => Err(NoSuch::port(name, &status).into()),
    }
}

fn said(mac: Mac, Vlan(vlan): Vlan) -> String {
    AddressFilter { mac, vlan }.to_string()
}

impl NoSuch {
    fn filter(port: &str, wanted: &str, filters: &[Filter]) -> Self {
        let of_port = filters.iter().filter(|filter| filter.port == port);
        let set: Vec<_> = of_port
            .filter(|filter| !filter.is_learned)
            .map(|filter| said(filter.mac, filter.vlan))
            .collect();
        Self {
            what: "filter",
            name: format!("{port} {wanted}"),
            known: match set.is_empty() {
                true => "none is configured for the port".to_owned(),
                false => format!("the port has {}", set.join(", ")),
            },
        }
    }
}
