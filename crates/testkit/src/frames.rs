//! Ethernet test frames that carry the proof of their own integrity.
//!
//! A frame that went through a switch is believed only if it says who sent it, which frame of that sender it is, how long
//! it was, and if every further byte is the one that belongs at its place in that very frame:
//!
//! ```text
//!  0          6          12        14 (18 with a tag)
//! +----------+----------+---------+-------+--------+----------+--------+---------------------------+
//! | dst      | src      | type    | magic | stream | sequence | length | pattern(stream, sequence) |
//! | 6        | 6        | 2 (+4)  | 4     | 4      | 8        | 4      | to the end of the frame   |
//! +----------+----------+---------+-------+--------+----------+--------+---------------------------+
//! ```
//!
//! Invariant: [`check`] accepts exactly what [`Builder::write`] wrote; a flipped, moved, repeated or missing byte is an
//! error that says where.

/// A station's address.
pub type Mac = [u8; 6];

/// Everybody.
pub const BROADCAST: Mac = [0xff; 6];
/// The shortest frame an Ethernet carries, without its check sequence.
pub const MIN_FRAME: usize = 60;
/// The longest frame a guest may hand over: 64 KiB and an Ethernet header, for segmentation offload.
pub const MAX_FRAME: usize = 65_535 + ETHERNET_HEADER;
/// Bytes in front of the payload of an untagged frame.
pub const ETHERNET_HEADER: usize = 14;
/// Bytes in front of the pattern: what [`check`] needs at least after the Ethernet header.
pub const PROOF: usize = 20;
/// Local experimental ethertype 1 (IEEE 802).
pub const TEST_ETHERTYPE: u16 = 0x88b5;

const VLAN_ETHERTYPE: u16 = 0x8100;
const TAG: usize = 4;
const MAGIC: u32 = 0x766d_7121;

/// A locally administered unicast address of station `number`.
pub const fn station(number: u32) -> Mac {
    let [a, b, c, d] = number.to_be_bytes();
    [0x02, 0x00, a, b, c, d]
}

/// What a test frame says, apart from its pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Builder {
    dst: Mac,
    src: Mac,
    tag: Option<u16>,
    ethertype: u16,
    stream: u32,
    len: usize,
}

impl Builder {
    /// An untagged frame of the shortest length with the test ethertype, of stream 0.
    pub const fn new(dst: Mac, src: Mac) -> Builder {
        Builder {
            dst,
            src,
            tag: None,
            ethertype: TEST_ETHERTYPE,
            stream: 0,
            len: MIN_FRAME,
        }
    }

    /// With an 802.1Q tag: VLAN identifier (12 bits) and priority (3 bits).
    pub const fn vlan(mut self, id: u16, priority: u8) -> Builder {
        self.tag = Some(((priority as u16) << 13) | (id & 0x0fff));
        self
    }

    /// With another ethertype.
    pub const fn ethertype(mut self, ethertype: u16) -> Builder {
        self.ethertype = ethertype;
        self
    }

    /// Belonging to another stream; sequence numbers count within a stream.
    pub const fn stream(mut self, stream: u32) -> Builder {
        self.stream = stream;
        self
    }

    /// With another length, everything counted from the destination address to the last byte.
    ///
    /// # Panics
    ///
    /// If the proof does not fit.
    pub const fn len(mut self, len: usize) -> Builder {
        let least = ETHERNET_HEADER + PROOF + if self.tag.is_some() { TAG } else { 0 };
        assert!(
            len >= least,
            "a test frame needs room for its headers and its proof"
        );
        self.len = len;
        self
    }

    /// Puts frame number `sequence` into `frame`, which keeps its allocation.
    pub fn write(&self, sequence: u64, frame: &mut Vec<u8>) {
        frame.clear();
        frame.extend_from_slice(&self.dst);
        frame.extend_from_slice(&self.src);
        if let Some(tag) = self.tag {
            frame.extend_from_slice(&VLAN_ETHERTYPE.to_be_bytes());
            frame.extend_from_slice(&tag.to_be_bytes());
        }
        frame.extend_from_slice(&self.ethertype.to_be_bytes());
        frame.extend_from_slice(&MAGIC.to_be_bytes());
        frame.extend_from_slice(&self.stream.to_be_bytes());
        frame.extend_from_slice(&sequence.to_be_bytes());
        frame.extend_from_slice(&(self.len as u32).to_be_bytes());
        let mut pattern = Pattern::new(self.stream, sequence);
        while frame.len() < self.len {
            let word = pattern.next().to_be_bytes();
            let room = (self.len - frame.len()).min(word.len());
            frame.extend_from_slice(&word[..room]);
        }
    }

