//! Ports for this crate's tests: a sender that plays a guest's ring, and a receiver that keeps what it is given.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use nbl::{NblQueue, Pool, ReceiveChain};
use shmem::{GuestMemory, Handle, Mapping, Region};

use crate::offload::Offloads;
use crate::port::{FromGuest, ToGuest};
use crate::state::State;
use crate::{Fault, MAX_FRAME, PortId, Pull, Reservation};

/// Room for a frame.
const SLOT: u32 = 68 * 1024;

const SLOTS: usize = nbl::BURST;
const _: () = assert!(SLOT > MAX_FRAME);

/// What a guest has sent and not had back.
#[derive(Default)]
pub(crate) struct Sent {
    /// Oldest first, each with its number.
    frames: VecDeque<(u32, Vec<u8>)>,
    count: u32,
    /// Sent again and again once there is nothing else.
    pub(crate) endless: Option<Vec<u8>>,
    /// Of its frames, the first so many are held.
    held: usize,
    /// Frames that the guest has had back.
    pub(crate) completed: usize,
    pub(crate) is_armed: bool,
}

impl Sent {
    pub(crate) fn push(&mut self, frame: &[u8]) {
        self.frames.push_back((self.count, frame.to_vec()));
        self.count += 1;
    }

    fn has_more(&self) -> bool {
        self.frames.len() > self.held || self.endless.is_some()
    }
}

/// The ring of a guest that sends what a test tells it to.
pub(crate) struct Sender {
    memory: GuestMemory,
    mapping: Arc<Mapping>,
    sent: Arc<Mutex<Sent>>,
}

/// Memory of the guest behind `port`, from address 0 on.
fn memory(state: &mut State, port: PortId) -> (Arc<Mapping>, GuestMemory, Handle) {
    let len = u64::from(SLOT) * SLOTS as u64;
    let mapping = Mapping::anonymous(len as usize).unwrap();
    let handle = state.register(port, &mapping, 0, len).unwrap()[0].handle();
    let region = Region {
        gpa: 0,
        uva: 0,
        len,
        mapping: mapping.clone(),
        mapping_offset: 0,
        handles: vec![handle],
    };
    (mapping, GuestMemory::new(vec![region]).unwrap(), handle)
}

impl Sender {
    pub(crate) fn new(state: &mut State, port: PortId) -> (Self, Arc<Mutex<Sent>>) {
        let (mapping, memory, _) = memory(state, port);
        let sent = Arc::default();
        let sender = Self {
            memory,
            mapping,
            sent: Arc::clone(&sent),
        };
        (sender, sent)
    }

    fn sent(&self) -> MutexGuard<'_, Sent> {
        self.sent.lock().unwrap()
    }
}

impl FromGuest for Sender {
    fn pull<'p>(&mut self, pull: Pull<'_, 'p>) -> Result<NblQueue<'p>, Fault> {
        let mut sent = self.sent.lock().unwrap();
        assert!(sent.has_more() || sent.held > 0, "a pull in vain");
        sent.held = 0;
        let (mut frames, mut bytes) = (NblQueue::new(), 0);
        while frames.len() < pull.frames && bytes < pull.bytes {
            let at = frames.len();
            if at == sent.frames.len()
                && let Some(frame) = sent.endless.clone()
            {
                sent.push(&frame);
            }
            let Some((number, frame)) = sent.frames.get(at) else {
                break;
            };
            let gpa = u64::from(SLOT) * at as u64;
            let place = self.mapping.window(gpa, frame.len()).unwrap();
            place.write(frame);
            let chain = [(gpa, frame.len() as u32)];
            let nbl = pull.pool.build(&self.memory, chain, 0, MAX_FRAME).unwrap();
            nbl.set_token((*number).into());
            bytes += nbl.data_len();
            frames.push(nbl);
        }
        Ok(frames)
    }

    fn complete(&mut self, done: &NblQueue<'_>) -> Result<bool, Fault> {
        let mut sent = self.sent();
        for nbl in done.iter() {
            let is_it = |frame: &(u32, _)| u64::from(frame.0) == nbl.token();
            let at = sent.frames.iter().position(is_it).unwrap();
            sent.frames.remove(at);
        }
        sent.completed += done.len();
        Ok(true)
    }

    fn hold(&mut self, waiting: &NblQueue<'_>) {
        self.sent().held = waiting.len();
    }

    fn has_more(&self) -> bool {
        self.sent().has_more()
    }

    fn arm(&mut self) -> bool {
        let has_more = self.has_more();
        self.sent().is_armed = !has_more;
        has_more
    }

    fn disarm(&mut self) {
        self.sent().is_armed = false;
    }
}

/// A guest that takes what it is given.
pub(crate) struct Taker {
    mapping: Arc<Mapping>,
    handle: Handle,
    got: Mutex<Got>,
}

#[derive(Default)]
pub(crate) struct Got {
    /// What came, unless it is only counted.
    pub(crate) frames: Vec<Vec<u8>>,
    pub(crate) only_counts: bool,
    pub(crate) bytes: u64,
    /// Buffers that it has yet to post; `None`: it always has some.
    pub(crate) room: Option<u16>,
    posted: u16,
}

impl Got {
    /// Posts more buffers.
    pub(crate) fn post(&mut self, buffers: u16) {
        self.room = Some(self.room.unwrap_or(0) + buffers);
        self.posted = self.posted.wrapping_add(buffers);
    }
}

impl Taker {
    pub(crate) fn new(state: &mut State, port: PortId) -> Self {
        let (mapping, _, handle) = memory(state, port);
        Self {
            mapping,
            handle,
            got: Mutex::default(),
        }
    }

    pub(crate) fn got(&self) -> MutexGuard<'_, Got> {
        self.got.lock().unwrap()
    }
}

impl ToGuest for Taker {
    fn accepts(&self) -> Offloads {
        Offloads::NONE
    }

    fn reserve<'p>(
        &self,
        pool: &'p Pool,
        frames: &NblQueue<'p>,
        reservation: &mut Reservation,
    ) -> Result<(), Fault> {
        let mut got = self.got();
        for (at, frame) in frames.iter().enumerate() {
            if got.room == Some(0) {
                reservation.ran_out_at(got.posted);
                break;
            }
            got.room = got.room.map(|room| room - 1);
            let mut receive = ReceiveChain::new();
            let len = frame.data_len();
            assert!(receive.push(pool, self.handle, SLOT * at as u32, len));
            frame.set_receive(Some(receive));
            reservation.note(at as u16, len);
            reservation.next_frame();
        }
        Ok(())
    }

    fn posted(&self) -> u16 {
        self.got().posted
    }

    fn publish(&self, reservation: &Reservation) -> Result<bool, Fault> {
        let mut got = self.got();
        for filled in reservation.buffers() {
            got.bytes += u64::from(filled.bytes);
            if !got.only_counts {
                let mut frame = vec![0; filled.bytes as usize];
                let at = u64::from(SLOT) * u64::from(filled.id);
                self.mapping
                    .window(at, frame.len())
                    .unwrap()
                    .read(&mut frame);
                got.frames.push(frame);
            }
        }
        Ok(true)
    }
}
