//! Attacks through rings of either format: what a guest's driver can write into its own memory.
//!
//! Invariant: each attack leaves the guest's own records alone; only the memory lies.

use crate::guest::{Guest, Ram};
use crate::net_header::NET_HEADER;
use crate::ring::split::{Descriptor, F_INDIRECT, F_NEXT, F_WRITE};
use crate::ring::{DriverRing, packed};

/// A buffer far behind the last byte of memory.
pub fn descriptor_outside_memory(guest: &mut Guest) {
    let end = end(guest);
    offer(guest, &[readable(end + (1 << 30), 64)]);
}

/// A buffer whose first byte is the last byte of memory.
pub fn descriptor_across_the_end_of_memory(guest: &mut Guest) {
    let end = end(guest);
    offer(guest, &[readable(end - 1, 64)]);
}

/// A buffer whose end is beyond the largest address.
pub fn descriptor_that_wraps(guest: &mut Guest) {
    offer(guest, &[readable(u64::MAX - 15, 64)]);
}

/// A buffer for the device to write, where it only reads (virtio 1.2, 5.1.6.2).
pub fn writable_descriptor_from_guest(guest: &mut Guest) {
    let gpa = guest.scratch().gpa;
    offer(
        guest,
        &[
            readable(gpa, 64).then(1),
            Descriptor {
                flags: F_WRITE,
                ..readable(gpa + 64, 64)
            },
        ],
    );
}

/// A table of descriptors that is not the end of its chain (virtio 1.2, 2.7.5.3.1).
pub fn indirect_that_continues(guest: &mut Guest) {
    let gpa = guest.scratch().gpa;
    table(guest, gpa, &[readable(gpa + 2048, 64)]);
    offer(
        guest,
        &[
            Descriptor {
                flags: F_INDIRECT | F_NEXT,
                next: 1,
                ..readable(gpa, 16)
            },
            readable(gpa + 2048, 64),
        ],
    );
}

/// A table whose length is not a whole number of descriptors (virtio 1.2, 2.7.5.3.2).
pub fn indirect_of_odd_length(guest: &mut Guest) {
    let gpa = guest.scratch().gpa;
    table(guest, gpa, &[readable(gpa + 2048, 64)]);
    offer(
        guest,
        &[Descriptor {
            flags: F_INDIRECT,
            ..readable(gpa, 17)
        }],
    );
}

/// A table without a descriptor.
pub fn indirect_of_no_length(guest: &mut Guest) {
    let gpa = guest.scratch().gpa;
    offer(
        guest,
        &[Descriptor {
            flags: F_INDIRECT,
            ..readable(gpa, 0)
        }],
    );
}

/// A table outside memory.
pub fn indirect_outside_memory(guest: &mut Guest) {
    let end = end(guest);
    offer(
        guest,
        &[Descriptor {
            flags: F_INDIRECT,
            ..readable(end, 16)
        }],
    );
}

/// Receive buffers that the device may not write.
pub fn read_only_descriptor_to_guest(guest: &mut Guest) {
    let gpa = guest.scratch().gpa;
    spoil_receive_buffers(guest, readable(gpa, 2048));
}

/// Receive buffers behind the last byte of memory.
pub fn outside_memory_to_guest(guest: &mut Guest) {
    let end = end(guest);
    spoil_receive_buffers(
        guest,
        Descriptor {
            flags: F_WRITE,
            ..readable(end, 2048)
        },
    );
}

/// A chain that ends within the header of its frame.
pub fn chain_too_short_for_the_header(guest: &mut Guest) {
    let gpa = guest.scratch().gpa;
    offer(guest, &[readable(gpa, NET_HEADER as u32 - 1)]);
}

/// A chain that holds a header and not one byte of a frame.
pub fn chain_without_a_frame(guest: &mut Guest) {
    let gpa = guest.scratch().gpa;
    offer(guest, &[readable(gpa, NET_HEADER as u32)]);
}

/// A chain of more than a header and 64 KiB.
pub fn chain_longer_than_any_frame(guest: &mut Guest) {
    let scratch = guest.scratch();
    let whole = readable(scratch.gpa, scratch.len);
    offer(
        guest,
        &[
            readable(scratch.gpa, NET_HEADER as u32).then(1),
            whole.then(2),
            whole,
        ],
    );
}

/// Takes every byte of the guest's memory away under the backend's mapping. Whoever touches it then gets SIGBUS, the guest
/// double itself included.
pub fn truncate_memory(guest: &Guest) {
    rustix::fs::ftruncate(guest.ram().file(), 0)
        .expect("a memory file that is not sealed can be truncated");
}

pub(super) fn readable(gpa: u64, len: u32) -> Descriptor {
    Descriptor {
        gpa,
        len,
        flags: 0,
        next: 0,
    }
}

impl Descriptor {
    pub(super) fn then(self, next: u16) -> Descriptor {
        Descriptor {
            flags: self.flags | F_NEXT,
            next,
            ..self
        }
    }
}

fn end(guest: &Guest) -> u64 {
    Ram::GPA + guest.ram().bytes()
}

/// Makes a chain that begins at descriptor 0, or at the next of a packed ring, available in the from-guest ring.
pub(super) fn offer(guest: &mut Guest, descriptors: &[Descriptor]) {
    assert_eq!(
        guest.from_guest.in_flight(),
        0,
        "the attack needs descriptors that nothing uses"
    );
    match guest.from_guest.ring() {
        DriverRing::Split(ring) => {
            for (index, descriptor) in descriptors.iter().enumerate() {
                ring.forge_descriptor(index as u16, *descriptor);
            }
            ring.forge_available(0, 0);
            ring.forge_available_idx(1);
        }
        DriverRing::Packed(ring) => {
            for (
                ahead,
                &Descriptor {
                    gpa, len, flags, ..
                },
            ) in descriptors.iter().enumerate().rev()
            {
                let descriptor = packed::Descriptor {
                    gpa,
                    len,
                    id: 0,
                    flags,
                };
                ring.forge_descriptor(ahead as u16, descriptor, true);
            }
        }
    }
    guest.from_guest.events().kick();
}

pub(super) fn table(guest: &Guest, gpa: u64, descriptors: &[Descriptor]) {
    let window = guest.ram().window(gpa, 16 * descriptors.len() as u32);
    let bytes: Vec<u8> = descriptors
        .iter()
        .flat_map(|descriptor| descriptor.to_bytes())
        .collect();
    window.write(&bytes);
}

/// Makes every descriptor of the to-guest ring this one. Chains of a packed ring stay as long as they are.
pub(super) fn spoil_receive_buffers(guest: &mut Guest, descriptor: Descriptor) {
    let ring = guest.to_guest.ring_mut();
    ring.publish();
    for index in 0..ring.size() {
        match ring {
            DriverRing::Split(ring) => ring.forge_descriptor(index, descriptor),
            DriverRing::Packed(ring) => ring.forge_buffer(index, |old| packed::Descriptor {
                gpa: descriptor.gpa,
                len: descriptor.len,
                id: old.id,
                flags: descriptor.flags | old.flags & F_NEXT,
            }),
        }
    }
    guest.to_guest.events().kick();
}
