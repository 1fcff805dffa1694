//! Workers in play, one after the other on a clock of the tests' own: what guests send and are given in which time.

mod bandwidth;
mod competition;
mod line;

use std::os::fd::BorrowedFd;
use std::sync::{Mutex, MutexGuard};

use vmq::{Filter, Mac, VlanTest};

use super::*;
use crate::Totals;
use crate::clock::tests::{pass, stop};
use crate::doorbell::Waker;
use crate::doubles::{Sender, Sent, Taker};
use crate::learning::{self, Learner};
use crate::policy::{Listener, PortPolicy, snooping};
use crate::port::PortId;
use crate::spec::{NetworkId, PortSettings, PortSpec};
use crate::state::State;

/// What a round takes, whatever is done in it.
const ROUND: Duration = Duration::from_micros(1);

/// A worker's bell. To wait is to be passed by until the time has come, or until a test rings it.
#[derive(Default)]
struct Bell(Arc<Mutex<Asleep>>);

#[derive(Default)]
struct Asleep {
    /// Until when, if for a time.
    until: Option<Instant>,
    for_ever: bool,
    kicked: Vec<Token>,
}

struct Deaf;

impl Waker for Deaf {
    fn wake(&self) {}
}

impl Doorbell for Bell {
    fn watch(&mut self, _: Token, _: BorrowedFd<'_>) -> std::io::Result<()> {
        Ok(())
    }

    fn unwatch(&mut self, _: BorrowedFd<'_>) {}

    fn wait(&mut self, timeout: Option<Duration>, rung: &mut dyn FnMut(Token)) {
        let mut asleep = self.0.lock().unwrap();
        let kicked = std::mem::take(&mut asleep.kicked);
        if kicked.is_empty() {
            asleep.until = timeout.map(|timeout| clock::now() + timeout);
            asleep.for_ever = timeout.is_none();
        }
        kicked.into_iter().for_each(rung);
    }

    fn waker(&self) -> Arc<dyn Waker> {
        Arc::new(Deaf)
    }
}

/// Ports 0, 1, ... with a ring on each of the workers.
struct Play {
    state: State,
    workers: Vec<Worker>,
    bells: Vec<Arc<Mutex<Asleep>>>,
    /// By port and worker.
    sent: Vec<Vec<Arc<Mutex<Sent>>>>,
    takers: Vec<Arc<Taker>>,
}

fn mac(port: usize) -> [u8; 6] {
    [2, 0, 0, 0, 0, port as u8]
}

fn settings(port: usize, policy: PortPolicy) -> PortSettings {
    PortSettings {
        filters: vec![Filter {
            mac: Mac(mac(port)),
            vlan: VlanTest::Any,
        }],
        policy,
        ..PortSettings::default()
    }
}

fn frame(from: usize, to: [u8; 6], len: usize) -> Vec<u8> {
    let mut frame = [&to[..], &mac(from), &[0x88, 0xb5]].concat();
    frame.resize(len, 0);
    frame
}

impl Play {
    fn new(workers: usize, policies: &[PortPolicy]) -> Self {
        let start = stop();
        let mut state = State::new(vec![None; workers], Arc::default());
        let (to_control, _) = learning::channel();
        let (to_listening, _) = snooping::channel();
        let (mut benches, mut takers, mut rings) = (Vec::new(), Vec::new(), Vec::new());
        for worker in 0..workers {
            let learner = Learner::new(to_control.clone());
            let listener = Listener::new(to_listening.clone());
            let register = |usage, mapping: &_| state.register_host(usage, mapping);
            benches.push(Bench::new(worker, register, learner, listener, start).unwrap());
        }
        let mut sent = Vec::new();
        for (port, policy) in policies.iter().enumerate() {
            let spec = PortSpec {
                name: port.to_string(),
                network: NetworkId::DEFAULT,
                settings: settings(port, policy.clone()),
            };
            let id = state.add_port(spec).unwrap();
            state.connect(id, Box::new(|fault| panic!("{fault}")));
            let taker = Arc::new(Taker::new(&mut state, id));
            state.set_to_guest(id, 0, Some(taker.clone()));
            takers.push(taker);
            sent.push(Vec::new());
            for worker in 0..workers {
                let (sender, what) = Sender::new(&mut state, id);
                sent[port].push(what);
                rings.push((worker, Box::new(Ring::new(id, worker, Box::new(sender)))));
            }
        }
        let snapshot = state.publish(&[]);
        let bells: Vec<Arc<Mutex<Asleep>>> = (0..workers).map(|_| Arc::default()).collect();
        let mut workers: Vec<_> = benches
            .into_iter()
            .zip(&bells)
            .map(|(bench, bell)| {
                Worker::new(
                    bench,
                    snapshot.clone(),
                    Arc::new(Mailbox::new(Arc::new(Deaf))),
                    Box::new(Bell(bell.clone())),
                    Idle::Adapt,
                    Arc::default(),
                    Arc::default(),
                )
            })
            .collect();
        for (worker, ring) in rings {
            assert!(workers[worker].attach(ring).is_ok());
        }
        Self {
            state,
            workers,
            bells,
            sent,
            takers,
        }
    }

