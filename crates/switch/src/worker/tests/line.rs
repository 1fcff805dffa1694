//! What a guest behind a bad line sends, and when it arrives.

use super::*;
use crate::DropReason;
use crate::policy::Impairment;

fn bad(impairment: Impairment) -> PortPolicy {
    PortPolicy {
        impairment,
        ..PortPolicy::default()
    }
}

fn delayed(delay_ms: f64) -> PortPolicy {
    bad(Impairment {
        delay_ms,
        ..Impairment::default()
    })
}

/// Numbered where its data begin.
fn numbered(number: u32, len: usize) -> Vec<u8> {
    let mut frame = frame(0, mac(1), len);
    frame[14..18].copy_from_slice(&number.to_be_bytes());
    frame
}

fn number(frame: &[u8]) -> u32 {
    u32::from_be_bytes(*frame[14..].first_chunk().unwrap())
}

fn on_time(play: &mut Play, port: usize, frames: usize, due: Duration) {
    play.run(due - 2 * ROUND);
    let arrived = play.takers[port].got().frames.len();
    assert_eq!(arrived, frames, "before it is due");
}

#[test]
fn a_frame_arrives_as_much_later_as_was_asked_and_the_worker_sleeps_meanwhile() {
    let mut play = Play::new(1, &[delayed(10.0), PortPolicy::default()]);
    play.run(Duration::from_millis(1));
    assert!(play.asleep(0).for_ever);
    play.sent(0, 0).push(&numbered(0, 60));
    play.run(Duration::from_millis(1));
    assert_eq!(
        play.sent(0, 0).completed,
        1,
        "the guest has its buffers back"
    );
    assert!(play.sent(0, 0).is_armed, "it is to kick for the next one");
    // While one is on its way, another one is sent.
    play.run(Duration::from_millis(4));
    play.sent(0, 0).push(&numbered(1, 60));
    let rounds = play.run(Duration::from_millis(4));
    assert!(rounds < 100, "{rounds} rounds for one kick");
    on_time(&mut play, 1, 0, Duration::from_millis(1));
    play.run(4 * ROUND);
    assert_eq!(play.takers[1].got().frames, [numbered(0, 60)]);
    on_time(&mut play, 1, 1, Duration::from_millis(5) - 2 * ROUND);
    play.run(4 * ROUND);
    assert_eq!(play.takers[1].got().frames.len(), 2);
    play.run(Duration::from_millis(1));
    assert!(play.asleep(0).for_ever, "nothing is left to wait for");
}

#[test]
fn frames_have_the_same_fate_however_they_are_sent_and_whoever_serves_the_ring() {
    let policy = bad(Impairment {
        delay_ms: 2.0,
        jitter_ms: 1.0,
        loss_percent: 10.0,
        duplicate_percent: 10.0,
        seed: 42,
        ..Impairment::default()
    });
    let arrived = |burst: usize, moves: bool| {
        let mut play = Play::new(2, &[policy.clone(), PortPolicy::default()]);
        let mut at = 0;
        let frames: Vec<_> = (0..500).map(|which| numbered(which, 100)).collect();
        for frames in frames.chunks(burst) {
            frames.iter().for_each(|frame| play.sent(0, 0).push(frame));
            play.run(Duration::from_micros(100));
            if moves {
                let ring = play.workers[at].detach(PortId(0), 0).unwrap();
                at = 1 - at;
                assert!(play.workers[at].attach(ring).is_ok());
                play.wake();
            }
        }
        play.run(Duration::from_millis(10));
        let lost = play.totals(0).drops[DropReason::LineLoss as usize];
        assert_eq!(lost, play.drops(0) + play.drops(1));
        let got = play.takers[1].got();
        (
            got.frames
                .iter()
                .map(|frame| number(frame))
                .collect::<Vec<_>>(),
            lost,
        )
    };
    let (first, lost) = arrived(500, false);
    assert!(first.is_sorted());
    assert!((20..90).contains(&lost), "{lost} lost");
    assert!(first.len() as u64 > 500 - lost, "none came twice");
    for (burst, moves) in [(1, false), (7, true), (100, true)] {
        assert_eq!(arrived(burst, moves), (first.clone(), lost));
    }
}

