//! A device that does nothing fast and believes nothing: every rule it knows is an error with a sentence.
//!
//! It is the judge of the driver: whatever a well-behaved guest does must pass, whatever an attack does must not.

use std::sync::Arc;

use shmem::GuestMemory;
use testkit::frames::MAX_FRAME;
use testkit::guest::Ram;
use testkit::net_header::{NET_HEADER, NetHeader};
use testkit::ring::{Areas, Buf, DriverRing};

use crate::naive_packed::NaivePacked;
use crate::naive_split::NaiveSplit;

/// The device side of one ring of either format.
pub(crate) struct NaiveRing {
    memory: Arc<GuestMemory>,
    format: Format,
}

enum Format {
    Split(NaiveSplit),
    Packed(NaivePacked),
}

/// A chain as the device found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chain {
    pub(crate) head: u16,
    pub(crate) readable: Vec<Buf>,
    pub(crate) writable: Vec<Buf>,
    pub(crate) is_indirect: bool,
}

impl Chain {
    pub(crate) fn room(&self) -> u32 {
        self.writable.iter().map(|buf| buf.len).sum()
    }
}

macro_rules! either {
    ($self:ident, $ring:ident => $does:expr) => {
        match &mut $self.format {
            Format::Split($ring) => $does,
            Format::Packed($ring) => $does,
        }
    };
}

impl NaiveRing {
    /// The device of a ring whose guest is in this process.
    pub(crate) fn of(ram: &Ram, ring: &DriverRing, event_idx: bool) -> NaiveRing {
        let packed = matches!(ring, DriverRing::Packed(_));
        NaiveRing::new(ram.memory(), ring.areas(), ring.size(), packed, event_idx)
    }

    pub(crate) fn new(
        memory: &Arc<GuestMemory>,
        areas: Areas,
        size: u16,
        packed: bool,
        event_idx: bool,
    ) -> NaiveRing {
        NaiveRing {
            memory: Arc::clone(memory),
            format: if packed {
                Format::Packed(NaivePacked::new(memory, areas, size, event_idx))
            } else {
                Format::Split(NaiveSplit::new(memory, areas, size, event_idx))
            },
        }
    }

    /// Takes the next chain, or says which rule it breaks.
    pub(crate) fn next(&mut self) -> Result<Option<Chain>, String> {
        either!(self, ring => ring.next())
    }

    /// Whether something is there to be taken.
    pub(crate) fn has_pending(&mut self) -> bool {
        either!(self, ring => ring.has_pending())
    }

    /// Where the ring stands.
    pub(crate) fn base(&mut self) -> u32 {
        either!(self, ring => ring.base())
    }

    /// Goes on where a device before this one stopped.
    pub(crate) fn resume(&mut self, base: u32) {
        either!(self, ring => ring.resume(base));
    }

    /// Uses chains and publishes them together.
    pub(crate) fn complete(&mut self, entries: &[(u32, u32)]) {
        either!(self, ring => ring.complete(entries));
    }

    /// Whether the guest wants a call for what was completed since this was last asked.
    pub(crate) fn needs_call(&mut self) -> bool {
        either!(self, ring => ring.needs_call())
    }

    /// Asks for a kick at the next chain.
    pub(crate) fn arm(&mut self) {
        either!(self, ring => ring.arm());
    }

    /// Asks for no kicks.
    pub(crate) fn disarm(&mut self) {
        either!(self, ring => ring.disarm());
    }

    /// The bytes of a buffer.
    pub(crate) fn bytes(&self, buf: Buf) -> Result<Vec<u8>, String> {
        bytes(&self.memory, buf)
    }

    /// Writes the beginning of the chain's writable buffers.
    pub(crate) fn scatter(&self, chain: &Chain, mut bytes: &[u8]) {
        assert!(bytes.len() <= chain.room() as usize);
        for buf in &chain.writable {
            let (now, later) = bytes.split_at(bytes.len().min(buf.len as usize));
            assert_eq!(
                self.memory
                    .window(buf.gpa, buf.len)
                    .expect("judged before")
                    .write(now),
                now.len()
            );
            bytes = later;
        }
    }

    /// Takes a frame from a from-guest ring and uses its chain.
    pub(crate) fn take_frame(&mut self) -> Result<Option<(NetHeader, Vec<u8>)>, String> {
        let Some(chain) = self.next()? else {
            return Ok(None);
        };
        if !chain.writable.is_empty() {
            return Err("a buffer from the guest is writable".to_string());
        }
        let mut bytes = vec![];
        for buf in &chain.readable {
            bytes.extend(self.bytes(*buf)?);
        }
        self.complete(&[(u32::from(chain.head), 0)]);
        if bytes.len() < NET_HEADER {
            return Err(format!(
                "a chain of {} bytes is too short for the header",
                bytes.len()
            ));
        }
        let frame = bytes.split_off(NET_HEADER);
        if frame.is_empty() || frame.len() > MAX_FRAME {
            return Err(format!("a frame of {} bytes is none", frame.len()));
        }
        Ok(Some((
            NetHeader::from_bytes(bytes.try_into().expect("twelve")),
            frame,
        )))
    }

    /// Puts a frame into a to-guest ring: into one chain, or into as many as it takes. False: not enough chains.
    pub(crate) fn give_frame(&mut self, frame: &[u8], mergeable: bool) -> Result<bool, String> {
        let mut bytes = vec![0; NET_HEADER];
        bytes.extend_from_slice(frame);
        let mut chains = vec![];
        let mut room = 0;
        while room < bytes.len() {
            let Some(chain) = self.next()? else {
                either!(self, ring => ring.untake(&chains));
                return Ok(false);
            };
            if !chain.readable.is_empty() {
                return Err("a buffer to the guest is read-only".to_string());
            }
            room += chain.room() as usize;
            chains.push(chain);
        }
        assert!(
            mergeable || chains.len() == 1,
            "the test's frame does not fit the guest's buffers"
        );
        bytes[10..12].copy_from_slice(&(chains.len() as u16).to_le_bytes());
        let mut rest = &bytes[..];
        let mut entries = vec![];
        for chain in &chains {
            let (now, later) = rest.split_at(rest.len().min(chain.room() as usize));
            self.scatter(chain, now);
            entries.push((u32::from(chain.head), now.len() as u32));
            rest = later;
        }
        self.complete(&entries);
        Ok(true)
    }
}

pub(crate) fn bytes(memory: &GuestMemory, buf: Buf) -> Result<Vec<u8>, String> {
    let window = memory
        .window(buf.gpa, buf.len)
        .map_err(|_| "a table lies outside memory".to_string())?;
    let mut bytes = vec![0; buf.len as usize];
    assert_eq!(window.read(&mut bytes), bytes.len());
    Ok(bytes)
}
