//! A queue that is freed while a worker is in the middle of a turn.

use std::os::fd::BorrowedFd;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use nbl::NblQueue;
use switch::{Event, Fault, FromGuest, PortSpec, Pull};

use crate::bench::{Bench, PATIENCE};

/// A sending half whose turns last until they are let go on, or nobody is left who could.
struct Lasting {
    begun: Sender<()>,
    go_on: Receiver<()>,
}

impl FromGuest for Lasting {
    fn pull<'p>(&mut self, _pull: Pull<'_, 'p>) -> Result<NblQueue<'p>, Fault> {
        let _ = self.begun.send(());
        let _ = self.go_on.recv();
        Ok(NblQueue::new())
    }

    fn complete(&mut self, _done: &NblQueue<'_>) -> Result<bool, Fault> {
        Ok(false)
    }

    fn hold(&mut self, _waiting: &NblQueue<'_>) {}

    fn has_more(&self) -> bool {
        true
    }

    fn arm(&mut self) -> bool {
        true
    }

    fn disarm(&mut self) {}

    fn kick(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

/// A turn that began under a table with the queue may still write its memory.
#[test]
fn f2_f3_dma_has_stopped_once_and_not_before_the_turn_that_may_write_is_over() {
    let bench = Bench::new(1, 0);
    let [leaving, lasting] = ["leaving", "lasting"].map(|name| {
        let spec = PortSpec {
            name: name.into(),
            ..PortSpec::default()
        };
        let port = bench.switch.add_port(spec).unwrap();
        bench.switch.connect(port, Box::new(|_| {}));
        port
    });
    let (begun, has_begun) = channel();
    let (let_go_on, go_on) = channel();
    let ring = Box::new(Lasting { begun, go_on });
    bench.switch.start_from_guest(lasting, 0, ring).unwrap();
    has_begun.recv_timeout(PATIENCE).unwrap();
    let mut events = bench.switch.events();
    events.take(usize::MAX);
    thread::scope(|scope| {
        let (start, is_started) = channel();
        let switch = &bench.switch;
        scope.spawn(move || {
            start.send(()).unwrap();
            switch.disconnect(leaving, None);
        });
        is_started.recv_timeout(PATIENCE).unwrap();
        let early = events.wait(1, Duration::from_millis(100));
        drop(let_go_on);
        assert!(early.is_empty(), "the turn was not over: {early:?}");
    });
    let told = events.take(usize::MAX).events.into_iter();
    let port = "leaving".to_owned();
    let expected = [
        Event::QueueState {
            network: "default".into(),
            port: port.clone(),
            queue: 1,
            state: "DmaStopped".into(),
        },
        Event::PortClosed { port, reason: None },
    ];
    assert!(told.map(|told| told.event).eq(expected));
}
