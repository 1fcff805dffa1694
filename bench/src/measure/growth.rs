//! What ports and filters cost that have nothing to do with the frame at hand.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use vmq::{Filter, Mac, VlanTest};

use super::{Pair, Settings, in_ring};
use crate::Result;
use crate::machine::{Flow, Format, Kind, Machine};
use crate::report::Table;
use crate::threads::own_memory;

const LEN: usize = in_ring(64);
const PORTS: [usize; 3] = [2, 64, 512];
const FILTERS: [u32; 3] = [2, 1_000, 100_000];
/// Configured filters at most; their ids are 16 bits wide.
const CONFIGURED: u32 = 60_000;
/// Addresses that a quiet port shows.
const LEARNT_A_PORT: u32 = 4_000;

/// The cost of one flow while ever more ports and filters come to its switch, and the memory of a port.
///
/// One flow is measured at all sizes, several times anew: two flows of the same kind differ by more than what is looked for,
/// by the places that their memory happens to have in the caches.
pub fn measure(settings: &Settings) -> Result<Table> {
    raise_file_limit()?;
    let windows = settings.cpus.interleave(
        settings.windows,
        &mut [&mut || with_ports(settings), &mut || with_filters(settings)],
    )?;
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
    for (kind, what, sizes) in [
        (0, "ports", PORTS),
        (1, "filters", FILTERS.map(|filters| filters as usize)),
    ] {
        for (at, size) in sizes.iter().enumerate() {
            let figures = [
                windows.median(kind, |steps| steps[at].flow.worker_ns),
                windows.median(kind, |steps| {
                    steps[at].flow.worker_ns / steps[0].flow.worker_ns
                }),
                windows.median(kind, |steps| steps[at].flow.worker_burst),
                // What earlier runs gave back is used again and does not show: the most is true.
                windows.of[kind]
                    .iter()
                    .map(|steps| steps[at].port_bytes / 1024.0)
                    .fold(f64::NAN, f64::max),
            ];
            table.row(format!("{size} {what}"), &figures);
        }
    }
    table.notes.push(windows.note());
    table
        .notes
        .push("Memory is what the switch added for a port, guest memory left out.".into());
    Ok(table)
}

/// The flow at one size.
struct Step {
    flow: Flow,
    port_bytes: f64,
}

fn with_ports(settings: &Settings) -> Result<[Step; 3]> {
    let mut pair = Pair::new(settings, Kind::for_frames(Format::Split, LEN), LEN)?;
    let mut bystanders = Vec::new();
    let mut steps = Vec::new();
    for ports in PORTS {
        let mut guests = Vec::new();
        for number in 2 + bystanders.len()..ports {
            guests.push(Machine::new(1000 + number as u32, Kind::quiet(), LEN)?);
        }
        let before = own_memory()?;
        for guest in &mut guests {
            let port = pair.lab.add_port(Vec::new())?;
            guest.connect(&pair.lab.socket(port))?;
        }
        pair.lab.wait_until_up(ports)?;
        let added = own_memory()?.saturating_sub(before);
        let port_bytes = added as f64 / guests.len() as f64;
        bystanders.append(&mut guests);
        steps.push(Step {
            flow: pair.flow(settings.window)?,
            port_bytes: if ports == 2 { f64::NAN } else { port_bytes },
        });
    }
    array(steps)
}

/// Filters are configured as far as their 16-bit ids reach; further ones are what quiet ports have shown.
fn with_filters(settings: &Settings) -> Result<[Step; 3]> {
    let mut pair = Pair::new(settings, Kind::for_frames(Format::Split, LEN), LEN)?;
    let mut bystanders = Vec::new();
    let mut steps = Vec::new();
    let mut next = 2;
    for filters in FILTERS {
        let configured = filters.min(CONFIGURED);
        pair.lab
            .add_port((next..configured).map(filter).collect())?;
        next = configured;
        while next < filters {
            let port = pair.lab.add_port(Vec::new())?;
            let mut guest = Machine::new(1000 + port as u32, Kind::quiet(), LEN)?;
            guest.connect(&pair.lab.socket(port))?;
            let end = (next + LEARNT_A_PORT).min(filters);
            // A switch that is busy with a new table may miss some.
            for _ in 0..5 {
                guest.speak_as((next..end).map(|number| filter(number).mac.0))?;
                if pair.lab.filters() >= end as usize {
                    break;
                }
            }
            next = end;
            bystanders.push(guest);
        }
        let there = pair.lab.filters();
        if there < filters as usize {
            return Err(format!("the switch has {there} filters instead of {filters}").into());
        }
        steps.push(Step {
            flow: pair.flow(settings.window)?,
            port_bytes: f64::NAN,
        });
    }
    array(steps)
}

fn array(steps: Vec<Step>) -> Result<[Step; 3]> {
    steps.try_into().map_err(|_| "a step is missing".into())
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
