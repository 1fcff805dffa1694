//! What happens in a switch, told to whoever listens.
//!
//! There is one log of a fixed length, whoever reads it and however slowly: who falls behind by more than that is told how
//! many events it missed. Only control writes to it, workers never do.
//!
//! ```text
//!  control ── note ──▶ | 17 | 18 | 19 | ... | 4112 |      the oldest is overwritten
//!                            ▲              ▲
//!                        a reader       another, which is up to date and sleeps
//! ```

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant, SystemTime};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vmq::Mac;

/// Events that are kept for those who read late.
const KEPT: usize = 4096;

/// Wakers that are kept at most.
const MOST_WAKERS: usize = 64;

/// Something that happened. Networks and ports have their names, VLAN 0 is "untagged".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// A network was added.
    NetworkAdded {
        /// Which.
        network: String,
    },
    /// A network's policy was changed.
    NetworkChanged {
        /// Which.
        network: String,
    },
    /// A network was removed.
    NetworkRemoved {
        /// Which.
        network: String,
    },
    /// A port was added.
    PortAdded {
        /// Which.
        port: String,
        /// Where.
        network: String,
    },
    /// A port's settings were changed.
    PortChanged {
        /// Which.
        port: String,
    },
    /// A port was removed.
    PortRemoved {
        /// Which.
        port: String,
        /// Where it was.
        network: String,
    },
    /// A frontend came to a port.
    PortConnected {
        /// Which.
        port: String,
    },
    /// Both rings of one of a port's queue pairs run: frames can pass.
    PortUp {
        /// Which.
        port: String,
    },
    /// No queue pair of a port runs any more, but its frontend is still there.
    PortDown {
        /// Which.
        port: String,
    },
    /// A port's frontend is gone.
    PortClosed {
        /// Which.
        port: String,
        /// Why, if it was the switch that ended the connection.
        reason: Option<String>,
    },
    /// `NDIS_STATUS_RECEIVE_QUEUE_STATE`: a port's receive queue has come to a state.
    QueueState {
        /// Where.
        network: String,
        /// Whose.
        port: String,
        /// Its id.
        queue: u16,
        /// The state, such as `DmaStopped`.
        state: String,
    },
    /// An address was learnt from what a machine sent.
    AddressLearned {
        /// Where.
        network: String,
        /// Behind which port.
        port: String,
        /// In which VLAN.
        vlan: u16,
        /// Which.
        mac: Mac,
    },
    /// A learnt address was seen at another port, and frames to it go there now.
    AddressMoved {
        /// Where.
        network: String,
        /// In which VLAN.
        vlan: u16,
        /// Which.
        mac: Mac,
        /// The port it was at.
        from: String,
        /// The port it is at.
        to: String,
    },
    /// A learnt address moves to and fro: two machines use it, or there is a loop. Told instead of further moves, each time
    /// that their number has doubled.
    AddressFlapping {
        /// Where.
        network: String,
        /// In which VLAN.
        vlan: u16,
        /// Which.
        mac: Mac,
        /// The port it was at.
        from: String,
        /// The port it is at.
        to: String,
        /// How often it has moved, never a minute apart.
        moves: u32,
    },
    /// Learnt addresses were forgotten, for nothing came from them for long.
    AddressesAged {
        /// Where.
        network: String,
        /// How many.
        addresses: usize,
    },
    /// An address was configured for a port.
    FilterSet {
        /// Which port.
        port: String,
        /// Which address.
        mac: Mac,
        /// NDIS id of the filter.
        filter: u16,
    },
    /// An address is configured for a port no more.
    FilterCleared {
        /// Which port.
        port: String,
        /// Which address.
        mac: Mac,
        /// NDIS id that the filter had.
        filter: u16,
    },
}

/// An event and when it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occurrence {
    /// Its number: the first is 1, and none is left out.
    pub number: u64,
    /// When.
    pub time: SystemTime,
    /// What.
    pub event: Event,
}

/// What a reader finds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// How many events were overwritten before they were read.
    pub missed: u64,
    /// The events that are still there, oldest first.
    pub events: Vec<Occurrence>,
}

impl News {
    /// Whether nothing has happened.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.missed == 0 && self.events.is_empty()
    }
}

/// A reader of a switch's events. Copies read for themselves, from where the one that was copied stood.
#[derive(Clone, Debug)]
pub struct Events {
    log: Arc<EventLog>,
    last: u64,
}

impl Events {
    /// Goes on behind event number `last`; 0 is from the oldest that is kept on. A number that is not yet is as the last.
    pub fn resume_after(&mut self, last: u64) {
        self.last = last.min(self.log.lock().last);
    }

    /// What has happened since the last call, at most `most` events of it. Waits for nothing.
    pub fn take(&mut self, most: usize) -> News {
        let news = self.log.lock().since(self.last, most);
        self.last += news.missed + news.events.len() as u64;
        news
    }

    /// As [`Events::take`], for a task: pending until something happens, and then its waker is called.
    pub fn poll(&mut self, most: usize, context: &mut Context<'_>) -> Poll<News> {
        let mut kept = self.log.lock();
        if kept.last <= self.last {
            kept.wake_later(context.waker());
            return Poll::Pending;
        }
        drop(kept);
        Poll::Ready(self.take(most))
    }

