//! Storm limits: how many frames a second a guest may send to many at once, whatever it sends to one.
//!
//! Each of them costs as much as the network has ports, so one lock a frame is nothing beside what it keeps away. All rings
//! of a port share the limits.

use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use vmq::Mac;

use super::bucket::Bucket;
use super::settings::StormLimits;
use crate::DropReason;

/// To whom a frame goes that goes to many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Crowd {
    Broadcast,
    Multicast,
    UnknownUnicast,
}

impl Crowd {
    /// That of a frame to `destination` which goes to more than one port.
    pub(crate) fn of(destination: Mac) -> Self {
        if destination.0 == [0xff; 6] {
            Self::Broadcast
        } else if destination.is_multicast() {
            Self::Multicast
        } else {
            Self::UnknownUnicast
        }
    }

    /// Why a frame is dropped that is one too many.
    pub(crate) fn reason(self) -> DropReason {
        match self {
            Self::Broadcast => DropReason::BroadcastStorm,
            Self::Multicast => DropReason::MulticastStorm,
            Self::UnknownUnicast => DropReason::UnknownUnicastStorm,
        }
    }
}

/// What is left of a port's limits.
#[derive(Debug)]
pub(crate) struct Storm {
    asked: StormLimits,
    broadcast: Option<Mutex<Bucket>>,
    multicast: Option<Mutex<Bucket>>,
    unknown_unicast: Option<Mutex<Bucket>>,
}

impl Storm {
    /// What `asked` comes to; `None` if it limits nothing. One that was asked the same before goes on as it stands.
    pub(crate) fn new(
        asked: StormLimits,
        before: Option<&Arc<Self>>,
        now: Instant,
    ) -> Option<Arc<Self>> {
        if asked == StormLimits::default() {
            return None;
        }
        if let Some(same) = before.filter(|before| before.asked == asked) {
            return Some(same.clone());
        }
        let bucket = |limit: Option<u32>| {
            limit.map(|limit| {
                // A limit of none is a bucket without room: nothing is ever in it, whatever comes.
                let rate = NonZeroU64::new(limit.into()).unwrap_or(NonZeroU64::MIN);
                Mutex::new(Bucket::new(rate, limit.into(), now))
            })
        };
        Some(Arc::new(Self {
            asked,
            broadcast: bucket(asked.broadcast),
            multicast: bucket(asked.multicast),
            unknown_unicast: bucket(asked.unknown_unicast),
        }))
    }

    /// Whether one more frame may go to the crowd now; then it counts.
    pub(crate) fn admits(&self, crowd: Crowd, now: Instant) -> bool {
        let bucket = match crowd {
            Crowd::Broadcast => &self.broadcast,
            Crowd::Multicast => &self.multicast,
            Crowd::UnknownUnicast => &self.unknown_unicast,
        };
        bucket.as_ref().is_none_or(|bucket| {
            // A bucket is whole whatever panicked.
            let mut bucket = bucket.lock().unwrap_or_else(PoisonError::into_inner);
            let is_admitted = bucket.left(now) > 0;
            bucket.take(now, is_admitted.into());
            is_admitted
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_frame_is_of_one_crowd() {
        assert_eq!(Crowd::of(Mac([0xff; 6])), Crowd::Broadcast);
        assert_eq!(Crowd::of(Mac([0x33, 0x33, 0, 0, 0, 1])), Crowd::Multicast);
        assert_eq!(Crowd::of(Mac([2, 0, 0, 0, 0, 1])), Crowd::UnknownUnicast);
    }

    #[test]
    fn each_crowd_has_a_limit_of_its_own_a_second() {
        let now = Instant::now();
        let asked = StormLimits {
            broadcast: Some(100),
            multicast: Some(0),
            unknown_unicast: None,
        };
        let storm = Storm::new(asked, None, now).unwrap();
        let of_64 = |storm: &Storm, crowd, now| {
            let admits = (0..64).filter(|_| storm.admits(crowd, now));
            admits.count()
        };
        assert_eq!(of_64(&storm, Crowd::UnknownUnicast, now), 64);
        assert_eq!(of_64(&storm, Crowd::Multicast, now), 0);
        let mut admitted = 0;
        for ms in 0..10_000 {
            let now = now + Duration::from_millis(ms);
            admitted += of_64(&storm, Crowd::Broadcast, now);
            assert_eq!(of_64(&storm, Crowd::Multicast, now), 0);
        }
        // As many as come in a second at once, and then one every ten milliseconds.
        assert_eq!(admitted, 100 + 999);
    }

    #[test]
    fn a_change_of_something_else_gives_no_new_burst() {
        let now = Instant::now();
        let asked = StormLimits {
            broadcast: Some(10),
            ..StormLimits::default()
        };
        let before = Storm::new(asked, None, now).unwrap();
        assert_eq!(
            (0..64)
                .filter(|_| before.admits(Crowd::Broadcast, now))
                .count(),
            10
        );
        let same = Storm::new(asked, Some(&before), now).unwrap();
        assert!(!same.admits(Crowd::Broadcast, now));
        assert!(Storm::new(StormLimits::default(), Some(&before), now).is_none());
    }
}
