//! One guest at work: an IP stack that answers pings, pings its peer, and moves a TCP stream each way.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError};
use std::time::{Duration, Instant};

use smoltcp::iface::{Config, Interface, PollResult, SocketHandle, SocketSet};
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::socket::{icmp, tcp};
use smoltcp::wire::{EthernetAddress, Icmpv4Packet, Icmpv4Repr, IpAddress, IpCidr, Ipv4Address};

use super::lab::{Attached, mac_of};
use super::stack::{Bell, Card};
use super::stream::Stream;

/// Bytes of a TCP socket's buffers, each way.
const TCP_BUFFER: usize = 512 * 1024;
const TCP_PORT: u16 = 5001;
const PING_PAYLOAD: [u8; 56] = [0x61; 56];
const PINGS: usize = 100;
/// The first answer has waited for an address to be resolved and is not counted.
const PINGS_NOT_COUNTED: usize = 1;
const PING_TIMEOUT: Duration = Duration::from_secs(2);
/// How long after its end a stream may still be on its way.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest sleep, for a TCP timer may be due that nobody announced.
const NAP: Duration = Duration::from_millis(100);

/// What a station is asked to do.
#[derive(Clone, Copy, Debug)]
pub(super) enum Order {
    /// Ping the peer.
    Ping,
    /// Send to the peer until then, and receive until the peer has ended.
    Stream { until: Instant },
}

/// What came of it.
#[derive(Debug)]
pub(super) enum Answer {
    /// Round trips; none if the peer did not answer.
    Pinged(Vec<Duration>),
    Streamed(Streamed),
}

/// Bytes of a stream's payload.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Streamed {
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) altered: u64,
}

pub(super) struct Station {
    number: usize,
    card: Card,
    interface: Interface,
    sockets: SocketSet<'static>,
    icmp: SocketHandle,
    tcp: SocketHandle,
    bell: Arc<Bell>,
    orders: Receiver<Order>,
    answers: Sender<(usize, Answer)>,
    pinging: Option<Pinging>,
    streaming: Option<Streaming>,
}

#[derive(Default)]
struct Pinging {
    sequence: u16,
    /// When the request went out that waits for its answer.
    sent_at: Option<Instant>,
    round_trips: Vec<Duration>,
}

struct Streaming {
    until: Instant,
    outgoing: Stream,
    incoming: Stream,
    altered: u64,
}

/// Stations come in pairs: 0 and 1, 2 and 3, ...
pub(super) fn peer_of(number: usize) -> usize {
    number ^ 1
}

impl Station {
    pub(super) fn new(
        number: usize,
        attached: Attached,
        bell: Arc<Bell>,
        orders: Receiver<Order>,
        answers: Sender<(usize, Answer)>,
    ) -> Self {
        let mut card = Card::new(attached);
        let mut config = Config::new(EthernetAddress(mac_of(number).0).into());
        config.random_seed = number as u64;
        let mut interface = Interface::new(config, &mut card, smoltcp::time::Instant::now());
        interface.update_ip_addrs(|addresses| {
            addresses
                .push(IpCidr::new(address_of(number), 24))
                .expect("an interface has room for an address");
        });
        let mut sockets = SocketSet::new(Vec::new());
        let packets =
            || icmp::PacketBuffer::new(vec![icmp::PacketMetadata::EMPTY; 4], vec![0; 1024]);
        let mut ping = icmp::Socket::new(packets(), packets());
        ping.bind(icmp::Endpoint::Ident(identifier(number)))
            .expect("a fresh socket can be bound");
        let buffer = || tcp::SocketBuffer::new(vec![0; TCP_BUFFER]);
        let mut stream = tcp::Socket::new(buffer(), buffer());
        if !connects(number) {
            stream.listen(TCP_PORT).expect("a fresh socket can listen");
        }
        Self {
            number,
            card,
            interface,
            icmp: sockets.add(ping),
            tcp: sockets.add(stream),
            sockets,
            bell,
            orders,
            answers,
            pinging: None,
            streaming: None,
        }
    }

