//! Neighbours of a chain that belong together, so that what follows runs once for each run instead of once for each list.

use super::error::ViewError;
use super::list::{Nbl, Nbls};

/// Neighbours that have one key.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a, K> {
    /// What they have in common.
    pub key: K,
    /// The first of them.
    pub first: Nbl<'a>,
    /// How many they are.
    pub count: usize,
}

/// The runs of a chain, in order. An error is the last item, and the lists before it are in the runs before it.
#[derive(Clone, Debug)]
pub struct Runs<'a, K, F> {
    rest: Nbls<'a>,
    key: F,
    /// The beginning of the next run, or what ended the walk.
    ahead: Option<Result<(K, Nbl<'a>), ViewError>>,
}

impl<'a, K: PartialEq, F: FnMut(Nbl<'a>) -> K> Runs<'a, K, F> {
    pub(super) fn new(rest: Nbls<'a>, key: F) -> Self {
        let mut runs = Self {
            rest,
            key,
            ahead: None,
        };
        runs.ahead = runs.look();
        runs
    }

    fn look(&mut self) -> Option<Result<(K, Nbl<'a>), ViewError>> {
        let nbl = self.rest.next()?;
        Some(nbl.map(|nbl| ((self.key)(nbl), nbl)))
    }
}

impl<'a, K: PartialEq, F: FnMut(Nbl<'a>) -> K> Iterator for Runs<'a, K, F> {
    type Item = Result<Run<'a, K>, ViewError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (key, first) = match self.ahead.take()? {
            Ok(ahead) => ahead,
            Err(error) => return Some(Err(error)),
        };
        let mut count = 1;
        loop {
            match self.look() {
                Some(Ok((other, _))) if other == key => count = usize::saturating_add(count, 1),
                ahead => {
                    self.ahead = ahead;
                    return Some(Ok(Run { key, first, count }));
                }
            }
        }
    }
}
