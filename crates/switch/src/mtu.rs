//! How large a frame may be that goes to a port or comes from it.
//!
//! An MTU counts what stands behind the Ethernet header and the VLAN tags. The limit is kept as the length
//! of the largest untagged frame, so that a worker looks no further than at a frame's length unless that
//! is exceeded.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use nbl::Nbl;

use crate::ethernet::{self, HEADER};
use crate::offload::Offload;

/// A port's MTU: the smaller of what the administrator configured and what the VMM told.
#[derive(Debug)]
pub(crate) struct Mtu {
    configured: AtomicU32,
    told: AtomicU32,
    /// The smaller of both. Control alone writes, one change at a time.
    limit: AtomicU32,
}

/// What a port's MTU comes to, read once a burst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit(u32);

impl Mtu {
    pub(crate) fn new(configured: Option<u16>) -> Self {
        Self {
            configured: AtomicU32::new(Limit::of(configured).0),
            told: AtomicU32::new(Limit::of(None).0),
            limit: AtomicU32::new(Limit::of(configured).0),
        }
    }

    /// Notes what the administrator wants from now on.
    pub(crate) fn configure(&self, mtu: Option<u16>) {
        self.configured.store(Limit::of(mtu).0, Relaxed);
        self.settle();
    }

    /// Notes what the VMM tells its guest.
    pub(crate) fn tell(&self, told: u16) {
        self.told.store(Limit::of(Some(told)).0, Relaxed);
        self.settle();
    }

    fn settle(&self) {
        let [configured, told] = [&self.configured, &self.told].map(|limit| limit.load(Relaxed));
        self.limit.store(configured.min(told), Relaxed);
    }

    pub(crate) fn effective(&self) -> Option<u16> {
        let Limit(frame) = self.limit();
        u16::try_from(frame - HEADER as u32).ok()
    }

    #[inline]
    pub(crate) fn limit(&self) -> Limit {
        Limit(self.limit.load(Relaxed))
    }
}

impl Limit {
    /// For frames of any size.
    pub(crate) fn none() -> Self {
        Self::of(None)
    }

    fn of(mtu: Option<u16>) -> Self {
        Self(mtu.map_or(u32::MAX, |mtu| u32::from(mtu) + HEADER as u32))
    }

    /// Whether any frame may pass.
    #[inline]
    pub(crate) fn is_none(self) -> bool {
        self.0 == u32::MAX
    }

    /// Whether the frame is larger than may pass. One that is to be cut into smaller ones is not.
    #[inline]
    pub(crate) fn is_exceeded_by(self, frame: Nbl<'_>) -> bool {
        frame.data_len() > self.0
            && exceeds(self.0, frame.data_len(), frame.lookahead())
            && Offload::of(frame).is_none_or(|work| work.cutting.is_none())
    }
}

/// Whether the tags do not make up for the length of a frame that is too large for an untagged one.
#[cold]
fn exceeds(largest_untagged: u32, len: u32, lookahead: &[u8]) -> bool {
    ethernet::payload(lookahead).is_none_or(|(_, behind)| {
        let tags = lookahead.len() - behind.len() - HEADER;
        len > largest_untagged.saturating_add(tags as u32)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smaller_of_configured_and_told_counts() {
        let mtu = Mtu::new(Some(1500));
        assert_eq!(mtu.effective(), Some(1500));
        mtu.tell(9000);
        assert_eq!(mtu.effective(), Some(1500));
        mtu.tell(1400);
        assert_eq!(mtu.effective(), Some(1400));
        mtu.tell(1450);
        assert_eq!(mtu.effective(), Some(1450));
        mtu.configure(Some(1300));
        assert_eq!(mtu.effective(), Some(1300));
        mtu.configure(None);
        assert_eq!(mtu.effective(), Some(1450));
        let unlimited = Mtu::new(None);
        assert_eq!(unlimited.effective(), None);
        assert!(unlimited.limit().is_none());
        unlimited.tell(65_535);
        assert_eq!(unlimited.effective(), Some(65_535));
    }

    #[test]
    fn tags_are_no_part_of_what_is_bounded() {
        let Limit(largest) = Limit::of(Some(1500));
        let tagged = |tags: &[[u8; 4]]| {
            let mut frame = vec![2; 12];
            frame.extend(tags.concat());
            frame.extend([8, 0, 0x45, 0]);
            frame
        };
        for tags in [
            &[][..],
            &[[0x81, 0, 0, 5]],
            &[[0x88, 0xa8, 0, 5], [0x81, 0, 0, 6]],
        ] {
            let (frame, largest_so) = (tagged(tags), 1514 + 4 * tags.len() as u32);
            assert!(!exceeds(largest, largest_so, &frame), "{tags:?}");
            assert!(exceeds(largest, largest_so + 1, &frame), "{tags:?}");
        }
        // Nothing but tags, as far as is known.
        assert!(exceeds(
            largest,
            1600,
            &tagged(&[[0x81, 0, 0, 5]; 30])[..128]
        ));
    }
}
