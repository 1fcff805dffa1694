//! Attacks through split rings: on the table, its links and the two indices (virtio 1.2, 2.7).

use super::rings::{offer, readable, spoil_receive_buffers, table};
use crate::guest::Guest;
use crate::ring::DriverRing;
use crate::ring::split::{self, Descriptor, F_INDIRECT, F_NEXT, F_WRITE};

/// Two descriptors that go on in each other (virtio 1.2, 2.7.5.1).
pub fn chain_that_loops(guest: &mut Guest) {
    let gpa = guest.scratch().gpa;
    offer(
        guest,
        &[readable(gpa, 64).then(1), readable(gpa, 64).then(0)],
    );
}

/// A chain that goes on outside the table.
pub fn next_out_of_range(guest: &mut Guest) {
    let (gpa, size) = (guest.scratch().gpa, guest.from_guest.ring().size());
    offer(guest, &[readable(gpa, 64).then(size)]);
}

/// A head outside the table.
pub fn head_out_of_range(guest: &mut Guest) {
    let ring = split(guest.from_guest.ring_mut());
    ring.forge_available(0, ring.size());
    publish_from_guest(guest, 1);
}

/// More chains made available than the ring has descriptors (virtio 1.2, 2.7.13).
pub fn available_index_jumps(guest: &mut Guest) {
    let gpa = guest.scratch().gpa;
    let ring = split(guest.from_guest.ring_mut());
    for index in 0..ring.size() {
        ring.forge_descriptor(index, readable(gpa, 64));
        ring.forge_available(index, index);
    }
    let size = ring.size();
    publish_from_guest(guest, size + 1);
}

/// A table of descriptors in which one is a table again (virtio 1.2, 2.7.5.3.1).
pub fn indirect_inside_indirect(guest: &mut Guest) {
    let gpa = guest.scratch().gpa;
    let inner = Descriptor {
        flags: F_INDIRECT,
        ..readable(gpa + 1024, 16)
    };
    table(guest, gpa, &[inner]);
    table(guest, gpa + 1024, &[readable(gpa + 2048, 64)]);
    offer(
        guest,
        &[Descriptor {
            flags: F_INDIRECT,
            ..readable(gpa, 16)
        }],
    );
}

/// A table whose descriptors go on in each other.
pub fn indirect_that_loops(guest: &mut Guest) {
    let gpa = guest.scratch().gpa;
    table(
        guest,
        gpa,
        &[
            readable(gpa + 2048, 64).then(1),
            readable(gpa + 2048, 64).then(0),
        ],
    );
    offer(
        guest,
        &[Descriptor {
            flags: F_INDIRECT,
            ..readable(gpa, 32)
        }],
    );
}

/// Receive buffers that go on in themselves.
pub fn chain_that_loops_to_guest(guest: &mut Guest) {
    let gpa = guest.scratch().gpa;
    spoil_receive_buffers(
        guest,
        Descriptor {
            flags: F_WRITE | F_NEXT,
            next: 0,
            ..readable(gpa, 2048)
        },
    );
}

/// Receive buffers under heads outside the table.
pub fn head_out_of_range_to_guest(guest: &mut Guest) {
    let ring = split(guest.to_guest.ring_mut());
    for place in 0..ring.size() {
        ring.forge_available(place, ring.size());
    }
    publish_to_guest(guest, 0);
}

/// More receive buffers made available than the ring has descriptors.
pub fn available_index_jumps_to_guest(guest: &mut Guest) {
    let size = guest.to_guest.ring().size();
    publish_to_guest(guest, size + 1);
}

fn split(ring: &mut DriverRing) -> &mut split::DriverRing {
    match ring {
        DriverRing::Split(ring) => ring,
        DriverRing::Packed(_) => panic!("this attack is one on split rings"),
    }
}

fn publish_from_guest(guest: &mut Guest, ahead: u16) {
    split(guest.from_guest.ring_mut()).forge_available_idx(ahead);
    guest.from_guest.events().kick();
}

fn publish_to_guest(guest: &mut Guest, ahead: u16) {
    split(guest.to_guest.ring_mut()).forge_available_idx(ahead);
    guest.to_guest.events().kick();
}
