//! What workers overhear on its way to control. A guest chooses what it says and how often, so each port may be heard so many
//! times a second; one that says more is taken for one that wants everything.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use vmq::{Tick, VlanId};

use crate::control::Handset;
use crate::state::State;
use crate::{MAX_PORTS, PortId};

/// The first bytes of a frame that somebody sent about groups.
#[derive(Clone, Debug)]
pub(crate) struct Overheard {
    pub(crate) port: PortId,
    pub(crate) vlan: VlanId,
    len: u8,
    bytes: [u8; nbl::LOOKAHEAD],
}

/// What waits for control: more than all ports together may say in the time between two looks.
const BACKLOG: usize = 4096;

/// How often a worker listens to a port in a second. A host with many groups puts several into one report.
const A_SECOND: u16 = 128;

/// The shortest time between two tables compiled for what was overheard.
const PAUSE: Duration = Duration::from_millis(10);

impl Overheard {
    /// What there is to be read; nothing if the port said too much.
    pub(crate) fn lookahead(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

pub(crate) fn channel() -> (SyncSender<Overheard>, Receiver<Overheard>) {
    sync_channel(BACKLOG)
}

/// The thread that knows who wants which group. It sleeps until something is overheard or something that it knows is over, and
/// ends with the workers.
pub(crate) fn run(
    state: &Mutex<State>,
    workers: &[Handset],
    overheard: &Receiver<Overheard>,
    start: Instant,
) {
    let lock = || state.lock().unwrap_or_else(PoisonError::into_inner);
    let now = || Tick(start.elapsed().as_secs() as u32);
    loop {
        let next = lock().next_change_of_groups();
        let first = match next {
            None => overheard.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(Tick(next)) => {
                let until = Duration::from_secs(next.into());
                overheard.recv_timeout(until.saturating_sub(start.elapsed()))
            }
        };
        {
            let mut state = lock();
            let mut has_changed = state.age_groups(now());
            match first {
                Ok(first) => {
                    let all = std::iter::once(first).chain(overheard.try_iter());
                    has_changed |= state.hear(all, now());
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if has_changed {
                state.publish(workers);
            }
        }
        std::thread::sleep(PAUSE);
    }
}

/// A worker's end.
pub(crate) struct Listener {
    to_control: SyncSender<Overheard>,
    /// How often each port was heard in this second.
    heard: Box<[u16; MAX_PORTS]>,
    now: Tick,
}

impl Listener {
    pub(crate) fn new(to_control: SyncSender<Overheard>) -> Self {
        Self {
            to_control,
            heard: Box::new([0; MAX_PORTS]),
            now: Tick(0),
        }
    }

    #[inline]
    pub(crate) fn start_burst(&mut self, now: Tick) {
        if self.now != now {
            self.now = now;
            self.heard.fill(0);
        }
    }

    #[cold]
    pub(crate) fn pass_on(&mut self, port: PortId, vlan: VlanId, lookahead: &[u8]) {
        let Some(heard) = self.heard.get_mut(usize::from(port.0)) else {
            return;
        };
        if *heard > A_SECOND {
            return;
        }
        let lookahead = if *heard < A_SECOND { lookahead } else { &[] };
        let len = lookahead.len().min(nbl::LOOKAHEAD);
        let mut bytes = [0; nbl::LOOKAHEAD];
        bytes[..len].copy_from_slice(&lookahead[..len]);
        let overheard = Overheard {
            port,
            vlan,
            len: len as u8,
            bytes,
        };
        if self.to_control.try_send(overheard).is_ok() {
            *heard += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_heard_so_often_a_second_and_then_once_more() {
        let (sender, receiver) = channel();
        let mut listener = Listener::new(sender);
        for tick in [1, 2] {
            listener.start_burst(Tick(tick));
            for _ in 0..1000 {
                listener.pass_on(PortId(3), VlanId(7), &[5; 60]);
            }
            listener.pass_on(PortId(4), VlanId(7), &[6; 200]);
            let heard: Vec<_> = receiver.try_iter().collect();
            let (last, others) = heard.split_last().unwrap();
            assert_eq!((last.port, last.lookahead()), (PortId(4), &[6; 128][..]));
            assert_eq!(others.len(), usize::from(A_SECOND) + 1);
            assert!(
                others[..128]
                    .iter()
                    .all(|heard| heard.lookahead() == [5; 60])
            );
            assert!(others[128].lookahead().is_empty());
        }
        listener.pass_on(PortId(u16::MAX), VlanId(7), &[5; 60]);
        assert_eq!(receiver.try_iter().count(), 0);
    }
}