#[test]
fn a_line_of_a_rate_delivers_at_that_rate() {
    let slow = bad(Impairment {
        rate: Some(8_000_000),
        ..Impairment::default()
    });
    let mut play = Play::new(1, &[slow, PortPolicy::default()]);
    (0..100).for_each(|which| play.sent(0, 0).push(&numbered(which, 1000)));
    // A millisecond each.
    play.run(Duration::from_micros(50_500));
    assert_eq!(play.takers[1].got().frames.len(), 50);
    play.run(Duration::from_millis(50));
    assert_eq!(play.takers[1].got().frames.len(), 100);
    assert_eq!(play.drops(0) + play.drops(1), 0);
}

#[test]
fn a_line_is_set_and_lifted_while_frames_are_on_it() {
    let mut play = Play::new(1, &[PortPolicy::default(), PortPolicy::default()]);
    let send = |play: &Play, which| play.sent(0, 0).push(&numbered(which, 60));
    send(&play, 0);
    play.run(Duration::from_millis(1));
    play.set(0, delayed(1000.0));
    send(&play, 1);
    play.run(Duration::from_millis(1));
    assert_eq!(play.takers[1].got().frames.len(), 1);
    // Something else: it is on its way still.
    let other = PortPolicy {
        isolated: true,
        ..delayed(1000.0)
    };
    play.set(0, other);
    play.run(Duration::from_millis(1));
    assert_eq!(play.takers[1].got().frames.len(), 1);
    play.set(0, PortPolicy::default());
    send(&play, 2);
    play.run(Duration::from_millis(1));
    let got: Vec<_> = play.takers[1]
        .got()
        .frames
        .iter()
        .map(|frame| number(frame))
        .collect();
    assert_eq!(got, [0, 1, 2]);
    assert_eq!(play.drops(0) + play.drops(1), 0);
    let has_line =
        |ring: &Option<Box<Ring>>| ring.as_ref().is_some_and(|ring| ring.transit.is_some());
    assert!(!play.workers[0].rings.iter().any(has_line));
    // Set again, it has the memory that it had.
    let memory = play.state.lines();
    play.set(0, delayed(1.0));
    send(&play, 3);
    play.run(Duration::from_millis(2));
    assert_eq!(play.takers[1].got().frames.len(), 4);
    assert_eq!(play.state.lines(), memory);
}

#[test]
fn what_is_on_the_line_of_a_ring_that_stops_is_counted_as_lost() {
    let mut play = Play::new(1, &[delayed(10.0), PortPolicy::default()]);
    (0..5).for_each(|which| play.sent(0, 0).push(&numbered(which, 60)));
    play.run(Duration::from_millis(1));
    assert!(play.workers[0].end(PortId(0), 0).is_some());
    let totals = play.totals(0);
    assert_eq!(totals.drops[DropReason::LineLoss as usize], 5);
    assert_eq!(totals.from_guest_frames, 5);
}

#[test]
fn a_receiver_without_buffers_is_waited_for_and_gets_all() {
    let mut play = Play::new(1, &[delayed(1.0), PortPolicy::default()]);
    play.takers[1].got().post(2);
    (0..6).for_each(|which| play.sent(0, 0).push(&numbered(which, 60)));
    play.run(Duration::from_millis(2));
    assert_eq!(play.takers[1].got().frames.len(), 2);
    play.takers[1].got().post(10);
    play.run(Duration::from_millis(1));
    let got: Vec<_> = play.takers[1]
        .got()
        .frames
        .iter()
        .map(|frame| number(frame))
        .collect();
    assert_eq!(got, [0, 1, 2, 3, 4, 5]);
    assert_eq!(play.drops(0) + play.drops(1), 0);
}

#[test]
fn frames_that_wait_for_buffers_when_a_line_is_set_go_over_it() {
    let mut play = Play::new(1, &[PortPolicy::default(), PortPolicy::default()]);
    play.takers[1].got().post(0);
    (0..3).for_each(|which| play.sent(0, 0).push(&numbered(which, 60)));
    play.run(Duration::from_millis(1));
    assert_eq!(play.sent(0, 0).completed, 0);
    play.set(0, delayed(1.0));
    play.run(Duration::from_micros(100));
    assert_eq!(play.sent(0, 0).completed, 3);
    play.takers[1].got().post(10);
    play.run(Duration::from_micros(800));
    assert_eq!(play.takers[1].got().frames.len(), 0);
    play.run(Duration::from_micros(200));
    let got: Vec<_> = play.takers[1]
        .got()
        .frames
        .iter()
        .map(|frame| number(frame))
        .collect();
    assert_eq!(got, [0, 1, 2]);
}
