//! A request's buffers, and how the request ended.

use super::structure::Refusal;
use crate::status::NdisStatus;

/// What is done with an OID, and the buffer that goes with it.
#[derive(Debug)]
pub enum Information<'a> {
    /// `NdisRequestQueryInformation`: the answer is written here.
    Query(&'a mut [u8]),
    /// `NdisRequestSetInformation`: what is to be done.
    Set(&'a [u8]),
    /// `NdisRequestMethod`: what is to be done, and then the answer.
    Method(MethodBuffer<'a>),
}

impl<'a> Information<'a> {
    /// A method request: the first `input` bytes of the buffer are read, and the answer is written over the first `output`.
    /// Neither is more than the buffer has.
    pub fn method(buffer: &'a mut [u8], input: usize, output: usize) -> Information<'a> {
        Information::Method(MethodBuffer {
            input: input.min(buffer.len()),
            output: output.min(buffer.len()),
            buffer,
        })
    }
}

/// The buffer of a method request, see [`Information::method`].
#[derive(Debug)]
pub struct MethodBuffer<'a> {
    buffer: &'a mut [u8],
    input: usize,
    output: usize,
}

impl MethodBuffer<'_> {
    pub(super) fn input(&self) -> &[u8] {
        &self.buffer[..self.input]
    }

    /// Room for an answer of so many bytes.
    pub(super) fn room(&mut self, bytes: usize) -> Result<&mut [u8], Refusal> {
        room(&mut self.buffer[..self.output], bytes)
    }
}

/// The first bytes of a buffer, if it has so many.
pub(super) fn room(buffer: &mut [u8], bytes: usize) -> Result<&mut [u8], Refusal> {
    buffer.get_mut(..bytes).ok_or(Refusal::too_short(bytes))
}

/// A request that was done, or begun.
#[derive(Clone, Copy, Debug)]
pub(super) struct Done {
    pub(super) status: NdisStatus,
    /// Bytes.
    pub(super) read: usize,
    pub(super) written: usize,
}

impl Done {
    pub(super) fn reading(read: usize) -> Done {
        Done {
            status: NdisStatus::SUCCESS,
            read,
            written: 0,
        }
    }

    pub(super) fn writing(self, written: usize) -> Done {
        Done { written, ..self }
    }
}

/// How a request ended, or that it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The request's status; PENDING if it ends later.
    pub status: NdisStatus,
    /// Bytes of the buffer that were read.
    pub bytes_read: u32,
    /// Bytes of the answer.
    pub bytes_written: u32,
    /// After INVALID_LENGTH: bytes that the buffer would have to have (C6).
    pub bytes_needed: u32,
}

impl Completion {
    pub(super) fn of(result: Result<Done, Refusal>) -> Completion {
        let count = |bytes| u32::try_from(bytes).unwrap_or(u32::MAX);
        match result {
            Ok(done) => Completion {
                status: done.status,
                bytes_read: count(done.read),
                bytes_written: count(done.written),
                bytes_needed: 0,
            },
            Err(refusal) => Completion {
                status: refusal.status,
                bytes_read: 0,
                bytes_written: 0,
                bytes_needed: count(refusal.needed),
            },
        }
    }
}