    /// Frame number `sequence` in memory of its own.
    pub fn build(&self, sequence: u64) -> Vec<u8> {
        let mut frame = Vec::with_capacity(self.len);
        self.write(sequence, &mut frame);
        frame
    }
}

/// What an intact test frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Destination address.
    pub dst: Mac,
    /// Source address.
    pub src: Mac,
    /// The 802.1Q tag control information, if the frame has a tag.
    pub tag: Option<u16>,
    /// The (inner) ethertype.
    pub ethertype: u16,
    /// The sender's stream.
    pub stream: u32,
    /// Which frame of the stream this is.
    pub sequence: u64,
    /// Length of the whole frame.
    pub len: usize,
}

/// What is wrong with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// Too short to be a test frame at all.
    #[error("a frame of {0} bytes is too short to be a test frame")]
    Short(usize),
    /// Not one of ours, or its beginning was overwritten.
    #[error("the frame does not carry the test pattern's mark but {0:#010x}")]
    Mark(u32),
    /// Cut off or lengthened on the way.
    #[error("the frame was sent with {sent} bytes and arrived with {arrived}")]
    Length {
        /// What the sender wrote into the frame.
        sent: usize,
        /// What arrived.
        arrived: usize,
    },
    /// A byte is not the one that belongs here.
    #[error("byte {offset} of the frame is {found:#04x} instead of {expected:#04x}")]
    Byte {
        /// Offset in the frame.
        offset: usize,
        /// What belongs here.
        expected: u8,
        /// What is here.
        found: u8,
    },
}

/// Reads a test frame and proves that each of its bytes is in its place.
pub fn check(frame: &[u8]) -> Result<Facts, FrameError> {
    let short = FrameError::Short(frame.len());
    let mut rest = Rest(frame);
    let dst = rest.take().ok_or(short)?;
    let src = rest.take().ok_or(short)?;
    let mut ethertype = u16::from_be_bytes(rest.take().ok_or(short)?);
    let mut tag = None;
    if ethertype == VLAN_ETHERTYPE {
        tag = Some(u16::from_be_bytes(rest.take().ok_or(short)?));
        ethertype = u16::from_be_bytes(rest.take().ok_or(short)?);
    }
    let mark = u32::from_be_bytes(rest.take().ok_or(short)?);
    if mark != MAGIC {
        return Err(FrameError::Mark(mark));
    }
    let stream = u32::from_be_bytes(rest.take().ok_or(short)?);
    let sequence = u64::from_be_bytes(rest.take().ok_or(short)?);
    let sent = u32::from_be_bytes(rest.take().ok_or(short)?) as usize;
    if sent != frame.len() {
        return Err(FrameError::Length {
            sent,
            arrived: frame.len(),
        });
    }
    let mut offset = frame.len() - rest.0.len();
    let mut pattern = Pattern::new(stream, sequence);
    for piece in rest.0.chunks(8) {
        let word = pattern.next().to_be_bytes();
        if *piece != word[..piece.len()] {
            let at = piece
                .iter()
                .zip(word)
                .position(|(found, expected)| *found != expected);
            let at = at.expect("unequal slices of one length differ somewhere");
            return Err(FrameError::Byte {
                offset: offset + at,
                expected: word[at],
                found: piece[at],
            });
        }
        offset += piece.len();
    }
    Ok(Facts {
        dst,
        src,
        tag,
        ethertype,
        stream,
        sequence,
        len: frame.len(),
    })
}

/// What arrived of one stream: the check over many frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Arrivals {
    /// Frames seen.
    pub frames: u64,
    /// Numbers that were jumped over so far and have not come late.
    pub missing: u64,
    /// Frames that came after one with a higher number: late or twice.
    pub disordered: u64,
    next: u64,
}

impl Arrivals {
    /// Takes note of the next frame of the stream.
    pub fn saw(&mut self, sequence: u64) {
        self.frames += 1;
        if sequence >= self.next {
            self.missing += sequence - self.next;
            self.next = sequence + 1;
        } else {
            self.disordered += 1;
        }
    }