    /// As [`Events::take`], but waits for something to happen, at most `timeout`.
    pub fn wait(&mut self, most: usize, timeout: Duration) -> News {
        let end = Instant::now() + timeout;
        let mut kept = self.log.lock();
        while kept.last <= self.last {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let woken = self.log.is_more.wait_timeout(kept, left);
            kept = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(kept);
        self.take(most)
    }
}

/// The last events of a switch.
#[derive(Debug, Default)]
pub(crate) struct EventLog {
    kept: Mutex<Kept>,
    is_more: Condvar,
}

#[derive(Debug, Default)]
struct Kept {
    events: VecDeque<(SystemTime, Event)>,
    /// Number of the last of them, or 0.
    last: u64,
    /// Tasks that wait for the next.
    wakers: Vec<Waker>,
}

impl EventLog {
    pub(crate) fn note(&self, event: Event) {
        let mut kept = self.lock();
        if kept.events.len() == KEPT {
            kept.events.pop_front();
        }
        kept.events.push_back((SystemTime::now(), event));
        kept.last += 1;
        let wakers = std::mem::take(&mut kept.wakers);
        drop(kept);
        self.is_more.notify_all();
        wakers.into_iter().for_each(Waker::wake);
    }

    /// A reader of what happens from now on.
    pub(crate) fn reader(self: &Arc<Self>) -> Events {
        Events {
            log: self.clone(),
            last: self.lock().last,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn wake_later(&mut self, waker: &Waker) {
        if self.wakers.iter().any(|known| known.will_wake(waker)) {
            return;
        }
        // Some may be of tasks that are gone. Those that are not come again.
        if self.wakers.len() == MOST_WAKERS {
            self.wakers.drain(..).for_each(Waker::wake);
        }
        self.wakers.push(waker.clone());
    }

    fn since(&self, last: u64, most: usize) -> News {
        let gone = self.last - self.events.len() as u64;
        let from = last.max(gone);
        let kept = self.events.iter().skip((from - gone) as usize).take(most);
        let numbered = (from + 1..).zip(kept);
        News {
            missed: from - last,
            events: numbered
                .map(|(number, (time, event))| Occurrence {
                    number,
                    time: *time,
                    event: event.clone(),
                })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    fn port(number: usize) -> Event {
        Event::PortChanged {
            port: format!("p{number}"),
        }
    }

    fn numbers(news: &News) -> Vec<u64> {
        news.events.iter().map(|event| event.number).collect()
    }

    #[test]
    fn each_reader_finds_every_event_once_and_in_order() {
        let log = Arc::new(EventLog::default());
        log.note(port(0));
        let mut first = log.reader();
        (1..4).for_each(|number| log.note(port(number)));
        let mut second = first.clone();
        assert_eq!(numbers(&first.take(2)), [2, 3]);
        assert_eq!(numbers(&first.take(9)), [4]);
        assert!(first.take(9).is_empty());
        let news = second.take(9);
        assert_eq!(news.events.last().map(|event| &event.event), Some(&port(3)));
        second.resume_after(0);
        assert_eq!(numbers(&second.take(9)), [1, 2, 3, 4]);
    }

    #[test]
    fn a_reader_that_falls_behind_is_told_how_many_it_missed() {
        let log = Arc::new(EventLog::default());
        let mut reader = log.reader();
        (0..KEPT + 7).for_each(|number| log.note(port(number)));
        let news = reader.take(1);
        assert_eq!((news.missed, numbers(&news)), (7, vec![8]));
        let news = reader.take(KEPT);
        assert_eq!((news.missed, news.events.len()), (0, KEPT - 1));
        reader.resume_after(u64::MAX);
        log.note(port(0));
        assert_eq!(numbers(&reader.take(9)), [KEPT as u64 + 8]);
    }

    #[test]
    fn a_reader_that_waits_is_woken() {
        let log = Arc::new(EventLog::default());
        let mut reader = log.reader();
        assert!(reader.wait(9, Duration::ZERO).is_empty());
        let waits = std::thread::spawn(move || reader.wait(9, Duration::from_secs(60)));
        log.note(port(0));
        assert_eq!(numbers(&waits.join().unwrap()), [1]);
    }

    /// Counts how often it is woken.
    #[derive(Default)]
    struct Sleeper(AtomicUsize);

    impl Wake for Sleeper {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_task_that_waits_is_woken_once_for_each_time_that_it_asked() {
        let log = Arc::new(EventLog::default());
        let mut reader = log.reader();
        let sleeper = Arc::new(Sleeper::default());
        let waker = Waker::from(sleeper.clone());
        let mut context = Context::from_waker(&waker);
        assert!(reader.poll(9, &mut context).is_pending());
        assert!(reader.poll(9, &mut context).is_pending());
        (0..3).for_each(|number| log.note(port(number)));
        assert_eq!(sleeper.0.load(Ordering::Relaxed), 1);
        let Poll::Ready(news) = reader.poll(9, &mut context) else {
            panic!("three events are there")
        };
        assert_eq!(numbers(&news), [1, 2, 3]);
    }

    #[test]
    fn tasks_that_are_gone_do_not_pile_up() {
        let log = Arc::new(EventLog::default());
        let sleepers: Vec<_> = (0..10 * MOST_WAKERS)
            .map(|_| Arc::new(Sleeper::default()))
            .collect();
        for sleeper in &sleepers {
            let waker = Waker::from(sleeper.clone());
            let pending = log.reader().poll(1, &mut Context::from_waker(&waker));
            assert!(pending.is_pending());
        }
        assert!(log.lock().wakers.len() <= MOST_WAKERS);
        log.note(port(0));
        let woken = |sleeper: &Arc<Sleeper>| sleeper.0.load(Ordering::Relaxed) == 1;
        assert!(sleepers.iter().all(woken), "whoever waits is woken");
    }
}
