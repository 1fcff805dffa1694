//! Capture files: reading frames from pcap and pcapng, writing pcapng.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::Path;
use std::time::SystemTime;

use pcap_file::pcap::PcapReader;
use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketBlock;
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::pcapng::{Block, PcapNgReader, PcapNgWriter};
use pcap_file::{DataLink, PcapError};
use testkit::frames::MAX_FRAME;

/// The first four bytes of a pcapng file, in either byte order.
const PCAPNG_MAGIC: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];
/// Timestamps count units of 10^-9 seconds.
const NANOSECONDS: u8 = 9;

/// Why a capture cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum CaptureError {
    #[error(transparent)]
    File(#[from] io::Error),
    #[error("it is no whole pcap or pcapng file: {0}")]
    Format(#[from] PcapError),
    #[error("frame {frame} is not of Ethernet but of link type {link:?}")]
    Link { frame: u64, link: DataLink },
    #[error("frame {frame} has {len} bytes, and a guest can send at most {MAX_FRAME}")]
    TooLong { frame: u64, len: usize },
    #[error("there is no frame in it")]
    Empty,
}

/// Gives each frame of the file at `path` to `take`, in order, and their number.
pub(super) fn each_frame<E: From<CaptureError>>(
    path: &Path,
    mut take: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<u64, E> {
    let mut frames = 0;
    read(path, |link, bytes| {
        let frame = frames + 1;
        let problem = match bytes.len() {
            _ if link != DataLink::ETHERNET => CaptureError::Link { frame, link },
            len if len > MAX_FRAME => CaptureError::TooLong { frame, len },
            _ => {
                frames = frame;
                return take(bytes);
            }
        };
        Err(problem.into())
    })?;
    if frames == 0 {
        Err(CaptureError::Empty.into())
    } else {
        Ok(frames)
    }
}

fn read<E: From<CaptureError>>(
    path: &Path,
    mut take: impl FnMut(DataLink, &[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let failed = |error: io::Error| E::from(error.into());
    let malformed = |error: PcapError| E::from(error.into());
    let mut file = BufReader::new(File::open(path).map_err(failed)?);
    let mut magic = [0; 4];
    let is_pcapng = file.read_exact(&mut magic).is_ok() && magic == PCAPNG_MAGIC;
    file.rewind().map_err(failed)?;
    if !is_pcapng {
        let mut reader = PcapReader::new(file).map_err(malformed)?;
        let link = reader.header().datalink;
        while let Some(packet) = reader.next_packet() {
            take(link, &packet.map_err(malformed)?.data)?;
        }
        return Ok(());
    }
    let mut reader = PcapNgReader::new(file).map_err(malformed)?;
    // The links of the section at hand: a packet names its interface by number.
    let mut links = Vec::new();
    while let Some(block) = reader.next_block() {
        let link_of = |id: u32| {
            links
                .get(id as usize)
                .copied()
                .ok_or_else(|| malformed(PcapError::InvalidInterfaceId(id)))
        };
        match block.map_err(malformed)? {
            Block::SectionHeader(_) => links.clear(),
            Block::InterfaceDescription(interface) => links.push(interface.linktype),
            Block::EnhancedPacket(packet) => take(link_of(packet.interface_id)?, &packet.data)?,
            Block::Packet(packet) => take(link_of(packet.interface_id.into())?, &packet.data)?,
            // Its length is only told by the frame's own, and the block is padded to four bytes.
            Block::SimplePacket(packet) => {
                let len = packet.data.len().min(packet.original_len as usize);
                take(link_of(0)?, &packet.data[..len])?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// A pcapng file of one Ethernet interface.
pub(super) struct Recording {
    writer: PcapNgWriter<BufWriter<File>>,
}

impl Recording {
    pub(super) fn create(path: &Path) -> Result<Self, CaptureError> {
        let mut writer = PcapNgWriter::new(BufWriter::new(File::create(path)?))?;
        writer.write_pcapng_block(InterfaceDescriptionBlock {
            linktype: DataLink::ETHERNET,
            snaplen: 0,
            options: vec![InterfaceDescriptionOption::IfTsResol(NANOSECONDS)],
        })?;
        Ok(Self { writer })
    }

    /// Adds a frame that arrives now.
    pub(super) fn add(&mut self, frame: &[u8]) -> Result<(), CaptureError> {
        self.writer.write_pcapng_block(EnhancedPacketBlock {
            interface_id: 0,
            timestamp: SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default(),
            original_len: u32::try_from(frame.len()).unwrap_or(u32::MAX),
            data: Cow::Borrowed(frame),
            options: Vec::new(),
        })?;
        Ok(())
    }

    /// Writes what is still on its way to the file.
    pub(super) fn finish(mut self) -> Result<(), CaptureError> {
        Ok(self.writer.get_mut().flush()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_back(path: &Path) -> Result<Vec<Vec<u8>>, CaptureError> {
        let mut frames = Vec::new();
        each_frame(path, |frame| {
            frames.push(frame.to_vec());
            Ok(())
        })
        .map(|_| frames)
    }

    #[test]
    fn what_is_written_can_be_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.pcapng");
        let frames = [vec![1; 60], vec![2; 61], vec![3; 9018]];
        let mut recording = Recording::create(&path).unwrap();
        frames
            .iter()
            .for_each(|frame| recording.add(frame).unwrap());
        recording.finish().unwrap();
        assert_eq!(read_back(&path).unwrap(), frames);
    }

    /// A pcap file as tcpdump writes it, in this machine's byte order, with microseconds.
    fn pcap(link: u32, frames: &[&[u8]]) -> Vec<u8> {
        let mut file = Vec::new();
        for word in [0xa1b2_c3d4, 0x0004_0002, 0, 0, 262_144, link] {
            file.extend(u32::to_ne_bytes(word));
        }
        for frame in frames {
            let len = frame.len() as u32;
            for word in [1_700_000_000, 5, len, len] {
                file.extend(u32::to_ne_bytes(word));
            }
            file.extend_from_slice(frame);
        }
        file
    }

    #[test]
    fn the_older_format_is_read_too() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.pcap");
        std::fs::write(&path, pcap(1, &[&[7; 60], &[8; 1514]])).unwrap();
        assert_eq!(read_back(&path).unwrap(), [vec![7; 60], vec![8; 1514]]);
    }

    #[test]
    fn what_cannot_be_replayed_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let refused = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            read_back(&path).unwrap_err()
        };
        assert!(matches!(refused(b""), CaptureError::Format(_)));
        assert!(matches!(
            refused(b"hello, this is no capture file"),
            CaptureError::Format(_)
        ));
        assert!(matches!(
            refused(&pcap(113, &[&[7; 60]])),
            CaptureError::Link { frame: 1, .. }
        ));
        assert!(matches!(refused(&pcap(1, &[])), CaptureError::Empty));
        assert!(matches!(
            refused(&pcap(1, &[&[7; 60], &[0; 70_000]])),
            CaptureError::TooLong {
                frame: 2,
                len: 70_000
            }
        ));
        let cut = pcap(1, &[&[7; 60]]);
        assert!(matches!(
            refused(&cut[..cut.len() - 1]),
            CaptureError::Format(_)
        ));
    }
}
