//! Many guests at one worker: who gets how much.

use std::time::{Duration, Instant};

use testkit::frames::BROADCAST;

use super::{Settings, in_ring};
use crate::Result;
use crate::lab::Lab;
use crate::machine::{BURST, Format, Kind, Machine, introduce};
use crate::report::Table;

const MANY: usize = 8;
const LEN: usize = in_ring(512);

/// Eight senders to one receiver: whether one starves.
pub fn fan_in(settings: &Settings) -> Result<Table> {
    let (_lab, mut machines) = star(settings, MANY + 1)?;
    let receiver = machines[MANY].mac();
    for sender in &mut machines[..MANY] {
        sender.aim(receiver, LEN);
    }
    let windows = settings.cpus.interleave(
        settings.windows,
        &mut [&mut || {
            let (senders, receiver) = machines.split_at_mut(MANY);
            let receiver = &mut receiver[0];
            let start = Instant::now();
            let mut sent = [0u64; MANY];
            let mut received = 0;
            while start.elapsed() < settings.window {
                for (sender, sent) in senders.iter_mut().zip(&mut sent) {
                    *sent += u64::from(sender.send(BURST));
                    received += receiver.receive(BURST);
                }
            }
            let seconds = start.elapsed().as_secs_f64();
            receiver.quieten();
            let mean = sent.iter().sum::<u64>() as f64 / MANY as f64;
            let slowest = sent.iter().min().copied().unwrap_or_default() as f64;
            Ok((received as f64 / seconds / 1e6, slowest / mean))
        }],
    )?;
    let mut table = Table::new(
        "Eight guests send to one, 512 bytes",
        &[("Mframe/s", 2), ("slowest / mean", 2)],
    );
    table.row(
        "8 to 1",
        &[windows.median(0, |w| w.0), windows.median(0, |w| w.1)],
    );
    table.notes.push(windows.note());
    Ok(table)
}

/// One sender to all, and what a receiver that posts no buffers costs the others.
///
/// With it and without it are measured on the same machines, several times anew: two stars of the same kind differ by the places
/// that their memory happens to have in the caches.
pub fn fan_out(settings: &Settings) -> Result<Table> {
    let window = settings.window;
    let windows = settings.cpus.interleave(
        settings.windows,
        &mut [
            &mut || {
                let (mut lab, mut machines) = star(settings, MANY)?;
                machines[0].aim(BROADCAST, LEN);
                let without = broadcast(&mut machines, MANY - 1, window);
                join(&mut lab, &mut machines)?;
                // Until its buffers are gone, which nobody takes out and posts anew.
                broadcast(&mut machines, MANY - 1, window / 10);
                Ok([without, broadcast(&mut machines, MANY - 1, window)])
            },
            &mut || {
                let (_lab, mut machines) = star(settings, 4)?;
                let (first, second) = (machines[1].mac(), machines[3].mac());
                machines[0].aim(first, LEN);
                machines[2].aim(second, LEN);
                let without = two_flows(&mut machines, false, window);
                two_flows(&mut machines, true, window / 10);
                Ok([without, two_flows(&mut machines, true, window)])
            },
        ],
    )?;
    let columns = [
        ("Mframe/s to the others", 2),
        ("slowest / mean", 2),
        ("of the rate without it", 3),
    ];
    let mut table = Table::new(
        "One guest without buffers, and what it costs the others; 512 bytes",
        &columns,
    );
    let rows = [
        ("broadcast to 7", 0, 0),
        ("and an 8th without buffers", 0, 1),
        ("one flow", 1, 0),
        ("and one to a guest without buffers", 1, 1),
    ];
    for (name, kind, at) in rows {
        let figures = [
            windows.median(kind, |shares| shares[at].mframes),
            windows.median(kind, |shares| shares[at].slowest),
            windows.median(kind, |shares| shares[at].mframes / shares[0].mframes),
        ];
        table.row(name, &figures);
    }
    table.notes.push(windows.note());
    Ok(table)
}

struct Share {
    mframes: f64,
    slowest: f64,
}

/// The first machine sends to all; the next `takers` take what comes.
fn broadcast(machines: &mut [Machine], takers: usize, window: Duration) -> Share {
    let (sender, receivers) = machines.split_at_mut(1);
    let mut taken = vec![0u64; takers];
    let start = Instant::now();
    while start.elapsed() < window {
        sender[0].send(BURST);
        for (receiver, taken) in receivers.iter_mut().zip(&mut taken) {
            *taken += receiver.receive(2 * BURST);
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    for receiver in &mut receivers[..takers] {
        receiver.quieten();
    }
    let mean = taken.iter().sum::<u64>() as f64 / takers as f64;
    Share {
        mframes: mean / seconds / 1e6,
        slowest: taken.iter().min().copied().unwrap_or_default() as f64 / mean,
    }
}

/// The first machine sends to the second, and the third, if it does, to the fourth, which takes nothing.
fn two_flows(machines: &mut [Machine], both: bool, window: Duration) -> Share {
    let start = Instant::now();
    let mut taken = 0;
    while start.elapsed() < window {
        machines[0].send(BURST);
        if both {
            machines[2].send(BURST);
        }
        taken += machines[1].receive(BURST);
    }
    let seconds = start.elapsed().as_secs_f64();
    machines[1].quieten();
    Share {
        mframes: taken as f64 / seconds / 1e6,
        slowest: 1.0,
    }
}

/// A switch with this many machines that know each other.
fn star(settings: &Settings, machines: usize) -> Result<(Lab, Vec<Machine>)> {
    let mut lab = Lab::new(Some(settings.cpus.switch), 0)?;
    let mut attached = Vec::new();
    for _ in 0..machines {
        join(&mut lab, &mut attached)?;
    }
    introduce(&mut attached.iter_mut().collect::<Vec<_>>())?;
    lab.wait_until_known(machines)?;
    Ok((lab, attached))
}

/// One more.
fn join(lab: &mut Lab, machines: &mut Vec<Machine>) -> Result<()> {
    let kind = Kind::for_frames(Format::Split, LEN);
    let mut machine = Machine::new(machines.len() as u32 + 1, kind, LEN)?;
    let port = lab.add_port(Vec::new())?;
    machine.connect(&lab.socket(port))?;
    machines.push(machine);
    lab.wait_until_up(machines.len())
}
