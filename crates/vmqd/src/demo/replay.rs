//! A capture goes in at guest 0's port and comes out at guest 1's, every frame in its order.
//!
//! A capture has both directions of a conversation, and here both leave from one port. A switch that
//! learns would rightly keep a frame whose destination has just spoken from that same port. So guest
//! 1's port owns every address that the capture sends to: a configured address is never learnt
//! elsewhere.
//!
//! Never more is on the way than guest 1 has receive buffers for: how long a thread waits for a core then
//! says nothing about the switch.

use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use testkit::net_header::NET_HEADER;
use vmq::Mac;

use super::DemoError;
use super::capture::{CaptureError, Recording, each_frame};
use super::lab::{Attached, BUFFER_SIZE, Lab, RECEIVE_BUFFERS, filter_for, mac_of};
use super::report::{Queue, Report};

/// A frame that has not arrived by then is lost: the switch holds frames for far less.
const PATIENCE: Duration = Duration::from_secs(2);

/// Replays `capture` and records what arrives to `write`, if there is one.
pub(super) fn run(capture: &Path, write: Option<&Path>) -> Result<Report, DemoError> {
    let of_capture = |error| DemoError::Capture {
        path: capture.to_path_buf(),
        error,
    };
    let destinations = destinations(capture).map_err(of_capture)?;
    let own = mac_of(0);
    let elsewhere = destinations
        .into_iter()
        .filter(|mac| *mac != own)
        .map(filter_for)
        .collect();
    let (lab, mut guests) = Lab::set_up(vec![vec![filter_for(own)], elsewhere])?;
    let (Some(to), Some(from)) = (guests.pop(), guests.pop()) else {
        return Err(DemoError::NothingMoved);
    };
    let record = write
        .map(|path| Tape::create(path.to_path_buf()))
        .transpose()?;
    let mut line = Line {
        from,
        to,
        on_the_way: VecDeque::new(),
        buffers_taken: 0,
        tape: record,
        tally: Tally::default(),
        arrived: Vec::new(),
    };

    let before = lab.status();
    let start = Instant::now();
    each_frame(capture, |frame| line.send(frame)).map_err(|error| match error {
        Halt::Capture(error) => of_capture(error),
        Halt::Demo(error) => error,
    })?;
    line.drain()?;
    let elapsed = start.elapsed();
    let after = lab.status();
    if let Some(tape) = line.tape {
        tape.finish()?;
    }
    let queues = after
        .ports
        .iter()
        .zip(&before.ports)
        .map(|(after, before)| Queue::between(before, after, None, elapsed));
    let Tally {
        lost,
        altered,
        moved,
    } = line.tally;
    Ok(Report::new(queues.collect(), elapsed, lost, altered, moved))
}

/// The single stations that frames of the capture are addressed to.
fn destinations(capture: &Path) -> Result<BTreeSet<Mac>, CaptureError> {
    let mut destinations = BTreeSet::new();
    each_frame(capture, |frame| {
        if let Some(octets) = frame.first_chunk() {
            destinations.extend(Some(Mac(*octets)).filter(|mac| !mac.is_multicast()));
        }
        Ok::<_, CaptureError>(())
    })?;
    Ok(destinations)
}

/// Why the replay was broken off: the capture or something else.
enum Halt {
    Capture(CaptureError),
    Demo(DemoError),
}

impl From<CaptureError> for Halt {
    fn from(error: CaptureError) -> Self {
        Self::Capture(error)
    }
}

impl From<DemoError> for Halt {
    fn from(error: DemoError) -> Self {
        Self::Demo(error)
    }
}

/// The two guests and what is between them.
struct Line {
    from: Attached,
    to: Attached,
    /// Sent and not seen to arrive, oldest first.
    on_the_way: VecDeque<Vec<u8>>,
    /// Receive buffers that those take.
    buffers_taken: usize,
    tape: Option<Tape>,
    tally: Tally,
    arrived: Vec<u8>,
}

/// Bytes of frames.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    lost: u64,
    altered: u64,
    moved: u64,
}

impl Line {
    fn send(&mut self, frame: &[u8]) -> Result<(), Halt> {
        let needed = buffers_for(frame.len());
        while self.buffers_taken + needed > usize::from(RECEIVE_BUFFERS) {
            self.receive_some()?;
        }
        while !self.from.guest.send(frame) {
            if !self.from.guest.from_guest.wait_for_room(PATIENCE) {
                return Err(DemoError::Stuck.into());
            }
        }
        self.on_the_way.push_back(frame.to_vec());
        self.buffers_taken += needed;
        Ok(())
    }