    /// Whether exactly the frames 0 to `count` - 1 came, once each and in order.
    pub fn are_complete(&self, count: u64) -> bool {
        *self
            == Arrivals {
                frames: count,
                missing: 0,
                disordered: 0,
                next: count,
            }
    }
}

/// A pseudo-random word per 8 bytes (splitmix64): a repeated or moved piece never fits.
struct Pattern(u64);

impl Pattern {
    fn new(stream: u32, sequence: u64) -> Pattern {
        Pattern(sequence.rotate_left(32) ^ (u64::from(stream) << 17) ^ 0x5851_f42d_4c95_7f2d)
    }

    #[inline]
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, tail) = self.0.split_first_chunk()?;
        self.0 = tail;
        Some(*head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn builder() -> Builder {
        Builder::new(station(1), station(2)).stream(7)
    }

    #[test]
    fn a_frame_says_what_was_built_into_it() {
        for len in [MIN_FRAME, 61, 64, 1514, 9014, MAX_FRAME] {
            let frame = builder().vlan(5, 3).len(len).build(0x1_0000_0001);
            let facts = check(&frame).expect("intact");
            assert_eq!(facts.len, len);
            assert_eq!((facts.dst, facts.src), (station(1), station(2)));
            assert_eq!(facts.tag, Some(0x6005));
            assert_eq!((facts.ethertype, facts.stream), (TEST_ETHERTYPE, 7));
            assert_eq!(facts.sequence, 0x1_0000_0001);
        }
        let plain = builder().ethertype(0x0800).build(3);
        assert_eq!(plain.len(), MIN_FRAME);
        assert_eq!(plain[12..14], [0x08, 0x00]);
        assert_eq!(check(&plain).expect("intact").tag, None);
    }

    #[test]
    fn any_changed_byte_after_the_addresses_is_noticed() {
        let frame = builder().len(200).build(9);
        let facts = check(&frame).expect("intact");
        for at in 0..frame.len() {
            let mut changed = frame.clone();
            changed[at] ^= 0x10;
            assert_ne!(check(&changed), Ok(facts), "byte {at}");
            if at >= ETHERNET_HEADER {
                assert!(check(&changed).is_err(), "byte {at}");
            }
        }
    }

    #[test]
    fn a_cut_a_lengthened_and_a_foreign_frame_are_refused() {
        let mut frame = builder().len(100).build(0);
        assert_eq!(
            check(&frame[..99]),
            Err(FrameError::Length {
                sent: 100,
                arrived: 99
            })
        );
        assert_eq!(check(&frame[..20]), Err(FrameError::Short(20)));
        frame.push(0);
        assert_eq!(
            check(&frame),
            Err(FrameError::Length {
                sent: 100,
                arrived: 101
            })
        );
        assert_eq!(check(&[0; 64]), Err(FrameError::Mark(0)));
    }

    #[test]
    fn pieces_in_the_wrong_order_are_located() {
        let mut frame = builder().len(34 + 64).build(0);
        let (front, back) = frame[34..].split_at_mut(32);
        front.swap_with_slice(back);
        assert!(matches!(
            check(&frame),
            Err(FrameError::Byte { offset: 34, .. })
        ));
    }

    #[test]
    fn two_frames_of_a_stream_share_no_piece_of_pattern() {
        let (a, b) = (builder().len(1514).build(0), builder().len(1514).build(1));
        let words = |frame: &[u8]| -> Vec<[u8; 8]> {
            frame[34..]
                .windows(8)
                .map(|w| w.try_into().expect("eight"))
                .collect()
        };
        let first: std::collections::HashSet<_> = words(&a).into_iter().collect();
        assert_eq!(first.len(), words(&a).len());
        assert!(words(&b).iter().all(|word| !first.contains(word)));
    }

    #[test]
    fn arrivals_tell_loss_from_disorder() {
        let mut arrivals = Arrivals::default();
        (0..5).for_each(|sequence| arrivals.saw(sequence));
        assert!(arrivals.are_complete(5));
        arrivals.saw(7);
        assert_eq!((arrivals.missing, arrivals.disordered), (2, 0));
        arrivals.saw(7);
        assert_eq!((arrivals.missing, arrivals.disordered), (2, 1));
        assert!(!arrivals.are_complete(7));
    }
}
