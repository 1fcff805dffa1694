//! A guest double that costs as little as a driver can: frames are written once and sent again and again, received ones are
//! counted and their buffers posted anew.
//!
//! Slots to send from are taken in turn over all of them, so that the switch finds its frames all over the guest's memory. The
//! doubles share one CPU; [`Flow`] says how busy it was, and how often the switch had no room, so that a generator at its
//! limit is not taken for the switch's.

use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

use shmem::Window;
use testkit::frames::{BROADCAST, Builder, Mac, station};
use testkit::frontend::Frontend;
use testkit::guest::features::OFFLOADS;
use testkit::guest::{Guest, GuestOptions, Ram};
use testkit::net_header::{F_NEEDS_CSUM, GSO_TCPV4, NET_HEADER, NetHeader};
use testkit::packets;
use testkit::ring::Buf;

use crate::Result;
use crate::lab::PATIENCE;

/// Frames offered and taken at a time, as drivers do.
pub const BURST: u16 = 32;

const ETHERNET: usize = 14;
const TCP: usize = ETHERNET + 20;
const IPV4: u16 = 0x0800;

/// How a guest's rings are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Descriptor table, available ring, used ring (virtio 1.2, 2.7).
    Split,
    /// One ring of descriptors (virtio 1.2, 2.8).
    Packed,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::Split => "split",
            Format::Packed => "packed",
        })
    }
}

/// What kind of guests take part in a measurement.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// How the rings are laid out.
    pub format: Format,
    /// Descriptors in each ring.
    pub ring: u16,
    /// Bytes of each receive buffer.
    pub buffer: u32,
    /// Frames on the way at a time, at most.
    pub window: u16,
    /// Whether every byte of a frame is written before it is sent and read after it came.
    pub touch: bool,
    /// Whether they leave checksums and cutting to each other.
    pub offloads: bool,
}

impl Kind {
    /// Rings and buffers as guests have them for frames of `len` bytes: Linux posts pages where frames are large.
    pub fn for_frames(format: Format, len: usize) -> Kind {
        let is_large = len + NET_HEADER > 2048;
        Kind {
            format,
            ring: if is_large { 1024 } else { 256 },
            buffer: if is_large { 4096 } else { 2048 },
            window: if is_large { 64 } else { 256 },
            touch: false,
            offloads: false,
        }
    }

    /// A guest that is attached and then says nothing: small rings, as there may be hundreds.
    pub fn quiet() -> Kind {
        Kind {
            format: Format::Split,
            ring: 64,
            buffer: 2048,
            window: 1,
            touch: false,
            offloads: false,
        }
    }
}

/// A guest, attached or to be attached.
pub struct Machine {
    number: u32,
    guest: Guest,
    frontend: Option<Frontend>,
    kind: Kind,
    slots: Slots,
    frame: Vec<u8>,
    arrived: Vec<u8>,
}

/// Places to send from, at the end of the guest's memory.
struct Slots {
    gpa: u64,
    stride: u64,
    count: u64,
    next: u64,
    len: u32,
}

impl Machine {
    /// Station `number`, with slots for frames of up to `len` bytes.
    pub fn new(number: u32, kind: Kind, len: usize) -> Result<Machine> {
        // An odd number of cache lines: slots spread over all sets of a cache.
        let stride = (((NET_HEADER + len).div_ceil(64) | 1) * 64) as u64;
        let slots = stride * u64::from(kind.window);
        // What the double lays out for itself, generously: it is a sparse file.
        let own = (16 << 20) + u64::from(kind.ring) * u64::from(kind.buffer + 8192);
        let guest = Guest::new(GuestOptions {
            memory: (own + slots).next_multiple_of(4096),
            ring_size: kind.ring,
            buffer_size: kind.buffer,
            packed: kind.format == Format::Packed,
            indirect: false,
            offloads: if kind.offloads { OFFLOADS } else { 0 },
            ..GuestOptions::default()
        })?;
        let gpa = Ram::GPA + guest.ram().bytes() - slots;
        Ok(Machine {
            number,
            guest,
            frontend: None,
            kind,
            slots: Slots {
                gpa,
                stride,
                count: kind.window.into(),
                next: 0,
                len: 0,
            },
            frame: Vec::new(),
            arrived: Vec::new(),
        })
    }

