//! Attacks through packed rings: on buffer ids, lists and wrap counters (virtio 1.2, 2.8).

use super::rings::{offer, readable, table};
use crate::guest::Guest;
use crate::ring::DriverRing;
use crate::ring::packed::{self, Descriptor};
use crate::ring::split::{self, F_INDIRECT, F_NEXT, F_WRITE};

/// A buffer under an id that no ring of this size has.
pub fn buffer_id_out_of_range(guest: &mut Guest) {
    let gpa = guest.scratch().gpa;
    let ring = packed(guest.from_guest.ring());
    ring.forge_descriptor(0, descriptor(gpa, ring.size(), 0), true);
    guest.from_guest.events().kick();
}

/// A list that goes on in every descriptor of the ring (virtio 1.2, 2.8.17: loops are forbidden).
pub fn chain_longer_than_the_ring(guest: &mut Guest) {
    let gpa = guest.scratch().gpa;
    let ring = packed(guest.from_guest.ring());
    for ahead in (0..ring.size()).rev() {
        ring.forge_descriptor(ahead, descriptor(gpa, 0, F_NEXT), true);
    }
    guest.from_guest.events().kick();
}

/// A list whose second descriptor is of another round (virtio 1.2, 2.8.6: all flags are set in all of its descriptors).
pub fn chain_that_goes_on_unavailable(guest: &mut Guest) {
    let gpa = guest.scratch().gpa;
    let ring = packed(guest.from_guest.ring());
    ring.forge_descriptor(1, descriptor(gpa, 0, 0), false);
    ring.forge_descriptor(0, descriptor(gpa, 0, F_NEXT), true);
    guest.from_guest.events().kick();
}

/// A table of descriptors in a list (virtio 1.2, 2.8.19).
pub fn indirect_in_a_chain(guest: &mut Guest) {
    let gpa = guest.scratch().gpa;
    table(guest, gpa, &[readable(gpa + 2048, 64)]);
    let pointer = split::Descriptor {
        flags: F_INDIRECT,
        ..readable(gpa, 16)
    };
    offer(guest, &[readable(gpa + 2048, 64).then(1), pointer]);
}

/// Receive buffers under ids that no ring of this size has.
pub fn buffer_id_out_of_range_to_guest(guest: &mut Guest) {
    let size = guest.to_guest.ring().size();
    spoil(guest, |old| Descriptor { id: size, ..old });
}

/// Receive buffers that are all one list.
pub fn chain_longer_than_the_ring_to_guest(guest: &mut Guest) {
    spoil(guest, |old| Descriptor {
        flags: old.flags & F_WRITE | F_NEXT,
        ..old
    });
}

fn descriptor(gpa: u64, id: u16, flags: u16) -> Descriptor {
    Descriptor {
        gpa,
        len: 64,
        id,
        flags,
    }
}

fn spoil(guest: &mut Guest, change: impl Fn(Descriptor) -> Descriptor) {
    guest.to_guest.ring_mut().publish();
    let ring = packed(guest.to_guest.ring());
    (0..ring.size()).for_each(|index| ring.forge_buffer(index, &change));
    guest.to_guest.events().kick();
}

fn packed(ring: &DriverRing) -> &packed::DriverRing {
    match ring {
        DriverRing::Packed(ring) => ring,
        DriverRing::Split(_) => panic!("this attack is one on packed rings"),
    }
}
