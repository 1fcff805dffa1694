//! Attaching a guest over a real socket, to a backend made from the protocol crate's own backend side.

use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use testkit::frames::{Builder, station};
use testkit::frontend::{
    Answer, FROM_GUEST, Frontend, FrontendError, Message, RawFrontend, TO_GUEST,
};
use testkit::guest::{Guest, GuestOptions, features};
use vhost::vhost_user::message::FrontendReq;

use crate::naive_backend::{NaiveBackend, Offer};

const SOON: Duration = Duration::from_secs(5);

/// A socket path of this test alone, gone with it.
struct Path(PathBuf);

impl Path {
    fn new(test: &str) -> Path {
        let path = std::env::temp_dir().join(format!("testkit-{}-{test}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        Path(path)
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn attached(options: GuestOptions, offer: Offer) -> (Guest, Frontend, NaiveBackend) {
    let guest = Guest::new(options).expect("a guest");
    let (backend, stream) = NaiveBackend::start_with(offer);
    let mut frontend = Frontend::from_stream(stream, SOON).expect("a socket");
    frontend.attach(&guest).expect("attached");
    (guest, frontend, backend)
}

#[test]
fn an_attached_guest_is_known_to_the_backend_as_it_is() {
    for slots in [false, true] {
        for (mergeable, packed) in [(false, false), (true, false), (true, true)] {
            let options = GuestOptions {
                mergeable,
                packed,
                ..GuestOptions::default()
            };
            let (mut guest, frontend, backend) = attached(
                options,
                Offer {
                    slots,
                    ..Offer::default()
                },
            );
            assert_eq!(
                frontend.acknowledged(),
                guest.features() | features::PROTOCOL_FEATURES
            );
            let mut device = backend.device();
            assert_eq!(device.features, frontend.acknowledged());
            assert_eq!(
                (device.from_guest.take_kicks(), device.to_guest.take_kicks()),
                (1, 1),
                "started by a kick"
            );
            let frame = Builder::new(station(2), station(1)).len(1514).build(3);
            assert!(guest.send(&frame));
            guest.flush();
            let (_, taken) = device
                .from_guest
                .ring
                .take_frame()
                .expect("proper")
                .expect("a frame");
            assert_eq!(taken, frame);
            assert_eq!(device.to_guest.ring.give_frame(&frame, mergeable), Ok(true));
            device.to_guest.call();
            assert!(
                guest.to_guest.events().wait_call(Instant::now() + SOON),
                "the call is the guest's own"
            );
            let mut received = vec![];
            assert!(guest.receive(&mut received));
            assert_eq!(received, frame);
        }
    }
}

#[test]
fn every_step_is_there_and_in_qemus_order() {
    let (_guest, frontend, backend) = attached(GuestOptions::default(), Offer::default());
    frontend.stop().expect("stopped");
    let ring = |index: u32| {
        ["num", "base", "addr", "kick", "call"]
            .map(move |step| format!("{step} {index}"))
            .into_iter()
    };
    let expected: Vec<String> = [
        "features?",
        "protocol features?",
        "protocol features",
        "queues?",
        "owner",
    ]
    .map(String::from)
    .into_iter()
    .chain(["call 0", "call 1", "features", "memory 1"].map(String::from))
    .chain(ring(0))
    .chain(ring(1))
    .chain(["enable 0", "enable 1", "base? 0", "base? 1"].map(String::from))
    .collect();
    assert_eq!(backend.steps(), expected);
}

#[test]
fn stopping_gives_the_bases_and_a_guest_goes_on_from_there() {
    for (packed, bases) in [(false, [1, 3]), (true, [0x8001_8001, 0x8003_8003])] {
        goes_on_after_a_stop(packed, bases);
    }
}

fn goes_on_after_a_stop(packed: bool, bases: [u32; 2]) {
    let options = GuestOptions {
        packed,
        ..GuestOptions::default()
    };
    let (mut guest, frontend, backend) = attached(options, Offer::default());
    let mut device = backend.device();
    for sequence in 0..3 {
        assert!(guest.send(&Builder::new(station(2), station(1)).build(sequence)));
        guest.flush();
        device
            .from_guest
            .ring
            .take_frame()
            .expect("proper")
            .expect("a frame");
    }
    assert_eq!(device.to_guest.ring.give_frame(&[1; 60], true), Ok(true));
    backend.set_bases([device.to_guest.ring.base(), device.from_guest.ring.base()]);
    assert_eq!(frontend.stop().expect("stopped"), bases);
    assert!(guest.receive(&mut vec![]));

    let (backend, stream) = NaiveBackend::start();
    let mut frontend = Frontend::from_stream(stream, SOON).expect("a socket");
    frontend.attach(&guest).expect("attached again");
    let mut device = backend.device();
    let frame = Builder::new(station(2), station(1)).build(4);
    assert!(guest.send(&frame));
    guest.flush();
    assert_eq!(
        device
            .from_guest
            .ring
            .take_frame()
            .map(|taken| taken.map(|(_, frame)| frame)),
        Ok(Some(frame))
    );
    assert_eq!(device.to_guest.ring.give_frame(&[2; 60], true), Ok(true));
    let mut received = vec![];
    assert!(guest.receive(&mut received));
    assert_eq!(received, [2; 60]);
}

#[test]
fn a_ring_can_be_switched_off_and_on() {
    let (_guest, mut frontend, backend) = attached(GuestOptions::default(), Offer::default());
    frontend.enable(TO_GUEST, false).expect("off");
    assert_eq!(backend.enabled(), [false, true]);
    frontend.enable(FROM_GUEST, false).expect("off");
    frontend.enable(TO_GUEST, true).expect("on");
    assert_eq!(backend.enabled(), [true, false]);
}

#[test]
fn what_the_backend_lacks_is_said_before_anything_is_set_up() {
    let guest = Guest::new(GuestOptions::default()).expect("a guest");
    let (backend, stream) = NaiveBackend::start_with(Offer {
        without: features::MRG_RXBUF,
        ..Offer::default()
    });
    let mut frontend = Frontend::from_stream(stream, SOON).expect("a socket");
    let error = frontend.attach(&guest).expect_err("not offered");
    assert!(
        matches!(
            error,
            FrontendError::Features {
                missing: features::MRG_RXBUF,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(backend.steps(), ["features?"]);
}

#[test]
fn a_frontend_waits_for_a_backend_that_comes_late() {
    let path = Path::new("late");
    let listener = path.0.clone();
    let backend = thread::spawn(move || {
        thread::sleep(Duration::from_millis(50));
        UnixListener::bind(listener)
            .expect("a socket")
            .accept()
            .expect("a frontend")
            .0
    });
    let frontend = Frontend::connect(&path.0, SOON).expect("connected");
    let stream = backend.join().expect("the backend does not panic");
    assert!(!frontend.wait_closed(Duration::from_millis(1)));
    drop(stream);
    assert!(frontend.wait_closed(SOON));
}

#[test]
fn a_frontend_can_be_the_one_that_listens() {
    let path = Path::new("listen");
    let socket = path.0.clone();
    let backend = thread::spawn(move || {
        let deadline = Instant::now() + SOON;
        loop {
            match UnixStream::connect(&socket) {
                Ok(stream) => return NaiveBackend::over(stream, Offer::default()),
                Err(error) if Instant::now() > deadline => panic!("no frontend: {error}"),
                Err(_) => thread::sleep(Duration::from_millis(1)),
            }
        }
    });
    let guest = Guest::new(GuestOptions::default()).expect("a guest");
    let mut frontend = Frontend::listen(&path.0, SOON).expect("a backend");
    frontend.attach(&guest).expect("attached");
    assert_eq!(
        backend
            .join()
            .expect("the backend does not panic")
            .enabled(),
        [true, true]
    );
    assert!(!path.0.exists(), "the socket is gone once somebody came");
}

#[test]
fn nobody_at_the_socket_is_an_error_in_time() {
    let path = Path::new("nobody");
    let limit = Duration::from_millis(30);
    let connecting = Frontend::connect(&path.0, limit).err();
    let listening = Frontend::listen(&path.0, limit).err();
    assert!(
        matches!(connecting, Some(FrontendError::NoBackend(_))),
        "{connecting:?}"
    );
    assert!(
        matches!(listening, Some(FrontendError::NoBackend(_))),
        "{listening:?}"
    );
}

#[test]
fn a_silent_backend_is_an_error_in_time() {
    let (ours, _theirs) = UnixStream::pair().expect("sockets");
    let guest = Guest::new(GuestOptions::default()).expect("a guest");
    let mut frontend = Frontend::from_stream(ours, Duration::from_millis(50)).expect("a socket");
    let error = frontend.attach(&guest).expect_err("nobody answers");
    assert!(
        matches!(
            error,
            FrontendError::Silent {
                step: "GET_FEATURES",
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn a_backend_that_hangs_up_is_an_error_with_its_step() {
    let (ours, theirs) = UnixStream::pair().expect("sockets");
    drop(theirs);
    let guest = Guest::new(GuestOptions::default()).expect("a guest");
    let mut frontend = Frontend::from_stream(ours, SOON).expect("a socket");
    let error = frontend.attach(&guest).expect_err("hung up");
    assert!(
        matches!(
            error,
            FrontendError::Protocol {
                step: "GET_FEATURES",
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn a_raw_frontend_sends_bytes_and_files_as_they_are() {
    let (ours, theirs) = UnixStream::pair().expect("sockets");
    let raw = RawFrontend::from_stream(ours, Duration::from_millis(20)).expect("a socket");
    let mut message = Message::new(FrontendReq::SET_VRING_KICK.into())
        .with_u32(7)
        .need_reply();
    message.claimed_size = Some(999);
    for _ in 0..3 {
        message = message
            .with_fd(std::os::fd::AsFd::as_fd(&theirs))
            .expect("a duplicate");
    }
    raw.send(&message).expect("sent");
    let mut bytes = [0; 64];
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(8))];
    let mut control = rustix::net::RecvAncillaryBuffer::new(&mut space);
    let came = rustix::net::recvmsg(
        &theirs,
        &mut [std::io::IoSliceMut::new(&mut bytes)],
        &mut control,
        rustix::net::RecvFlags::empty(),
    )
    .expect("received");
    let words: Vec<u32> = bytes[..came.bytes]
        .chunks(4)
        .map(|word| u32::from_ne_bytes(word.try_into().expect("four")))
        .collect();
    assert_eq!(words, [12, 0b1001, 999, 7]);
    let files: usize = control
        .drain()
        .map(|message| match message {
            rustix::net::RecvAncillaryMessage::ScmRights(files) => files.count(),
            _ => 0,
        })
        .sum();
    assert_eq!(files, 3);
    assert!(matches!(raw.answer(), Ok(Answer::Silent)));
    drop(theirs);
    drop(message);
    assert!(matches!(raw.call(&Message::new(1)), Ok(Answer::Closed)));
}
