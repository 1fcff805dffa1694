//! What a receiver is handed: one chain for its queue at a time, in order, and each frame goes back once.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use nbl::{NblQueue, Pool};
use proptest::prelude::*;
use shmem::{GuestMemory, Mapping, Region};
use switch::offload::Offloads;
use switch::{Fault, FromGuest, PortId, PortSettings, PortSpec, Pull, Reservation, ToGuest};
use vmq::{Filter, Mac, VlanTest};

use crate::bench::{Bench, PATIENCE};
use crate::traffic::{BROADCAST, frame};

const RECEIVERS: u8 = 3;
const LEN: usize = 60;
const MOST: usize = 16;

/// Whom a frame is for: a receiver, all of them, or nobody that is known, which is all of them too.
fn address(to: u8) -> [u8; 6] {
    match to {
        RECEIVERS => BROADCAST,
        to => [0x52, 0x54, 0, 0, 0, to],
    }
}

/// A sending half that sends the bursts it is told, and tells which frames it got back.
struct Above {
    memory: GuestMemory,
    mapping: Arc<Mapping>,
    bursts: Receiver<Vec<u8>>,
    done: Sender<Vec<u64>>,
}

impl Above {
    fn new(bursts: Receiver<Vec<u8>>, done: Sender<Vec<u64>>) -> Self {
        let mapping = Mapping::anonymous(4096).unwrap();
        let region = Region {
            gpa: 0,
            uva: 0,
            len: mapping.len(),
            mapping: mapping.clone(),
            mapping_offset: 0,
            handles: Vec::new(),
        };
        Self {
            memory: GuestMemory::new(vec![region]).unwrap(),
            mapping,
            bursts,
            done,
        }
    }
}

impl FromGuest for Above {
    fn pull<'p>(&mut self, pull: Pull<'_, 'p>) -> Result<NblQueue<'p>, Fault> {
        let mut frames = NblQueue::new();
        for (nth, to) in self
            .bursts
            .try_recv()
            .unwrap_or_default()
            .iter()
            .enumerate()
        {
            let at = (nth * LEN) as u64;
            let bytes = frame(address(*to), address(0xff), nth as u32, LEN);
            self.mapping.window(at, LEN).unwrap().write(&bytes);
            let built = pull
                .pool
                .build(&self.memory, [(at, LEN as u32)], 0, LEN as u32);
            let built = built.unwrap();
            built.set_token(nth as u64);
            frames.push(built);
        }
        Ok(frames)
    }

    fn complete(&mut self, done: &NblQueue<'_>) -> Result<bool, Fault> {
        let tokens = done.iter().map(|frame| frame.token()).collect();
        let _ = self.done.send(tokens);
        Ok(false)
    }

    fn hold(&mut self, _waiting: &NblQueue<'_>) {
        panic!("every receiver takes every frame");
    }
}

/// One call of a receiver: queue id, token and number of segments of each frame.
type Call = Vec<(u16, u64, usize)>;

/// A receiving half that notes what it is handed, and has no buffer that anything would fit in.
#[derive(Default)]
struct Noting(Mutex<Vec<Call>>);

impl ToGuest for Noting {
    fn accepts(&self) -> Offloads {
        Offloads::NONE
    }

    fn reserve<'p>(
        &self,
        _pool: &'p Pool,
        frames: &NblQueue<'p>,
        reservation: &mut Reservation,
    ) -> Result<(), Fault> {
        let call = frames.iter().map(|frame| {
            reservation.misfit();
            (frame.queue_id(), frame.token(), frame.segments().count())
        });
        self.0.lock().unwrap().push(call.collect());
        Ok(())
    }

    fn posted(&self) -> u16 {
        0
    }

    fn publish(&self, _reservation: &Reservation) -> Result<bool, Fault> {
        panic!("no buffer was noted");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn r1_r3_r5_each_queue_has_chains_of_its_own_in_order_and_each_frame_comes_back_once(
        burst in prop::collection::vec(0..=RECEIVERS + 1, 1..=MOST),
    ) {
        let bench = Bench::new(1, 0);
        let add = |name: String, filters| {
            let settings = PortSettings { filters, ..PortSettings::default() };
            let port = bench.switch.add_port(PortSpec { name, settings, ..PortSpec::default() }).unwrap();
            bench.switch.connect(port, Box::new(|fault| panic!("{fault}")));
            port
        };
        let exact = |to| Filter { mac: Mac(address(to)), vlan: VlanTest::Any };
        let receivers: Vec<(PortId, Arc<Noting>)> = (0..RECEIVERS)
            .map(|to| (add(format!("receiver{to}"), vec![exact(to)]), Arc::default()))
            .collect();
        for (port, ring) in &receivers {
            bench.switch.start_to_guest(*port, 0, ring.clone());
        }
        let sender = add("sender".into(), vec![exact(0xff)]);
        let (send, bursts) = channel();
        let (done, is_done) = channel();
        bench.switch.start_from_guest(sender, 0, Box::new(Above::new(bursts, done))).unwrap();
        send.send(burst.clone()).unwrap();
        let mut back = is_done.recv_timeout(PATIENCE).unwrap();
        back.sort_unstable();
        prop_assert!(back.into_iter().eq(0..burst.len() as u64), "all at once, each once (R5)");

        for (to, (_, ring)) in (0..).zip(&receivers) {
            // Queue 1 is the first receiver's.
            let (own, default) = (u16::from(to) + 1, 0);
            let calls = ring.0.lock().unwrap();
            for call in calls.iter() {
                let first = call[0].0;
                prop_assert!([own, default].contains(&first), "queue {} at {}", first, own);
                prop_assert!(call.iter().all(|(queue, ..)| *queue == first), "mixed (R3): {:?}", call);
            }
            let told: Vec<_> = calls.iter().flatten().copied().collect();
            let wanted = (0..).zip(&burst).filter(|(_, for_whom)| **for_whom == to || **for_whom >= RECEIVERS);
            let wanted = wanted.map(|(token, for_whom)| (if *for_whom == to { own } else { default }, token, 1));
            prop_assert_eq!(told, wanted.collect::<Vec<_>>());
        }
    }
}
