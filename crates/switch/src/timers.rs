//! Which rings wait for which time.
//!
//! A ring has at most one time, named by its token. Times that were changed or cleared stay in the heap until they come to
//! its top, or until it is full of them; so nothing is searched, and nothing is allocated once all rings are known.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

use crate::doorbell::Token;

#[derive(Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<(Instant, u32)>>,
    /// By token. What the heap says otherwise is out of date.
    times: Vec<Option<Instant>>,
}

impl Timers {
    /// Makes room for the tokens below `tokens`.
    pub(crate) fn grow(&mut self, tokens: usize) {
        if tokens > self.times.len() {
            self.times.resize(tokens, None);
            self.heap
                .reserve((2 * tokens).saturating_sub(self.heap.len()));
        }
    }

    /// The ring waits for `time`, whatever it waited for before.
    pub(crate) fn set(&mut self, token: Token, time: Instant) {
        let Some(place) = self.times.get_mut(token.0 as usize) else {
            return;
        };
        if *place == Some(time) {
            return;
        }
        *place = Some(time);
        if self.heap.len() < self.heap.capacity() {
            self.heap.push(Reverse((time, token.0)));
        } else {
            self.heap.clear();
            let all = (0..).zip(&self.times);
            self.heap
                .extend(all.filter_map(|(token, time)| Some(Reverse(((*time)?, token)))));
        }
    }

    /// The ring waits for no time any more; what it waited for.
    pub(crate) fn clear(&mut self, token: Token) -> Option<Instant> {
        self.times.get_mut(token.0 as usize)?.take()
    }

    /// Whether no ring waits, as far as is known without a search.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// The next time that a ring waits for.
    pub(crate) fn next(&mut self) -> Option<Instant> {
        while let Some(entry) = self.heap.peek() {
            if is_so(&self.times, entry) {
                return Some(entry.0.0);
            }
            self.heap.pop();
        }
        None
    }

    /// A ring whose time has come, the one that waited for the earliest first. It waits no more.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<Token> {
        if self.next()? > now {
            return None;
        }
        let Reverse((_, token)) = self.heap.pop()?;
        self.clear(Token(token));
        Some(Token(token))
    }
}

fn is_so(times: &[Option<Instant>], Reverse((time, token)): &Reverse<(Instant, u32)>) -> bool {
    times.get(*token as usize) == Some(&Some(*time))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    const RINGS: u32 = 5;

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Set(u32, u64),
        Clear(u32),
        Pop(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0..RINGS, 0..50u64).prop_map(|(ring, at)| Step::Set(ring, at)),
            (0..RINGS).prop_map(Step::Clear),
            (0..50u64).prop_map(Step::Pop),
        ]
    }

    proptest! {
        #[test]
        fn they_are_what_a_naive_list_is_and_never_grow(steps in prop::collection::vec(step(), 0..300)) {
            let start = Instant::now();
            let at = |ms| start + Duration::from_millis(ms);
            let mut timers = Timers::default();
            timers.grow(RINGS as usize);
            let room = timers.heap.capacity();
            let mut naive: Vec<(u64, u32)> = Vec::new();
            for step in steps {
                match step {
                    Step::Set(ring, ms) => {
                        timers.set(Token(ring), at(ms));
                        naive.retain(|(_, other)| *other != ring);
                        naive.push((ms, ring));
                    }
                    Step::Clear(ring) => {
                        let known = naive.iter().find(|(_, other)| *other == ring);
                        let known = known.map(|(ms, _)| at(*ms));
                        prop_assert_eq!(timers.clear(Token(ring)), known);
                        naive.retain(|(_, other)| *other != ring);
                    }
                    Step::Pop(now) => {
                        let first = naive.iter().copied().filter(|(ms, _)| *ms <= now).min();
                        naive.retain(|entry| Some(*entry) != first);
                        prop_assert_eq!(timers.pop(at(now)), first.map(|(_, ring)| Token(ring)));
                    }
                }
                prop_assert_eq!(timers.next(), naive.iter().map(|(ms, _)| at(*ms)).min());
                prop_assert!(naive.is_empty() || !timers.is_empty());
                prop_assert_eq!(timers.heap.capacity(), room);
            }
        }
    }
}