    /// Plugs it into a switch that listens at `socket`.
    pub fn connect(&mut self, socket: &Path) -> Result<()> {
        let mut frontend = Frontend::connect(socket, PATIENCE)?;
        frontend.attach(&self.guest)?;
        self.frontend = Some(frontend);
        Ok(())
    }

    /// Plugs it into a switch that comes to `socket` by itself.
    pub fn listen(&mut self, socket: &Path) -> Result<()> {
        let mut frontend = Frontend::listen(socket, PATIENCE)?;
        frontend.attach(&self.guest)?;
        self.frontend = Some(frontend);
        Ok(())
    }

    /// Sends one frame from each of these addresses, to nobody, so that a switch learns them.
    pub fn speak_as(&mut self, sources: impl IntoIterator<Item = Mac>) -> Result<()> {
        for source in sources {
            let frame = Builder::new(source, source).build(0);
            if !self.guest.send(&frame) || !self.guest.from_guest.wait_until_used(PATIENCE) {
                return Err("the switch takes no frames".into());
            }
        }
        Ok(())
    }

    /// Its address.
    pub fn mac(&self) -> Mac {
        station(self.number)
    }

    /// The guest, for what is not measured here.
    pub fn guest(&mut self) -> &mut Guest {
        &mut self.guest
    }

    /// From here on it sends frames of `len` bytes to `dst`.
    pub fn aim(&mut self, dst: Mac, len: usize) {
        let frame = Builder::new(dst, self.mac()).len(len).build(0);
        self.load(NetHeader::default(), &frame);
    }

    /// From here on it sends UDP datagrams over IPv4 in frames of `len` bytes to `dst`.
    pub fn aim_datagrams(&mut self, dst: Mac, len: usize) {
        let mut frame = Builder::new(dst, self.mac())
            .ethertype(IPV4)
            .len(len)
            .build(0);
        let header = packets::Ipv4::new([10, 0, 0, 1].into(), [10, 0, 0, 2].into(), packets::UDP);
        let packet = header.packet(&packets::udp(1000, 2000, &frame[ETHERNET + 28..]));
        frame[ETHERNET..].copy_from_slice(&packet);
        self.load(NetHeader::default(), &frame);
    }

    /// From here on it sends TCP segments of `len` bytes to `dst` that are to be cut by whoever cannot take them whole.
    pub fn aim_large_segments(&mut self, dst: Mac, len: usize) {
        let mut frame = Builder::new(dst, self.mac())
            .ethertype(IPV4)
            .len(len)
            .build(0);
        frame[ETHERNET..ETHERNET + 20].copy_from_slice(&[
            0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
        ]);
        frame[ETHERNET + 2..ETHERNET + 4].copy_from_slice(&((len - ETHERNET) as u16).to_be_bytes());
        // Twenty bytes of TCP header, ACK.
        frame[TCP + 12..TCP + 14].copy_from_slice(&[0x50, 0x10]);
        let header = NetHeader {
            flags: F_NEEDS_CSUM,
            gso_type: GSO_TCPV4,
            hdr_len: TCP as u16 + 20,
            gso_size: 1448,
            csum_start: TCP as u16,
            csum_offset: 16,
            num_buffers: 0,
        };
        self.load(header, &frame);
    }

    fn load(&mut self, header: NetHeader, frame: &[u8]) {
        self.frame = header.to_bytes().to_vec();
        self.frame.extend_from_slice(frame);
        self.slots.len = self.frame.len() as u32;
        for slot in 0..self.slots.count {
            self.write(slot);
        }
    }

