//! A panic that slips through everything is caught at the turn: it closes the port it came from.

use std::sync::mpsc::channel;

use nbl::NblQueue;
use switch::{Fault, FromGuest, PortSpec, Pull};
use testkit::guest::GuestOptions;

use crate::bench::{Bench, PATIENCE};
use crate::traffic::{A, BROADCAST, frame};

/// A sending half that panics when it is pulled.
struct Broken;

impl FromGuest for Broken {
    fn pull<'p>(&mut self, _pull: Pull<'_, 'p>) -> Result<NblQueue<'p>, Fault> {
        panic!("a bug of ours, on purpose");
    }

    fn complete(&mut self, _done: &NblQueue<'_>) -> Result<bool, Fault> {
        Ok(false)
    }

    fn hold(&mut self, _waiting: &NblQueue<'_>) {}
}

#[test]
fn a_panic_in_a_turn_closes_its_port_and_the_worker_lives() {
    let bench = Bench::new(1, 2);
    let [mut a, mut b] = [0, 1].map(|port| bench.attach(port, GuestOptions::default()));
    let spec = PortSpec {
        name: "broken".into(),
        ..PortSpec::default()
    };
    let broken = bench.switch.add_port(spec).unwrap();
    let (tell, told) = channel();
    bench.switch.connect(
        broken,
        Box::new(move |fault| tell.send(fault.to_string()).unwrap()),
    );
    bench
        .switch
        .start_from_guest(broken, 0, Box::new(Broken))
        .unwrap();
    let reason = told.recv_timeout(PATIENCE).unwrap();
    assert!(reason.contains("internal error"), "{reason}");
    assert_eq!(bench.switch.status().workers[0].panics, 1);
    a.send_all([&frame(BROADCAST, A, 1, 60)[..]]);
    assert_eq!(b.receive(1), [frame(BROADCAST, A, 1, 60)]);
}