    fn sent(&self, port: usize, worker: usize) -> MutexGuard<'_, Sent> {
        self.sent[port][worker].lock().unwrap()
    }

    /// Lets a guest send a frame over and over, in all its rings.
    fn floods(&self, port: usize, frame: &[u8]) {
        for ring in 0..self.workers.len() {
            self.sent(port, ring).endless = Some(frame.to_vec());
        }
    }

    fn set(&mut self, port: usize, policy: PortPolicy) {
        let id = PortId(port as u16);
        let settings = settings(port, policy);
        self.state.set_port(id, settings, &[]).unwrap();
        let snapshot = self.state.publish(&[]);
        for worker in &mut self.workers {
            worker.act_on(snapshot.clone());
        }
        self.wake();
    }

    /// What the mailbox does.
    fn wake(&self) {
        for bell in &self.bells {
            *bell.lock().unwrap() = Asleep::default();
        }
    }

    /// Lets the workers work for `time`, kicked first where guests have sent something, and gives how many rounds that
    /// were.
    fn run(&mut self, time: Duration) -> u64 {
        for (worker, bell) in self.workers.iter_mut().zip(&self.bells) {
            let mut bell = bell.lock().unwrap();
            for (at, ring) in worker.rings.iter().enumerate() {
                let is_kicked = |ring: &Ring| ring.pace.is_armed && ring.from_guest.has_more();
                if ring.as_deref().is_some_and(is_kicked) {
                    bell.kicked.push(Token(at as u32));
                    (bell.until, bell.for_ever) = (None, false);
                }
            }
        }
        let end = clock::now() + time;
        let mut rounds = 0;
        while clock::now() < end {
            let mut next = end;
            let mut is_awake = false;
            for (worker, bell) in self.workers.iter_mut().zip(&self.bells) {
                let (until, for_ever) = {
                    let bell = bell.lock().unwrap();
                    (bell.until, bell.for_ever)
                };
                let now = clock::now();
                match until.filter(|until| *until > now) {
                    Some(until) => next = next.min(until),
                    None if for_ever => {}
                    None => {
                        assert!(worker.step());
                        is_awake = true;
                    }
                }
            }
            rounds += u64::from(is_awake);
            pass(if is_awake { ROUND } else { next - clock::now() });
        }
        rounds
    }

    fn totals(&self, port: usize) -> Totals {
        self.state.port_status().swap_remove(port).totals
    }

    fn drops(&self, port: usize) -> u64 {
        self.totals(port).drops.iter().sum()
    }

    fn asleep(&self, worker: usize) -> MutexGuard<'_, Asleep> {
        self.bells[worker].lock().unwrap()
    }
}