    /// Receives until nothing is on its way.
    fn drain(&mut self) -> Result<(), DemoError> {
        while !self.on_the_way.is_empty() {
            self.receive_some()?;
        }
        Ok(())
    }

    /// Waits for frames and takes those that have arrived. If none come, what is on its way is lost.
    fn receive_some(&mut self) -> Result<(), DemoError> {
        self.from.guest.flush();
        if !self.to.guest.wait(PATIENCE) {
            self.tally.lost += self
                .on_the_way
                .drain(..)
                .map(|frame| frame.len() as u64)
                .sum::<u64>();
        }
        while self.to.guest.receive(&mut self.arrived) {
            self.tally.add(&mut self.on_the_way, &self.arrived);
            if let Some(tape) = &mut self.tape {
                tape.add(&self.arrived)?;
            }
        }
        self.buffers_taken = self
            .on_the_way
            .iter()
            .map(|frame| buffers_for(frame.len()))
            .sum();
        Ok(())
    }
}

/// Receive buffers that a frame takes, with the header in front of it.
fn buffers_for(len: usize) -> usize {
    (NET_HEADER + len).div_ceil(BUFFER_SIZE as usize)
}

impl Tally {
    /// Judges a frame that has arrived. One that is on its way further behind tells that those before
    /// it are lost; one that is not on its way at all is the next, altered.
    fn add(&mut self, on_the_way: &mut VecDeque<Vec<u8>>, arrived: &[u8]) {
        self.moved += arrived.len() as u64;
        if let Some(at) = on_the_way.iter().position(|sent| sent == arrived) {
            self.lost += on_the_way
                .drain(..at)
                .map(|frame| frame.len() as u64)
                .sum::<u64>();
            on_the_way.pop_front();
            return;
        }
        let sent = on_the_way.pop_front().unwrap_or_default();
        let differing = sent.iter().zip(arrived).filter(|(a, b)| a != b).count() as u64;
        self.altered += differing + sent.len().abs_diff(arrived.len()) as u64;
    }
}

/// The recording and its name.
struct Tape {
    recording: Recording,
    path: PathBuf,
}

impl Tape {
    fn create(path: PathBuf) -> Result<Self, DemoError> {
        match Recording::create(&path) {
            Ok(recording) => Ok(Self { recording, path }),
            Err(error) => Err(DemoError::Capture { path, error }),
        }
    }

    fn add(&mut self, frame: &[u8]) -> Result<(), DemoError> {
        self.recording
            .add(frame)
            .map_err(|error| DemoError::Capture {
                path: self.path.clone(),
                error,
            })
    }

    fn finish(self) -> Result<(), DemoError> {
        let Self { recording, path } = self;
        recording
            .finish()
            .map_err(|error| DemoError::Capture { path, error })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(sent: &[&[u8]], arrived: &[&[u8]]) -> (Tally, usize) {
        let mut on_the_way: VecDeque<_> = sent.iter().map(|frame| frame.to_vec()).collect();
        let mut tally = Tally::default();
        arrived
            .iter()
            .for_each(|frame| tally.add(&mut on_the_way, frame));
        (tally, on_the_way.len())
    }

    #[test]
    fn frames_that_arrive_in_order_are_neither_lost_nor_altered() {
        let all: [&[u8]; 3] = [b"aaaa", b"bb", b"aaaa"];
        assert_eq!(
            tally(&all, &all),
            (
                Tally {
                    lost: 0,
                    altered: 0,
                    moved: 10
                },
                0
            )
        );
    }

    #[test]
    fn a_gap_is_lost() {
        let (tally, rest) = tally(&[b"aaaa", b"bb", b"ccc"], &[b"ccc"]);
        assert_eq!(
            (tally, rest),
            (
                Tally {
                    lost: 6,
                    altered: 0,
                    moved: 3
                },
                0
            )
        );
    }

    #[test]
    fn an_altered_frame_counts_the_bytes_that_differ() {
        let (tally, rest) = tally(&[b"aaaa", b"bb"], &[b"abab", b"bb"]);
        assert_eq!(
            (tally, rest),
            (
                Tally {
                    lost: 0,
                    altered: 2,
                    moved: 6
                },
                0
            )
        );
    }

    #[test]
    fn a_frame_that_comes_twice_counts_as_altered() {
        assert_eq!(
            tally(&[b"aaaa"], &[b"aaaa", b"aaaa"]).0,
            Tally {
                lost: 0,
                altered: 4,
                moved: 8
            }
        );
    }

    #[test]
    fn frames_that_change_places_are_lost() {
        let (tally, _) = tally(&[b"aaaa", b"bb"], &[b"bb", b"aaaa"]);
        assert_eq!((tally.lost, tally.altered), (4, 4));
    }
}