    /// Offers up to `count` frames and tells the switch. Gives how many the ring took.
    #[inline]
    pub fn send(&mut self, count: u16) -> u16 {
        let room = {
            let ring = self.guest.from_guest.ring_mut();
            while ring.poll_used().is_some() {}
            self.kind.window - ring.in_flight().min(self.kind.window)
        };
        let mut sent = 0;
        while sent < count.min(room) {
            let slot = self.slots.next;
            if self.kind.touch {
                self.write(slot);
            }
            let buf = Buf {
                gpa: self.slots.gpa + slot * self.slots.stride,
                len: self.slots.len,
            };
            let ring = self.guest.from_guest.ring_mut();
            if ring.add_chain(&[buf], &[]).is_none() {
                break;
            }
            self.slots.next = if slot + 1 == self.slots.count {
                0
            } else {
                slot + 1
            };
            sent += 1;
        }
        self.guest.from_guest.flush();
        sent
    }

    /// Takes up to `count` frames and posts their buffers anew. Gives how many there were.
    #[inline]
    pub fn receive(&mut self, count: u16) -> u64 {
        if !self.kind.touch {
            return self.guest.to_guest.drain(count.into()).frames;
        }
        let mut frames = 0;
        while frames < u64::from(count) && self.guest.to_guest.receive(&mut self.arrived).is_some()
        {
            frames += 1;
        }
        frames
    }

    /// Receives until nothing has come for a while. That is told by the clock, so callgrind leaves it out by its name.
    #[inline(never)]
    pub fn quieten(&mut self) {
        let mut quiet_since = Instant::now();
        while quiet_since.elapsed() < Duration::from_millis(20) {
            let ring = self.guest.from_guest.ring_mut();
            while ring.poll_used().is_some() {}
            if self.receive(BURST) > 0 {
                quiet_since = Instant::now();
            }
        }
    }

    /// A place to send from, with what was last written there; numbers go round.
    pub fn slot(&self, number: u64) -> Window<'_> {
        let gpa = self.slots.gpa + number % self.slots.count * self.slots.stride;
        self.guest.ram().window(gpa, self.slots.len)
    }

    fn write(&self, slot: u64) {
        self.slot(slot).write(&self.frame);
    }
}

/// Makes every machine known to a switch that learns.
pub fn introduce(machines: &mut [&mut Machine]) -> Result<()> {
    let end = Instant::now() + PATIENCE;
    for machine in machines.iter_mut() {
        machine.aim(BROADCAST, 60);
        while machine.send(1) == 0 {
            if Instant::now() > end {
                return Err("the switch takes no frames".into());
            }
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    for machine in machines {
        machine.quieten();
    }
    Ok(())
}

/// What went through in a window.
#[derive(Clone, Copy, Debug, Default)]
pub struct Flow {
    /// Frames that arrived.
    pub frames: u64,
    /// How long the window was.
    pub seconds: f64,
    /// Share of the window in which the guests had something to do.
    pub busy: f64,
    /// Share of offered bursts that found less room than they needed.
    pub refused: f64,
    /// Nanoseconds that the switch's worker worked for each frame it finished; NaN where it does not say.
    pub worker_ns: f64,
    /// Frames that the worker finished in each turn that finished any; NaN where it does not say.
    pub worker_burst: f64,
}

impl Flow {
    /// Frames a second, in millions.
    pub fn mframes(&self) -> f64 {
        self.frames as f64 / self.seconds / 1e6
    }
}

/// Sends from one machine to the other for `time`.
pub fn one_way(from: &mut Machine, to: &mut Machine, time: Duration) -> Flow {
    let mut flow = Flow {
        worker_ns: f64::NAN,
        worker_burst: f64::NAN,
        ..Flow::default()
    };
    let (mut offered, mut refused) = (0u64, 0u64);
    let start = Instant::now();
    let mut now = start;
    let mut busy = Duration::ZERO;
    while now - start < time {
        let got = to.receive(BURST);
        let sent = from.send(BURST);
        flow.frames += got;
        offered += 1;
        refused += u64::from(sent < BURST);
        let then = Instant::now();
        if got > 0 || sent > 0 {
            busy += then - now;
        }
        now = then;
    }
    flow.seconds = (now - start).as_secs_f64();
    flow.busy = busy.as_secs_f64() / flow.seconds;
    flow.refused = refused as f64 / offered.max(1) as f64;
    to.quieten();
    from.quieten();
    flow
}
