//! Bad guests and bad VMMs, by name.
//!
//! Each attack breaks one rule and leaves everything else proper, so a test can go through all of them and say of each
//! what must come of it: that port closed with a reason, or that frame dropped and counted; never a panic, a hang, a delivery, or
//! trouble for other ports.
//!
//! Invariant: an attack never harms the process that carries it out, unless it is also the one that is attacked.

mod packed_rings;
mod protocol;
mod rings;
mod split_rings;

pub use packed_rings::*;
pub use protocol::*;
pub use rings::*;
pub use split_rings::*;

use crate::frontend::Script;
use crate::guest::{Guest, GuestOptions};

/// What a ring attack breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breaks {
    /// The rules of the from-guest ring: seen as soon as the device looks at it.
    FromGuest,
    /// The rules of the to-guest ring: seen as soon as a frame is to be delivered to this guest.
    ToGuest,
    /// Nothing of the ring, but what lies in it cannot be a frame.
    Frame,
}

/// Which rings an attack is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Formats {
    /// Split and packed ones.
    Both,
    /// Split ones only.
    Split,
    /// Packed ones only.
    Packed,
}

/// An attack through the rings of a guest that is attached and has nothing in flight from itself.
#[derive(Clone, Copy)]
pub struct RingAttack {
    /// The function's name.
    pub name: &'static str,
    /// What it breaks.
    pub breaks: Breaks,
    /// The rings it is for.
    pub formats: Formats,
    /// Does it, publishes and kicks.
    pub strike: fn(&mut Guest),
}

impl RingAttack {
    /// Whether it can be carried out by such a guest.
    pub fn suits(&self, options: &GuestOptions) -> bool {
        match self.formats {
            Formats::Both => true,
            Formats::Split => !options.packed,
            Formats::Packed => options.packed,
        }
    }
}

/// An attack through the protocol: spoils a proper attachment.
#[derive(Clone, Copy)]
pub struct ProtocolAttack {
    /// The function's name.
    pub name: &'static str,
    /// Does it.
    pub spoil: fn(&mut Script),
}

macro_rules! ring_attacks {
    ($($formats:ident $breaks:ident: $($name:ident),+;)+) => {
        /// Every attack through the rings.
        pub const RING_ATTACKS: &[RingAttack] = &[$($(
            RingAttack {
                name: stringify!($name),
                breaks: Breaks::$breaks,
                formats: Formats::$formats,
                strike: $name,
            },
        )+)+];
    };
}

macro_rules! protocol_attacks {
    ($($name:ident),+ $(,)?) => {
        /// Every attack through the protocol.
        pub const PROTOCOL_ATTACKS: &[ProtocolAttack] = &[$(
            ProtocolAttack { name: stringify!($name), spoil: protocol::$name },
        )+];
    };
}

ring_attacks! {
    Both FromGuest: descriptor_outside_memory, descriptor_across_the_end_of_memory, descriptor_that_wraps,
        writable_descriptor_from_guest, indirect_that_continues, indirect_of_odd_length, indirect_of_no_length,
        indirect_outside_memory;
    Both ToGuest: read_only_descriptor_to_guest, outside_memory_to_guest;
    Both Frame: chain_too_short_for_the_header, chain_without_a_frame, chain_longer_than_any_frame;
    Split FromGuest: chain_that_loops, next_out_of_range, head_out_of_range, available_index_jumps,
        indirect_inside_indirect, indirect_that_loops;
    Split ToGuest: head_out_of_range_to_guest, chain_that_loops_to_guest, available_index_jumps_to_guest;
    Packed FromGuest: buffer_id_out_of_range, chain_longer_than_the_ring, chain_that_goes_on_unavailable,
        indirect_in_a_chain;
    Packed ToGuest: buffer_id_out_of_range_to_guest, chain_longer_than_the_ring_to_guest;
}

protocol_attacks! {
    ring_outside_memory,
    ring_across_the_end_of_memory,
    ring_misaligned,
    ring_size_not_a_power_of_two,
    ring_size_of_zero,
    ring_size_beyond_any_limit,
    ring_without_memory,
    kick_is_dev_null,
    kick_is_a_pipe,
    kick_is_a_regular_file,
    message_smaller_than_its_request,
    message_larger_than_the_protocol,
    message_of_an_unknown_request,
    region_in_a_file_too_small,
    region_not_shared,
    region_not_a_file,
    region_of_no_length,
    region_that_wraps,
    regions_that_overlap,
    too_many_regions,
    region_without_a_file,
}
