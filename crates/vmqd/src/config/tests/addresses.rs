//! Addresses: of single machines, and of one port each.

use super::*;

#[test]
fn an_address_without_a_vlan_is_the_ports_on_every_vlan() {
    let text = "[[port]]\nname = 'a'\nfilters = ['52:54:00:00:00:01']";
    let config = judged(text, &args(&[])).unwrap();
    assert_eq!(config.ports[0].filters[0].vlan, VlanTest::Any);
}

#[test]
fn addresses_are_those_of_single_machines() {
    assert_port_objection(
        "filters = ['52:54:00:00:00']",
        "f:3:12: port.filters: `52:54:00:00:00`: an Ethernet address has 6 octets, found 5: write it like 52:54:00:12:34:56",
    );
    assert_port_objection(
        "filters = [{ mac = 'ff:ff:ff:ff:ff:ff' }]",
        "f:3:20: port.filters.mac: `ff:ff:ff:ff:ff:ff`: a group address belongs to no single machine: write one like 52:54:00:12:34:56",
    );
    let many: Vec<_> = (0..65)
        .map(|n| format!("'52:54:00:00:00:{n:02x}'"))
        .collect();
    assert_port_objection(
        &format!("filters = [{}]", many.join(", ")),
        "f:3:11: port.filters: 65 addresses are too many: give at most 64, or let the switch learn them",
    );
}

#[test]
fn an_address_belongs_to_one_port_of_a_vlan_in_a_network() {
    let two = |first: &str, second: &str| {
        judged(
            &format!(
                "[[network]]\nname = 'n'\n[[port]]\nname = 'a'\nfilters = [{{ mac = '52:54:00:00:00:01'{first} }}]\n\
                 [[port]]\nname = 'b'\nfilters = [{{ mac = '52:54:00:00:00:01'{second} }}]"
            ),
            &args(&[]),
        )
    };
    assert!(two(", vlan = 1", ", vlan = 2").is_ok());
    assert!(two(", vlan = 'untagged'", ", vlan = 2").is_ok());
    assert!(two(" }]\nnetwork = 'n' #", "").is_ok());
    for (first, second, known) in [
        (", vlan = 1", ", vlan = 1", "52:54:00:00:00:01 vlan 1"),
        ("", ", vlan = 1", "52:54:00:00:00:01"),
        (", vlan = 'untagged'", "", "52:54:00:00:00:01 untagged"),
    ] {
        assert_eq!(
            two(first, second).unwrap_err().to_string(),
            format!(
                "f:8:12: port.filters: {known} is an address of port `a` already, in line 5: an address belongs to one \
                 port of a VLAN, and without one to all VLANs"
            ),
            "{first:?} {second:?}"
        );
    }
    assert_eq!(
        two("", "").unwrap_err().to_string(),
        "f:8:12: port.filters: 52:54:00:00:00:01 is an address of port `a` already, in line 5: an address belongs to \
         one port of a VLAN"
    );
    assert_port_objection(
        "filters = ['52:54:00:00:00:01', '52:54:00:00:00:01']",
        "f:3:33: port.filters: 52:54:00:00:00:01 is in the list already, in line 3: an address belongs to one port of a VLAN",
    );
}

#[test]
fn vlans_are_1_to_4094() {
    for id in ["-1", "0", "4095", "99999999"] {
        assert_port_objection(
            &format!("filters = [{{ mac = '52:54:00:00:00:01', vlan = {id} }}]"),
            &format!(
                "f:3:48: port.filters.vlan: there is no VLAN {id}: use 1 to 4094, or leave it out for every VLAN"
            ),
        );
    }
}
