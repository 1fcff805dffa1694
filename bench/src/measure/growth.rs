//! What ports and filters cost that have nothing to do with the frame at hand.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use vmq::{Filter, Mac, VlanTest};

use super::{Pair, Settings, flows, in_ring};
use crate::Result;
use crate::lab::Lab;
use crate::machine::{Format, Kind, Machine};
use crate::report::Table;
use crate::threads::own_memory;

const LEN: usize = in_ring(64);
const PORTS: [usize; 3] = [2, 64, 512];
const FILTERS: [usize; 3] = [2, 1_000, 100_000];
/// Configured filters at most; their ids are 16 bits wide.
const CONFIGURED: usize = 60_000;
/// Addresses that a quiet port shows.
const LEARNT_A_PORT: u32 = 4_000;

/// The rate of one flow beside ever more ports and filters, and the memory of a port.
pub fn measure(settings: &Settings) -> Result<Table> {
    raise_file_limit()?;
    let mut names = Vec::new();
    let mut pairs = Vec::new();
    let mut bystanders = Vec::new();
    let mut memory = Vec::new();
    for ports in PORTS {
        let mut pair = Pair::new(settings, Kind::for_frames(Format::Split, LEN), LEN)?;
        let mut guests = Vec::new();
        for number in 2..ports {
            guests.push(Machine::new(1000 + number as u32, Kind::quiet(), LEN)?);
        }
        let before = own_memory()?;
        for guest in &mut guests {
            let port = pair.lab.add_port(Vec::new())?;
            guest.connect(&pair.lab.socket(port))?;
        }
        pair.lab.wait_until_up(ports)?;
        let each = own_memory()?.saturating_sub(before) as f64 / guests.len() as f64;
        memory.push(if guests.is_empty() {
            f64::NAN
        } else {
            each / 1024.0
        });
        names.push(format!("{ports} ports"));
        pairs.push(pair);
        bystanders.push(guests);
    }
    for filters in FILTERS {
        let (pair, guests) = with_filters(settings, filters)?;
        pairs.push(pair);
        bystanders.push(guests);
        names.push(format!("{filters} filters"));
        memory.push(f64::NAN);
    }
    let windows = flows(settings, &mut pairs)?;
    let columns = [
        ("worker ns a frame", 1),
        ("of the smallest", 2),
        ("frames a turn", 0),
        ("KiB a port", 0),
    ];
    let mut table = Table::new(
        "One flow of 64 bytes beside others that are quiet",
        &columns,
    );
    let cost = |at| windows.median(at, |flow| flow.worker_ns);
    for (at, name) in names.iter().enumerate() {
        let base = if at < PORTS.len() { 0 } else { PORTS.len() };
        let burst = windows.median(at, |flow| flow.worker_burst);
        table.row(name, &[cost(at), cost(at) / cost(base), burst, memory[at]]);
    }
    table.notes.push(windows.note());
    table
        .notes
        .push("Memory is what the switch added for a port, guest memory left out.".into());
    Ok(table)
}

/// A switch with this many filters: two of the pair, then configured ones as far as their 16-bit ids reach, then such as
/// quiet ports have learnt.
fn with_filters(settings: &Settings, filters: usize) -> Result<(Pair, Vec<Machine>)> {
    let configured = filters.min(CONFIGURED) as u32;
    let mut lab = Lab::new(Some(settings.cpus.switch), 2)?;
    lab.add_port((2..configured).map(filter).collect())?;
    let mut guests = Vec::new();
    let mut pair = Pair::in_lab(lab, Kind::for_frames(Format::Split, LEN), LEN)?;
    let mut next = configured;
    while (next as usize) < filters {
        let port = pair.lab.add_port(Vec::new())?;
        let mut guest = Machine::new(1000 + port as u32, Kind::quiet(), LEN)?;
        guest.connect(&pair.lab.socket(port))?;
        let end = (next + LEARNT_A_PORT).min(filters as u32);
        guest.speak_as((next..end).map(|number| filter(number).mac.0))?;
        next = end;
        guests.push(guest);
    }
    let there = count(&pair.lab);
    if there < filters * 99 / 100 {
        return Err(format!("the switch has {there} filters instead of {filters}").into());
    }
    Ok((pair, guests))
}

fn count(lab: &Lab) -> usize {
    lab.status()
        .ports
        .iter()
        .map(|port| port.queue.filters.len())
        .sum()
}

fn filter(number: u32) -> Filter {
    let [a, b, c, d] = number.to_be_bytes();
    Filter {
        mac: Mac([0x06, 0x00, a, b, c, d]),
        vlan: VlanTest::Any,
    }
}

/// Each port takes some fifteen files on its two sides.
fn raise_file_limit() -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            ..limit
        },
    )?;
    match limit.maximum {
        Some(files) if files < 16 * 600 => {
            Err(format!("512 ports need 9600 open files, but the limit is {files}").into())
        }
        _ => Ok(()),
    }
}
