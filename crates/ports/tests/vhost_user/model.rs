//! Any sequence of frames through switch and rings equals the naive model switch.

use std::time::Duration;

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use switch::policy::PortPolicy;
use switch::{Idle, PortSettings};
use testkit::guest::GuestOptions;
use testkit::model;
use vmq::{Filter, Mac, VlanTest};

use crate::bench::{Bench, Machine};

const PORTS: usize = 3;

/// Stations that frames come from and go to: more than there are ports, so that some move and some
/// share a port. The last two are configured, the very last in every VLAN.
const STATIONS: u8 = 6;

fn station(number: u8) -> [u8; 6] {
    [0x52, 0x54, 0, 0, 0, number]
}

/// One guest sends a burst from one of its stations.
#[derive(Clone, Debug)]
struct Burst {
    port: usize,
    station: u8,
    vlan: u16,
    frames: Vec<Frame>,
}

#[derive(Clone, Debug)]
struct Frame {
    /// A station, or `None` for a group address.
    to: Option<u8>,
    len: usize,
    /// Where the frame is cut into buffers.
    cuts: Vec<usize>,
}

impl Burst {
    fn bytes(&self, frame: &Frame, which: u32) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(frame.len);
        bytes.extend(frame.to.map_or([0x01, 0, 0x5e, 0, 0, 1], station));
        bytes.extend(station(self.station));
        if self.vlan > 0 {
            bytes.extend([0x81, 0]);
            bytes.extend((0x2000 | self.vlan).to_be_bytes());
        }
        bytes.extend([0x88, 0xb5]);
        bytes.extend(which.to_be_bytes());
        bytes.extend((bytes.len()..frame.len).map(|at| (at as u32).wrapping_mul(which | 1) as u8));
        bytes
    }
}

fn bursts() -> impl Strategy<Value = Vec<Burst>> {
    let len = prop_oneof![4 => 24..200usize, 2 => 200..1600usize, 1 => 1600..6000usize];
    let frame = (
        proptest::option::weighted(0.8, 0..STATIONS),
        len,
        btree_set(1..24usize, 0..4),
    )
        .prop_map(|(to, len, cuts)| Frame {
            to,
            len,
            cuts: cuts.into_iter().collect(),
        });
    let vlan = prop_oneof![3 => Just(0u16), 1 => Just(7), 1 => Just(4094)];
    let burst = (0..PORTS, 0..STATIONS, vlan, vec(frame, 1..12)).prop_map(
        |(port, station, vlan, frames)| Burst {
            port,
            station,
            vlan,
            frames,
        },
    );
    vec(burst, 1..12)
}

fn options(kind: u8) -> GuestOptions {
    GuestOptions {
        memory: 8 << 20,
        indirect: kind & 1 != 0,
        event_idx: kind & 2 != 0,
        buffer_size: if kind & 4 != 0 { 2048 } else { 512 },
        packed: kind & 8 != 0,
        ..GuestOptions::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48,
        failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_frames_equals_the_naive_model(
        bursts in bursts(),
        kinds in proptest::array::uniform3(0..16u8),
        spoofing in proptest::array::uniform3(proptest::option::of(any::<bool>())),
        workers in 1..3usize,
    ) {
        let configured = [(0, station(STATIONS - 2), Some(0)), (1, station(STATIONS - 1), None)];
        let mut filters = vec![vec![]; PORTS];
        let mut model = model::Switch::new();
        (0..PORTS as u16).for_each(|port| model.add_port(port));
        for (port, mac, vlan) in configured {
            let test = vlan.map_or(VlanTest::Any, |_| VlanTest::UntaggedOrZero);
            filters[port].push(Filter { mac: Mac(mac), vlan: test });
            model.set_filter(port as u16, mac, vlan);
        }
        let mut settings = Vec::new();
        for (port, filters) in filters.into_iter().enumerate() {
            let mac_spoofing = spoofing[port].filter(|may| *may || !filters.is_empty());
            let policy = model::Policy {
                guarded: !mac_spoofing.unwrap_or(filters.is_empty()),
                ..model::Policy::default()
            };
            model.set_policy(port as u16, policy);
            let policy = PortPolicy {
                mac_spoofing,
                ..PortPolicy::default()
            };
            settings.push(PortSettings {
                filters,
                policy,
                ..PortSettings::default()
            });
        }
        let bench = Bench::with_ports(workers, Idle::Adapt, settings);
        let mut machines: Vec<Machine> =
            (0..PORTS).map(|port| bench.attach(port, options(kinds[port]))).collect();

        let mut which = 0;
        for burst in &bursts {
            // The first frame alone: it may teach the switch where its source is.
            let (first, rest) = burst.frames.split_at(1);
            for frames in [first, rest] {
                let mut expected = vec![vec![]; PORTS];
                for frame in frames {
                    which += 1;
                    let bytes = burst.bytes(frame, which);
                    for (port, delivered) in model.send(burst.port as u16, &bytes) {
                        expected[usize::from(port)].push(delivered);
                    }
                    let sender = &mut machines[burst.port].guest;
                    prop_assert!(sender.send_chain(&bytes, &frame.cuts), "the ring is full");
                }
                machines[burst.port].guest.flush();
                for (port, expected) in expected.iter().enumerate() {
                    let arrived = machines[port].receive(expected.len());
                    prop_assert!(&arrived == expected, "port {} got other frames, or in another order", port);
                }
                settle(&bench, &model, burst);
                machines[burst.port].guest.from_guest.reclaim();
            }
        }
        machines.iter_mut().for_each(Machine::receives_nothing);
    }
}

/// Waits until the switch has learnt what the model has, and a moment for the workers to end the turn in
/// which they did not know it yet.
fn settle(bench: &Bench, model: &model::Switch, burst: &Burst) {
    let mac = station(burst.station);
    let Some(owner) = model.owner(burst.vlan, mac) else {
        return;
    };
    let mac = Mac(mac).to_string();
    bench.wait_for(usize::from(owner), |port| {
        port.queue
            .filters
            .iter()
            .any(|filter| filter.mac == mac && filter.vlan.is_none_or(|vlan| vlan == burst.vlan))
    });
    std::thread::sleep(Duration::from_millis(1));
}
