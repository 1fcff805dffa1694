//! The switch's control side: ports come and go, the engine decides, workers are told.

use std::io;
use std::sync::mpsc::{SyncSender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use shmem::Mapping;

use crate::balance::{self, Alarm};
use crate::event::{EventLog, Events};
use crate::explain::{ExplainError, Explanation};
use crate::learning::{self, Learner, Note};
use crate::mailbox::{Command, Mailbox};
use crate::memory::Block;
use crate::offload::Offload;
use crate::policy::{Listener, NetworkPolicy, snooping};
use crate::port::{FaultSink, FromGuest, PortId, ToGuest};
use crate::ring::Ring;
use crate::spec::{
    NetworkError, NetworkId, NetworkSpec, Options, PortError, PortSettings, PortSpec, StartError,
};
use crate::state::{Sender, State};
use crate::status::{Status, WorkerStatus};
use crate::turn::Bench;
use crate::worker::{Worker, WorkerCounters};

/// A running switch.
pub struct Switch {
    state: Arc<Mutex<State>>,
    workers: Arc<[Handset]>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    alarm: Arc<Alarm>,
    /// To the learning thread, until the switch is stopped.
    learning: Mutex<Option<SyncSender<Note>>>,
    log: Arc<EventLog>,
    start: Instant,
}

/// What control holds of a worker.
pub(crate) struct Handset {
    pub(crate) mailbox: Arc<Mailbox>,
    cpu: Option<usize>,
    counters: Arc<WorkerCounters>,
}

impl Handset {
    /// How long the worker has worked.
    pub(crate) fn busy(&self) -> Duration {
        let [.., busy_ns] = self.counters.read();
        Duration::from_nanos(busy_ns)
    }

    /// Gives the worker a ring; back when it has it, or with the ring and the reason why not.
    pub(crate) fn attach(&self, ring: Box<Ring>) -> Result<(), (Box<Ring>, io::Error)> {
        let (done, is_done) = channel();
        self.mailbox.post(Command::Attach(ring, done));
        // A worker that has ended attaches nothing; there is nobody left to switch for.
        is_done.recv().unwrap_or(Ok(()))
    }

    /// Takes a ring back. Back when the worker has let go of it; `None` if it has none of that name.
    pub(crate) fn detach(&self, port: PortId, pair: usize) -> Option<Box<Ring>> {
        let (reply, ring) = channel();
        self.mailbox.post(Command::Detach(port, pair, reply));
        ring.recv().ok().flatten()
    }

    /// As [`Handset::detach`], for good: what is on the ring's line is lost.
    pub(crate) fn end(&self, port: PortId, pair: usize) -> Option<Box<Ring>> {
        let (reply, ring) = channel();
        self.mailbox.post(Command::End(port, pair, reply));
        ring.recv().ok().flatten()
    }
}

impl Switch {
    /// Starts the workers, with the default network and no port.
    ///
    /// # Errors
    /// [`StartError`], with nothing left running.
    pub fn start(options: Options) -> Result<Arc<Self>, StartError> {
        if options.workers.is_empty() {
            return Err(StartError::NoWorker);
        }
        let start = Instant::now();
        let log = Arc::new(EventLog::default());
        let cpus = options.workers.iter().map(|worker| worker.cpu).collect();
        let mut state = State::new(cpus, log.clone());
        let (to_control, sightings) = learning::channel();
        let (to_listening, overheard) = snooping::channel();
        let mut benches = Vec::new();
        for (worker, set_up) in options.workers.into_iter().enumerate() {
            let learner = Learner::new(to_control.clone());
            let listener = Listener::new(to_listening.clone());
            let register = |usage, mapping: &Arc<Mapping>| state.register_host(usage, mapping);
            let bench = Bench::new(worker, register, learner, listener, start)?;
            benches.push((bench, set_up));
        }
        drop(to_listening);
        let snapshot = state.publish(&[]);
        let alarm = Arc::new(Alarm::default());
        let mut workers = Vec::new();
        let mut threads = Vec::new();
        for (worker, (bench, set_up)) in benches.into_iter().enumerate() {
            let mailbox = Arc::new(Mailbox::new(set_up.doorbell.waker()));
            let counters = Arc::new(WorkerCounters::default());
            let run = Worker::new(
                bench,
                snapshot.clone(),
                mailbox.clone(),
                set_up.doorbell,
                options.idle,
                counters.clone(),
                alarm.clone(),
            );
            workers.push(Handset {
                mailbox,
                cpu: set_up.cpu,
                counters,
            });
            match spawn_pinned(worker, set_up.cpu, run) {
                Ok(thread) => threads.push(thread),
                Err(source) => {
                    stop(&workers, threads);
                    return Err(StartError::Thread {
                        worker,
                        cpu: set_up.cpu,
                        source,
                    });
                }
            }
        }
        let state = Arc::new(Mutex::new(state));
        let workers: Arc<[Handset]> = workers.into();
        let learner = {
            let (state, workers) = (state.clone(), workers.clone());
            spawn("learning", move || {
                learning::run(&state, &workers, &sightings, start)
            })
        };
        let listening = {
            let (state, workers) = (state.clone(), workers.clone());
            spawn("listening", move || {
                snooping::run(&state, &workers, &overheard, start)
            })
        };
        let balancer = {
            let (state, workers, alarm) = (state.clone(), workers.clone(), alarm.clone());
            spawn("balance", move || balance::run(&state, &workers, &alarm))
        };
        for helper in [learner, listening, balancer] {
            match helper {
                Ok(thread) => threads.push(thread),
                Err(source) => {
                    alarm.end();
                    stop(&workers, threads);
                    return Err(StartError::Thread {
                        worker: 0,
                        cpu: None,
                        source,
                    });
                }
            }
        }
        Ok(Arc::new(Self {
            state,
            workers,
            threads: Mutex::new(threads),
            alarm,
            learning: Mutex::new(Some(to_control)),
            log,
            start,
        }))
    }

    /// Ends the workers. Ports must be closed first; frames on the way are in nobody's ring then.
    pub fn stop(&self) {
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        self.alarm.end();
        // The learning thread ends when nobody can tell it anything any more.
        *self.learning() = None;
        stop(&self.workers, threads);
    }

    /// Adds a network, to which ports can be added.
    ///
    /// # Errors
    /// [`NetworkError`], with nothing changed.
    pub fn add_network(&self, spec: NetworkSpec) -> Result<NetworkId, NetworkError> {
        self.state().add_network(spec)
    }

    /// Changes what a network is like. In force when this returns.
    ///
    /// # Errors
    /// [`NetworkError`], with nothing changed.
    pub fn set_network(
        &self,
        network: NetworkId,
        policy: NetworkPolicy,
    ) -> Result<(), NetworkError> {
        self.state().set_network(network, policy, &self.workers)?;
        if let Some(learning) = &*self.learning() {
            // If the channel is full, it looks at the clock anyway.
            let _ = learning.try_send(Note::OtherAges);
        }
        Ok(())
    }

    /// Removes a network that has no ports.
    ///
    /// # Errors
    /// [`NetworkError`], with nothing changed.
    pub fn remove_network(&self, network: NetworkId) -> Result<(), NetworkError> {
        self.state().remove_network(network)
    }

    /// Adds a port: its queue is allocated, its filters are set, and it waits for a machine.
    ///
    /// # Errors
    /// [`PortError`], with nothing changed.
    pub fn add_port(&self, spec: PortSpec) -> Result<PortId, PortError> {
        self.state().add_port(spec)
    }

    /// Changes of a port what is different in `settings`, while it runs: all of it or, if something is refused, nothing.
    /// In force when this returns. Nothing else notices.
    ///
    /// # Errors
    /// [`PortError`], with nothing changed.
    pub fn set_port(&self, port: PortId, settings: PortSettings) -> Result<(), PortError> {
        self.state().set_port(port, settings, &self.workers)
    }

    /// Removes a port. Back when no worker touches its machine's memory any more (F3). Who serves its frontend must be
    /// ended before; a connection that is still there fails.
    pub fn remove_port(&self, port: PortId) {
        self.state().remove_port(port, &self.workers);
    }

    /// What happens from now on.
    #[must_use]
    pub fn events(&self) -> Events {
        self.log.reader()
    }

    /// A frontend has come to `port`. `sink` is told, on a worker, of the first violation it commits.
    pub fn connect(&self, port: PortId, sink: FaultSink) {
        self.state().connect(port, sink);
    }

    /// The MTU that is configured for `port`.
    #[must_use]
    pub fn mtu(&self, port: PortId) -> Option<u16> {
        self.state().mtu(port)
    }

    /// The frontend of `port` tells its guest an MTU. The smaller of this and the configured one counts, until
    /// the frontend goes.
    pub fn tell_mtu(&self, port: PortId, mtu: u16) {
        self.state().tell_mtu(port, mtu);
    }

    /// The frontend of `port` is gone and its rings are stopped. Its queue is freed and allocated anew
    /// for the next one: learnt addresses are forgotten, configured ones stay. `reason` says why, if it
    /// was the switch that ended the connection.
    pub fn disconnect(&self, port: PortId, reason: Option<String>) {
        self.state().disconnect(port, reason, &self.workers);
    }

    /// Registers memory of the machine behind `port`, in blocks of at most 4 GiB, in order. In force before any ring started
    /// after it; until it is released, or the port's queue is freed.
    ///
    /// # Errors
    /// [`PortError`], with nothing registered: there is no such port, the range is empty or leaves the mapping, or there are
    /// too many blocks.
    pub fn register(
        &self,
        port: PortId,
        mapping: &Arc<Mapping>,
        offset: u64,
        len: u64,
    ) -> Result<Vec<Block>, PortError> {
        self.state().register(port, mapping, offset, len)
    }

    /// Forgets blocks. Back when no worker uses them any more, so that the caller may unmap.
    pub fn release(&self, blocks: Vec<Block>) {
        let mut state = self.state();
        state.release(blocks);
        state.publish_and_wait(&self.workers);
    }

    /// Starts the sending half of a port's queue pair, on the worker with the fewest rings of those that may serve it.
    ///
    /// # Errors
    /// The operating system's, when the kick cannot be waited for.
    pub fn start_from_guest(
        &self,
        port: PortId,
        pair: usize,
        ring: Box<dyn FromGuest>,
    ) -> io::Result<()> {
        let mut state = self.state();
        if !state.has_place_for_sender(port, pair) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let worker = state.worker_for(port);
        state.publish(&self.workers);
        let ring = Box::new(Ring::new(port, pair, ring));
        let load = ring.load.clone();
        self.workers[worker]
            .attach(ring)
            .map_err(|(_, error)| error)?;
        state.set_sender(port, pair, Some(Sender { worker, load }));
        Ok(())
    }

    /// Stops the sending half of a port's queue pair. Back when its worker has let go of it.
    pub fn stop_from_guest(&self, port: PortId, pair: usize) -> Option<Box<dyn FromGuest>> {
        let mut state = self.state();
        let sender = state.set_sender(port, pair, None)?;
        let ring = self.workers[sender.worker].end(port, pair)?;
        Some(ring.from_guest)
    }

    /// Moves the sending half of a port's queue pair to another worker while it runs. Its frames stay in
    /// order, those that wait for buffers included: one worker has let go of the ring before the other
    /// takes it.
    ///
    /// # Errors
    /// The operating system's, when the kick cannot be waited for there; the ring stays where it was.
    pub fn move_from_guest(&self, port: PortId, pair: usize, worker: usize) -> io::Result<()> {
        balance::move_ring(&mut self.state(), &self.workers, port, pair, worker)
    }

    /// Starts the receiving half of a port's queue pair. The first completes its queue's allocation (Q6).
    pub fn start_to_guest(&self, port: PortId, pair: usize, ring: Arc<dyn ToGuest>) {
        let mut state = self.state();
        state.set_to_guest(port, pair, Some(ring));
        state.publish(&self.workers);
    }

    /// Stops the receiving half of a port's queue pair. Back when the last copy into it is over (F3). Its
    /// queue stays as it is (Q10): frames go to the port's other pairs; without any they wait for one to
    /// start again, or are dropped.
    pub fn stop_to_guest(&self, port: PortId, pair: usize) {
        let mut state = self.state();
        state.set_to_guest(port, pair, None);
        state.publish_and_wait(&self.workers);
    }

    /// What would become of a frame that the guest of `port` sends; `undone` is what it leaves to be done.
    ///
    /// # Errors
    /// [`ExplainError`], if there is no such port or no such frame.
    pub fn explain(
        &self,
        port: PortId,
        frame: &[u8],
        undone: Option<Offload>,
    ) -> Result<Explanation, ExplainError> {
        self.state().explain(port, frame, undone)
    }

    /// What the switch is doing.
    #[must_use]
    pub fn status(&self) -> Status {
        let state = self.state();
        let rings = state.rings_by_worker();
        let workers = self.workers.iter().enumerate().map(|(at, worker)| {
            let [turns, empty_turns, sleeps, panics, busy_ns] = worker.counters.read();
            let totals = state.totals_of(at);
            WorkerStatus {
                cpu: worker.cpu,
                rings: rings[at],
                busy_ns,
                frames: totals.from_guest_frames,
                bytes_copied: totals.bytes_copied,
                calls: totals.calls,
                calls_suppressed: totals.calls_suppressed,
                turns,
                empty_turns,
                sleeps,
                panics,
            }
        });
        Status {
            workers: workers.collect(),
            networks: state.network_status(),
            ports: state.port_status(),
            uptime_seconds: self.start.elapsed().as_secs(),
        }
    }

    fn learning(&self) -> MutexGuard<'_, Option<SyncSender<Note>>> {
        self.learning.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Starts one of control's own threads.
fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    let thread = std::thread::Builder::new().name(name.to_owned());
    thread.spawn(run)
}

/// Starts a worker; back when it runs on its CPU.
fn spawn_pinned(worker: usize, cpu: Option<usize>, run: Worker) -> io::Result<JoinHandle<()>> {
    let (pinned, is_pinned) = channel();
    let thread = std::thread::Builder::new()
        .name(format!("worker {worker}"))
        .spawn(move || {
            let result = cpu.map_or(Ok(()), pin);
            let is_ready = result.is_ok();
            let _ = pinned.send(result);
            if is_ready {
                run.run();
            }
        })?;
    is_pinned.recv().unwrap_or(Ok(()))?;
    Ok(thread)
}

fn pin(cpu: usize) -> io::Result<()> {
    let mut set = rustix::thread::CpuSet::new();
    if cpu >= rustix::thread::CpuSet::MAX_CPU {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    set.set(cpu);
    Ok(rustix::thread::sched_setaffinity(None, &set)?)
}

fn stop(workers: &[Handset], threads: Vec<JoinHandle<()>>) {
    for worker in workers {
        worker.mailbox.post(Command::Stop);
    }
    for thread in threads {
        let _ = thread.join();
    }
}
