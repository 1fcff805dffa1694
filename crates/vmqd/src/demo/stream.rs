//! A stream of bytes that both ends can make for themselves, so that the receiver can judge every byte.

/// A place in an endless pseudo-random stream.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    key: u64,
    position: u64,
}

impl Stream {
    /// The beginning of the stream that `key` names.
    pub(super) fn new(key: u64) -> Self {
        Self { key, position: 0 }
    }

    /// How many bytes have been filled or checked.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Writes the next bytes of the stream.
    pub(super) fn fill(&mut self, bytes: &mut [u8]) {
        self.each(bytes.len(), |range, word| {
            bytes[range].copy_from_slice(word)
        });
    }

    /// Compares with the next bytes of the stream and gives the number of those that differ.
    pub(super) fn check(&mut self, bytes: &[u8]) -> u64 {
        let mut altered = 0;
        self.each(bytes.len(), |range, word| {
            let found = &bytes[range];
            if found != word {
                altered += found.iter().zip(word).filter(|(a, b)| a != b).count() as u64;
            }
        });
        altered
    }

    /// Goes on by `len` bytes and gives, piece by piece, the range they take in those `len` and their
    /// value.
    fn each(&mut self, len: usize, mut piece: impl FnMut(std::ops::Range<usize>, &[u8])) {
        let mut at = 0;
        while at < len {
            let word = self.word(self.position / 8).to_le_bytes();
            let skip = (self.position % 8) as usize;
            let count = (8 - skip).min(len - at);
            piece(at..at + count, &word[skip..skip + count]);
            at += count;
            self.position += count as u64;
        }
    }

    /// SplitMix64's output function over a counter: any place can be had without those before it.
    fn word(&self, index: u64) -> u64 {
        let mut z = self
            .key
            .wrapping_add(index.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_the_same_however_it_is_cut() {
        let mut whole = [0; 1000];
        Stream::new(7).fill(&mut whole);
        let mut cut = Stream::new(7);
        let mut checker = Stream::new(7);
        let mut rest = &whole[..];
        for len in (1..).take(44) {
            let mut piece = vec![0; len.min(rest.len())];
            cut.fill(&mut piece);
            assert_eq!(piece, rest[..piece.len()], "piece of {len}");
            assert_eq!(checker.check(&piece), 0);
            rest = &rest[piece.len()..];
        }
        assert_eq!((cut.position(), checker.position()), (990, 990));
    }

    #[test]
    fn every_altered_byte_is_counted() {
        let mut bytes = [0; 100];
        Stream::new(1).fill(&mut bytes);
        for at in [0, 7, 8, 50, 99] {
            bytes[at] ^= 0x40;
        }
        assert_eq!(Stream::new(1).check(&bytes), 5);
    }

    #[test]
    fn streams_of_different_keys_differ() {
        let mut bytes = [0; 4096];
        Stream::new(1).fill(&mut bytes);
        assert!(Stream::new(2).check(&bytes) > 4000);
    }
}
