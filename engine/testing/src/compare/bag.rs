//! Bag matching: which element of one list belongs to which of another, in any order.

use std::collections::HashSet;

/// Lists longer than this are matched greedily only; exchanging elements could go as deep as the list.
const MAX_EXCHANGED: usize = 1_000;

/// An expected element without a partner, and the actual elements nobody took so far.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unmatched {
    pub(super) index: usize,
    pub(super) free: Vec<usize>,
}

/// Matches two lists of the same length; `fits(expected, actual)` is asked at most once per pair.
///
/// The last expected element takes the first actual one that fits, and so on. When that gets stuck because
/// loose elements (functions) took what stricter ones need, elements are exchanged along augmenting paths,
/// so two bags match exactly when some one-to-one assignment exists.
pub(super) fn assign(count: usize, fits: &mut dyn FnMut(usize, usize) -> bool) -> Result<(), Unmatched> {
    // Without exchanges no pair is asked twice, so nothing needs to be remembered.
    let known = if count > MAX_EXCHANGED { Vec::new() } else { vec![None; count * count] };
    let mut search = Search { count, fits, known, owner: vec![None; count] };
    for index in (0..count).rev() {
        if !search.place(index, &mut HashSet::new()) {
            let free = (0..count).filter(|at| search.owner[*at].is_none()).collect();
            return Err(Unmatched { index, free });
        }
    }
    Ok(())
}

struct Search<'f> {
    count: usize,
    fits: &'f mut dyn FnMut(usize, usize) -> bool,
    known: Vec<Option<bool>>,
    owner: Vec<Option<usize>>,
}

impl Search<'_> {
    fn fits(&mut self, index: usize, at: usize) -> bool {
        match self.known.get_mut(index * self.count + at) {
            Some(known) => *known.get_or_insert_with(|| (self.fits)(index, at)),
            None => (self.fits)(index, at),
        }
    }

    fn place(&mut self, index: usize, tried: &mut HashSet<usize>) -> bool {
        for at in 0..self.count {
            if self.owner[at].is_none() && self.fits(index, at) {
                self.owner[at] = Some(index);
                return true;
            }
        }
        if self.count > MAX_EXCHANGED {
            return false;
        }
        for at in 0..self.count {
            let Some(other) = self.owner[at].filter(|_| !tried.contains(&at)) else { continue };
            if self.fits(index, at) {
                tried.insert(at);
                if self.place(other, tried) {
                    self.owner[at] = Some(index);
                    return true;
                }
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matches(table: &[Vec<bool>]) -> Result<(), Unmatched> {
        let mut asked = std::collections::HashSet::new();
        assign(table.len(), &mut |index, at| {
            assert!(asked.insert((index, at)), "each pair is asked once");
            table[index][at]
        })
    }

    /// Tries every assignment.
    fn exists(table: &[Vec<bool>], taken: &mut Vec<bool>, index: usize) -> bool {
        index == table.len()
            || (0..table.len()).any(|at| {
                if taken[at] || !table[index][at] {
                    return false;
                }
                taken[at] = true;
                let found = exists(table, taken, index + 1);
                taken[at] = false;
                found
            })
    }

    proptest! {
        #[test]
        fn finds_an_assignment_exactly_when_there_is_one(
            table in (0usize..6).prop_flat_map(|n| prop::collection::vec(prop::collection::vec(any::<bool>(), n), n))
        ) {
            let expected = exists(&table, &mut vec![false; table.len()], 0);
            prop_assert_eq!(matches(&table).is_ok(), expected);
        }
    }

    #[test]
    fn long_lists_end() {
        let reversed = |count: usize| assign(count, &mut |index, at| index + at == count - 1);
        assert_eq!(reversed(3_000), Ok(()));
        let stuck = assign(900, &mut |index, _| index != 0);
        assert_eq!(stuck.map_err(|unmatched| (unmatched.index, unmatched.free.len())), Err((0, 1)));
    }
}
