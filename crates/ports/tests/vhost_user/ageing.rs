//! Addresses that are forgotten, and those that are not.

use std::time::{Duration, Instant};

use switch::policy::NetworkPolicy;
use switch::{Event, NetworkId};
use testkit::guest::GuestOptions;
use vmq::{Filter, Mac, VlanTest};

use crate::bench::{Bench, PATIENCE};
use crate::traffic::{A, B, datagram};

#[test]
fn an_address_that_only_ever_sends_the_same_is_kept_until_it_falls_silent() {
    // The receiver is configured: only the sender can be forgotten, and nothing else changes meanwhile.
    let own = Filter {
        mac: Mac(B),
        vlan: VlanTest::Any,
    };
    let bench = Bench::with_filters(1, &[vec![], vec![own]]);
    let policy = NetworkPolicy {
        max_age_seconds: 2,
        ..NetworkPolicy::default()
    };
    bench
        .switch
        .set_network(NetworkId::DEFAULT, policy)
        .unwrap();
    let [mut a, mut b] = [0, 1].map(|port| bench.attach(port, GuestOptions::default()));
    let mut events = bench.switch.events();
    let mut has_aged = || {
        let news = events.take(1000);
        let mut told = news.events.iter();
        told.any(|told| matches!(told.event, Event::AddressesAged { .. }))
    };
    let start = Instant::now();
    for which in 0.. {
        // A burst of its own each.
        a.send_all([&datagram(B, A, 1, which)[..]]);
        b.receive(1);
        assert!(!has_aged(), "forgotten after {:?}", start.elapsed());
        if start.elapsed() > Duration::from_secs(5) {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    while !has_aged() {
        assert!(start.elapsed() < PATIENCE, "never forgotten");
        std::thread::sleep(Duration::from_millis(20));
    }
}
