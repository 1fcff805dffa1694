//! The hot path for instruction counters: always the same bursts from one guest double to another, all on one thread.
//!
//! A switch with one worker and three ports. Two are guests that are attached as always. The third is no guest: the worker
//! pulls it in each round as it pulls every port, and then it does what the two guests would do on another CPU: takes what
//! arrived and sends the next burst. So nothing depends on when which thread runs, and a count is the same twice.
//!
//! ```text
//!   worker's round ──▶ pull the third port ──▶ Guests::act    frames arrived, burst sent    (not counted)
//!                  └─▶ pull the first guest ─▶ one burst to the second                      (counted)
//! ```
//!
//! `cargo xtask bench-bound` runs it under callgrind, twice, with different numbers of bursts: what the second run takes
//! longer is the hot path, without setting up.
#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use bench::Result;
use bench::lab::{Lab, PATIENCE};
use bench::machine::{BURST, Format, Kind, Machine, introduce};
use clap::Parser;
use nbl::NblQueue;
use serde::de::DeserializeOwned;
use switch::policy::{NetworkPolicy, PortPolicy};
use switch::{Fault, FromGuest, NetworkId, PortSettings, PortSpec, Pull};
use vmq::{Filter, Mac, VlanTest};

/// Sends bursts of frames from one guest to another, all on one thread.
#[derive(Parser)]
struct Cli {
    /// Format of both guests' rings
    #[arg(long, default_value = "split")]
    ring: Format,
    /// Bytes of a frame
    #[arg(long, default_value = "60")]
    len: usize,
    /// How often the guest sends
    #[arg(long, default_value = "1000")]
    bursts: u32,
    /// Frames that it sends at a time
    #[arg(long, default_value = "32", value_parser = clap::value_parser!(u16).range(1..=i64::from(BURST)))]
    burst: u16,
    /// UDP over IPv4, between addresses that are configured, in place of frames that no guard or rule looks into
    #[arg(long)]
    datagrams: bool,
    /// What the sending port keeps to, as JSON, as in the API
    #[arg(long, default_value = "{}", value_parser = json::<PortPolicy>)]
    from: PortPolicy,
    /// What the receiving port keeps to
    #[arg(long, default_value = "{}", value_parser = json::<PortPolicy>)]
    to: PortPolicy,
    /// What the network is like
    #[arg(long, default_value = "{}", value_parser = json::<NetworkPolicy>)]
    network: NetworkPolicy,
}

fn json<T: DeserializeOwned>(text: &str) -> std::result::Result<T, serde_json::Error> {
    serde_json::from_str(text)
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hot_path: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<()> {
    let lab = Lab::new(None, 2)?;
    let kind = Kind::for_frames(cli.ring, cli.len);
    let (mut from, mut to) = (
        Machine::new(1, kind, cli.len)?,
        Machine::new(2, kind, cli.len)?,
    );
    let switch = lab.switch();
    switch.set_network(NetworkId::DEFAULT, cli.network.clone())?;
    for (port, machine, policy) in [(0, &from, &cli.from), (1, &to, &cli.to)] {
        let own = Filter {
            mac: Mac(machine.mac()),
            vlan: VlanTest::Any,
        };
        let settings = PortSettings {
            filters: if cli.datagrams { vec![own] } else { vec![] },
            policy: policy.clone(),
            ..PortSettings::default()
        };
        switch.set_port(lab.port(port), settings)?;
    }
    from.connect(&lab.socket(0))?;
    to.connect(&lab.socket(1))?;
    lab.wait_until_up(2)?;
    introduce(&mut [&mut from, &mut to])?;
    lab.wait_until_known(2)?;
    // Whatever is still on its way: only what is sent from here on may arrive.
    std::thread::sleep(Duration::from_millis(100));
    to.quieten();
    if cli.datagrams {
        from.aim_datagrams(to.mac(), cli.len);
    } else {
        from.aim(to.mac(), cli.len);
    }
    let (done, is_done) = sync_channel(1);
    let guests = Guests {
        from,
        to,
        left: cli.bursts,
        burst: cli.burst,
        on_the_way: 0,
        done,
    };
    let port = switch.add_port(PortSpec {
        name: "guests".into(),
        ..PortSpec::default()
    })?;
    switch.connect(port, Box::new(|fault| eprintln!("hot_path: {fault}")));
    switch.start_from_guest(port, 0, Box::new(guests))?;
    let counted = is_done.recv_timeout(PATIENCE * 10);
    switch.stop_from_guest(port, 0);
    switch.disconnect(port, None);
    match counted {
        Ok(true) => Ok(()),
        Ok(false) => Err("a burst did not arrive whole in the round it was sent in".into()),
        Err(_) => Err("the bursts did not come to an end".into()),
    }
}

/// Both guests, behind the face of a port.
struct Guests {
    from: Machine,
    to: Machine,
    left: u32,
    burst: u16,
    on_the_way: u16,
    /// Told whether every burst arrived as it should.
    done: SyncSender<bool>,
}

impl Guests {
    /// What the guests do between two rounds. Callgrind leaves it out by its name, so it stays a function.
    #[inline(never)]
    fn act(&mut self) {
        if self.on_the_way > 0 {
            let arrived = self.to.receive(BURST);
            // Only the first may find the worker not looking at its ring yet.
            if arrived == 0 {
                return;
            }
            if arrived != u64::from(self.on_the_way) {
                self.end(false);
                return;
            }
            self.on_the_way = 0;
            if self.left == 0 {
                self.end(true);
            }
        }
        if self.left > 0 {
            self.left -= 1;
            self.on_the_way = self.from.send(self.burst);
        }
    }

    fn end(&mut self, is_well: bool) {
        (self.left, self.on_the_way) = (0, 0);
        // Whoever waited for it has given up otherwise.
        let _ = self.done.try_send(is_well);
    }
}

impl FromGuest for Guests {
    fn pull<'p>(&mut self, _pull: Pull<'_, 'p>) -> std::result::Result<NblQueue<'p>, Fault> {
        self.act();
        Ok(NblQueue::new())
    }

    fn complete(&mut self, _done: &NblQueue<'_>) -> std::result::Result<bool, Fault> {
        Ok(false)
    }

    fn hold(&mut self, _waiting: &NblQueue<'_>) {}

    /// In every round, but not once all is over: how long the worker goes on then is not the hot path's.
    fn has_more(&self) -> bool {
        self.left > 0 || self.on_the_way > 0
    }
}
