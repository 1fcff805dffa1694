//! Policies: what is out of bounds, and what names something that is not there.

use super::*;

#[test]
fn numbers_are_within_their_bounds() {
    for (line, says) in [
        (
            "bandwidth.minimum_weight = 101",
            "f:3:28: port.bandwidth.minimum_weight: there is no weight of 101: use 1 to 100, or leave it out for 1",
        ),
        (
            "bandwidth.from_guest.maximum = 9",
            "f:3:32: port.bandwidth.from_guest.maximum: 9 bits a second are out of range: use 10000 to 10000000000000, such as 100M",
        ),
        (
            "bandwidth.from_guest.burst = '100k'",
            "f:3:30: port.bandwidth.from_guest.burst: a burst without a maximum limits nothing: add `maximum`, or leave it out",
        ),
        (
            "bandwidth.from_guest = { maximum = '1G', burst = 10 }",
            "f:3:50: port.bandwidth.from_guest.burst: there is no burst of 10 bytes: use 65554 (the largest frame) to 1073741824, or leave it out",
        ),
        (
            "impairment.rate = 1",
            "f:3:19: port.impairment.rate: 1 bits a second are out of range: use 10000 to 10000000000000, such as 100M",
        ),
        (
            "impairment.loss_percent = 100.5",
            "f:3:27: port.impairment.loss_percent: 100.5 is out of range: use 0 to 100",
        ),
        (
            "impairment.delay_ms = -1",
            "f:3:23: port.impairment.delay_ms: -1 is out of range: use 0 to 10000",
        ),
        (
            "impairment.delay_ms = nan",
            "f:3:23: port.impairment.delay_ms: NaN is out of range: use 0 to 10000",
        ),
        (
            "impairment.jitter_ms = 3",
            "f:3:24: port.impairment.jitter_ms: a delay of 0 ms cannot be 3 ms shorter: use at most `delay_ms`",
        ),
        (
            "impairment.reorder_percent = 3",
            "f:3:30: port.impairment.reorder_percent: without a delay there is nothing to overtake: add `delay_ms`",
        ),
        (
            "vlan.access = 4095",
            "f:3:15: port.vlan.access: there is no VLAN 4095: use 1 to 4094",
        ),
        (
            "vlan.trunk = { allowed = '10-20', native = 1 }",
            "f:3:44: port.vlan.trunk.native: VLAN 1 is not in `allowed`: add it there, or leave `native` out to drop untagged frames",
        ),
        (
            "vlan.trunk = { allowed = '10-2' }",
            "f:3:26: port.vlan.trunk.allowed: `10-2` is no VLAN or range of VLANs: write 1 to 4094, like 10,20-30, or all",
        ),
        (
            "vlan.private = { primary = 1, role = { community = 1 } }",
            "f:3:52: port.vlan.private.role.community: VLAN 1 is the primary VLAN itself: give the community a VLAN of its own",
        ),
        (
            "allowed_addresses = ['10.0.0.0/33']",
            "f:3:22: port.allowed_addresses: `10.0.0.0/33` is no IP address or prefix: write it like 10.0.0.0/8 or 2001:db8::1",
        ),
        (
            "rules = [{ action = 'deny', remote_port = '80' }]",
            "f:3:43: port.rules.remote_port: only TCP, UDP and SCTP have ports: add protocol = 6, 17 or 132",
        ),
        (
            "rules = [{ action = 'deny', local_address = '10.0.0.1', remote_address = '::/0' }]",
            "f:3:74: port.rules.remote_address: no frame has addresses of IPv4 and of IPv6: write two rules",
        ),
        (
            "rules = [{ action = 'deny', protocol = 300 }]",
            "f:3:40: port.rules.protocol: 300 is out of range: use 0 to 255",
        ),
        (
            "learning.limit = -1",
            "f:3:18: port.learning.limit: -1 is out of range: use 0 to 4294967295",
        ),
    ] {
        assert_port_objection(line, says);
    }
    assert_objection(
        "[[network]]\nname = 'n'\nmax_age_seconds = 0",
        "f:3:19: network.max_age_seconds: addresses that are forgotten at once cannot be learnt: use 1 or more; 300 is usual",
    );
}

#[test]
fn a_mirror_is_another_port_of_the_same_network() {
    assert_port_objection(
        "mirror.to = 'a'",
        "f:3:13: port.mirror.to: a port cannot be its own mirror: name another port",
    );
    assert_port_objection(
        "mirror.to = 'b'",
        "f:3:13: port.mirror.to: there is no port `b`: name a port of network `default`",
    );
    assert_objection(
        "[[network]]\nname = 'n'\n[[port]]\nname = 'a'\nmirror.to = 'b'\n[[port]]\nname = 'b'\nnetwork = 'n'",
        "f:5:13: port.mirror.to: port `b` is in network `n`: name a port of network `default`, for frames never leave theirs",
    );
}
