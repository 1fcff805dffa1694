//! Attacks through the protocol: what a VMM can say over the socket.
//!
//! Each spoils the first message in question, which is the to-guest ring's where there is one for each ring.
//!
//! Invariant: an attack changes one message of the script and nothing else.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use vhost::vhost_user::message::FrontendReq;

use crate::frontend::{Message, Script, TableRegion, memory_table};
use crate::guest::Ram;

/// Offsets in the body of SET_VRING_ADDR: after index and flags.
const DESCRIPTORS: usize = 8;
/// Offset of the number in the body of SET_VRING_NUM.
const NUMBER: usize = 4;

/// A descriptor table that lies nowhere in memory.
pub fn ring_outside_memory(script: &mut Script) {
    put_u64(address(script), DESCRIPTORS, 0x1000);
}

/// A descriptor table that begins in memory and ends outside.
pub fn ring_across_the_end_of_memory(script: &mut Script) {
    let len = memory_len(script);
    put_u64(address(script), DESCRIPTORS, Ram::UVA + len - 16);
}

/// A descriptor table that is not aligned to 16 bytes (virtio 1.2, 2.7).
pub fn ring_misaligned(script: &mut Script) {
    let message = address(script);
    let at: [u8; 8] = message.body[DESCRIPTORS..DESCRIPTORS + 8]
        .try_into()
        .expect("eight bytes");
    put_u64(message, DESCRIPTORS, u64::from_ne_bytes(at) + 1);
}

/// A ring of 255 descriptors (virtio 1.2, 2.7: always a power of two).
pub fn ring_size_not_a_power_of_two(script: &mut Script) {
    put_u32(script.message(FrontendReq::SET_VRING_NUM, 0), NUMBER, 255);
}

/// A ring of no descriptors.
pub fn ring_size_of_zero(script: &mut Script) {
    put_u32(script.message(FrontendReq::SET_VRING_NUM, 0), NUMBER, 0);
}

/// A ring of more descriptors than 16 bits can count.
pub fn ring_size_beyond_any_limit(script: &mut Script) {
    put_u32(
        script.message(FrontendReq::SET_VRING_NUM, 0),
        NUMBER,
        1 << 20,
    );
}

/// Rings that are set up and started while no memory was ever shared.
pub fn ring_without_memory(script: &mut Script) {
    let table = u32::from(FrontendReq::SET_MEM_TABLE);
    script.messages.retain(|message| message.request != table);
}

/// A kick that is always ready and never counts.
pub fn kick_is_dev_null(script: &mut Script) {
    kick(
        script,
        File::open("/dev/null")
            .expect("every system has one")
            .into(),
    );
}

/// A kick that is a pipe with one byte in it and another size of reads.
pub fn kick_is_a_pipe(script: &mut Script) {
    let (reader, writer) = rustix::pipe::pipe().expect("a pipe");
    rustix::io::write(&writer, b"x").expect("an empty pipe takes a byte");
    kick(script, reader);
}

/// A kick that is a file, which cannot be waited for.
pub fn kick_is_a_regular_file(script: &mut Script) {
    kick(script, file(4096));
}

/// A message that is shorter than its request needs.
pub fn message_smaller_than_its_request(script: &mut Script) {
    script
        .message(FrontendReq::SET_VRING_ADDR, 0)
        .body
        .truncate(7);
}

/// A message that claims to be longer than any message of the protocol.
pub fn message_larger_than_the_protocol(script: &mut Script) {
    script.message(FrontendReq::SET_VRING_NUM, 0).claimed_size = Some(1 << 30);
}

/// A request that the protocol does not have.
pub fn message_of_an_unknown_request(script: &mut Script) {
    script.message(FrontendReq::SET_VRING_NUM, 0).request = 0x7fff_0000;
}

/// A region of memory whose file ends after a page.
pub fn region_in_a_file_too_small(script: &mut Script) {
    let len = memory_len(script);
    regions(script, &[(Ram::GPA, len, Ram::UVA, &file(4096))]);
}

/// A region of memory whose file may not be written, so that nothing can be shared in it.
pub fn region_not_shared(script: &mut Script) {
    let len = memory_len(script);
    let whole = file(len);
    let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&whole));
    let read_only: OwnedFd = File::open(path)
        .expect("a file of our own can be opened again")
        .into();
    regions(script, &[(Ram::GPA, len, Ram::UVA, &read_only)]);
}

/// A region of memory in a pipe.
pub fn region_not_a_file(script: &mut Script) {
    let len = memory_len(script);
    let (reader, _writer) = rustix::pipe::pipe().expect("a pipe");
    regions(script, &[(Ram::GPA, len, Ram::UVA, &reader)]);
}

/// A region of no bytes.
pub fn region_of_no_length(script: &mut Script) {
    regions(script, &[(Ram::GPA, 0, Ram::UVA, &file(4096))]);
}

/// A region that ends beyond the largest address.
pub fn region_that_wraps(script: &mut Script) {
    let len = memory_len(script);
    regions(script, &[(u64::MAX - 4095, len, Ram::UVA, &file(len))]);
}

/// Two regions of which the second begins in the middle of the first.
pub fn regions_that_overlap(script: &mut Script) {
    let len = memory_len(script);
    let file = file(len);
    let half = len / 2;
    regions(
        script,
        &[
            (Ram::GPA, len, Ram::UVA, &file),
            (Ram::GPA + half, len, Ram::UVA + half, &file),
        ],
    );
}

/// More regions than a message has room for files (vhost-user: at most 8 without memory slots).
pub fn too_many_regions(script: &mut Script) {
    let files: Vec<OwnedFd> = (0..100).map(|_| file(4096)).collect();
    let many: Vec<_> = files
        .iter()
        .zip(0u64..)
        .map(|(file, number)| {
            (
                Ram::GPA + number * 8192,
                4096,
                Ram::UVA + number * 8192,
                file,
            )
        })
        .collect();
    regions(script, &many);
}

/// A region without its file.
pub fn region_without_a_file(script: &mut Script) {
    script.message(FrontendReq::SET_MEM_TABLE, 0).fds.clear();
}

fn address(script: &mut Script) -> &mut Message {
    script.message(FrontendReq::SET_VRING_ADDR, 0)
}

fn put_u64(message: &mut Message, at: usize, value: u64) {
    message.body[at..at + 8].copy_from_slice(&value.to_ne_bytes());
}

fn put_u32(message: &mut Message, at: usize, value: u32) {
    message.body[at..at + 4].copy_from_slice(&value.to_ne_bytes());
}

/// The second double word of the table's first region.
fn memory_len(script: &mut Script) -> u64 {
    let body = &script.message(FrontendReq::SET_MEM_TABLE, 0).body;
    u64::from_ne_bytes(body[16..24].try_into().expect("eight bytes"))
}

fn regions(script: &mut Script, regions: &[(u64, u64, u64, &OwnedFd)]) {
    let regions: Vec<_> = regions
        .iter()
        .map(|(gpa, len, uva, file)| TableRegion {
            gpa: *gpa,
            len: *len,
            uva: *uva,
            offset: 0,
            file: file.as_fd(),
        })
        .collect();
    *script.message(FrontendReq::SET_MEM_TABLE, 0) =
        memory_table(&regions).expect("files of our own can be duplicated");
}

fn kick(script: &mut Script, file: OwnedFd) {
    script.message(FrontendReq::SET_VRING_KICK, 0).fds = vec![file];
}

fn file(len: u64) -> OwnedFd {
    let file = memfd_create("testkit-hostile", MemfdFlags::CLOEXEC).expect("a memory file");
    ftruncate(&file, len).expect("an empty file can grow");
    file
}