    /// Works until whoever gives the orders has gone.
    pub(super) fn run(mut self) {
        loop {
            match self.orders.try_recv() {
                Ok(Order::Ping) => self.pinging = Some(Pinging::default()),
                Ok(Order::Stream { until }) => self.begin_stream(until),
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Disconnected) => return,
            }
            let now = smoltcp::time::Instant::now();
            let polled = self.interface.poll(now, &mut self.card, &mut self.sockets);
            self.card.flush();
            let has_pinged = self.go_on_pinging();
            let has_streamed = self.go_on_streaming();
            if polled == PollResult::None && !has_pinged && !has_streamed {
                let delay = self
                    .interface
                    .poll_delay(smoltcp::time::Instant::now(), &self.sockets);
                let delay = delay.map_or(NAP, |delay| Duration::from(delay).min(NAP));
                // The stack would send at once, but the card has no room: its bell tells when.
                let delay = if self.card.is_blocked() { NAP } else { delay };
                if !delay.is_zero() {
                    self.card.wait(&self.bell, delay);
                }
            }
        }
    }

    fn answer(&self, answer: Answer) {
        // Nobody listens any more: the orders will end as well.
        let _ = self.answers.send((self.number, answer));
    }

    /// True if something is to be sent.
    fn go_on_pinging(&mut self) -> bool {
        let Some(pinging) = &mut self.pinging else {
            return false;
        };
        let socket = self.sockets.get_mut::<icmp::Socket>(self.icmp);
        let identifier = identifier(self.number);
        while let Ok((bytes, _)) = socket.recv() {
            if let Some(sent_at) = pinging.sent_at
                && is_reply(bytes, identifier, pinging.sequence)
            {
                pinging.round_trips.push(sent_at.elapsed());
                pinging.sequence += 1;
                pinging.sent_at = None;
            }
        }
        match pinging.sent_at {
            Some(sent_at) if sent_at.elapsed() > PING_TIMEOUT => pinging.round_trips.clear(),
            Some(_) => return false,
            None if pinging.round_trips.len() < PINGS => {
                pinging.sent_at = Some(Instant::now());
                send_request(
                    socket,
                    identifier,
                    pinging.sequence,
                    address_of(peer_of(self.number)),
                );
                return true;
            }
            None => drop(pinging.round_trips.drain(..PINGS_NOT_COUNTED)),
        }
        let round_trips = std::mem::take(&mut pinging.round_trips);
        self.pinging = None;
        self.answer(Answer::Pinged(round_trips));
        false
    }

    fn begin_stream(&mut self, until: Instant) {
        let key = |number: usize| 0x766d_7100 + number as u64;
        let peer = peer_of(self.number);
        self.streaming = Some(Streaming {
            until,
            outgoing: Stream::new(key(self.number)),
            incoming: Stream::new(key(peer)),
            altered: 0,
        });
        if connects(self.number) {
            let socket = self.sockets.get_mut::<tcp::Socket>(self.tcp);
            let local_port = 49_152 + self.number as u16;
            socket
                .connect(
                    self.interface.context(),
                    (address_of(peer), TCP_PORT),
                    local_port,
                )
                .expect("a fresh socket can connect");
        }
    }

    /// True if bytes were moved between the socket and the stream.
    fn go_on_streaming(&mut self) -> bool {
        let Some(streaming) = &mut self.streaming else {
            return false;
        };
        let socket = self.sockets.get_mut::<tcp::Socket>(self.tcp);
        let before = (streaming.outgoing.position(), streaming.incoming.position());
        while socket.can_recv() {
            let Streaming {
                incoming, altered, ..
            } = streaming;
            let taken = socket.recv(|bytes| {
                *altered += incoming.check(bytes);
                (bytes.len(), ())
            });
            if taken.is_err() {
                break;
            }
        }
        let now = Instant::now();
        if now < streaming.until {
            while socket.can_send() {
                let outgoing = &mut streaming.outgoing;
                let filled = socket.send(|bytes| {
                    outgoing.fill(bytes);
                    (bytes.len(), ())
                });
                if filled.is_err() {
                    break;
                }
            }
        } else {
            socket.close();
        }
        let has_moved = before != (streaming.outgoing.position(), streaming.incoming.position());
        let has_ended = now >= streaming.until
            && !socket.may_recv()
            && !socket.can_recv()
            && socket.send_queue() == 0;
        if has_ended || now > streaming.until + DRAIN_TIMEOUT {
            let streamed = Streamed {
                sent: streaming.outgoing.position(),
                received: streaming.incoming.position(),
                altered: streaming.altered,
            };
            self.streaming = None;
            self.answer(Answer::Streamed(streamed));
        }
        has_moved
    }
}

fn connects(number: usize) -> bool {
    number.is_multiple_of(2)
}

fn address_of(number: usize) -> IpAddress {
    IpAddress::Ipv4(Ipv4Address::new(
        10,
        86,
        0,
        u8::try_from(number + 1).unwrap_or(u8::MAX),
    ))
}

/// Tells the pings of one guest from those of another.
fn identifier(number: usize) -> u16 {
    0x7600 + number as u16
}

fn send_request(socket: &mut icmp::Socket<'_>, identifier: u16, sequence: u16, to: IpAddress) {
    let request = Icmpv4Repr::EchoRequest {
        ident: identifier,
        seq_no: sequence,
        data: &PING_PAYLOAD,
    };
    if let Ok(bytes) = socket.send(request.buffer_len(), to) {
        request.emit(
            &mut Icmpv4Packet::new_unchecked(bytes),
            &ChecksumCapabilities::default(),
        );
    }
}

fn is_reply(bytes: &[u8], identifier: u16, sequence: u16) -> bool {
    let Ok(packet) = Icmpv4Packet::new_checked(bytes) else {
        return false;
    };
    let wanted = Icmpv4Repr::EchoReply {
        ident: identifier,
        seq_no: sequence,
        data: &PING_PAYLOAD,
    };
    Icmpv4Repr::parse(&packet, &ChecksumCapabilities::default()) == Ok(wanted)
}
