//! A bounded list of shared chunks: publishing a state costs a few reference counts, not a copy.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

const CHUNK: usize = 64;

/// The newest `capacity` items, oldest first.
#[derive(Debug, Clone)]
pub struct Ring<T> {
    chunks: VecDeque<Arc<Vec<T>>>,
    capacity: usize,
    pushed: u64,
}

impl<T> Default for Ring<T> {
    fn default() -> Self {
        Self::new(1024)
    }
}

impl<T> Ring<T> {
    /// An empty ring that keeps at least `capacity` items (whole chunks are dropped).
    pub fn new(capacity: usize) -> Self {
        Self { chunks: VecDeque::new(), capacity: capacity.max(1), pushed: 0 }
    }

    /// Items kept.
    pub fn len(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.len()).sum()
    }

    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// Items ever pushed.
    pub fn pushed(&self) -> u64 {
        self.pushed
    }

    /// The items, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }

    /// The item at `index`, counted from the oldest kept.
    pub fn get(&self, index: usize) -> Option<&T> {
        let mut rest = index;
        for chunk in &self.chunks {
            if rest < chunk.len() {
                return chunk.get(rest);
            }
            rest -= chunk.len();
        }
        None
    }

    /// The newest item.
    pub fn last(&self) -> Option<&T> {
        self.chunks.back().and_then(|chunk| chunk.last())
    }

    /// Forgets everything but the counter.
    pub fn clear(&mut self) {
        self.chunks.clear();
    }
}

/// A ring as it travels: its items and how many there were before.
#[derive(Serialize, Deserialize)]
struct Travelling<I> {
    capacity: usize,
    pushed: u64,
    items: I,
}

impl<T: Serialize> Serialize for Ring<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let items: Vec<&T> = self.iter().collect();
        Travelling { capacity: self.capacity, pushed: self.pushed, items }.serialize(serializer)
    }
}

impl<'de, T: Clone + Deserialize<'de>> Deserialize<'de> for Ring<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Travelling { capacity, pushed, items } = Travelling::<Vec<T>>::deserialize(deserializer)?;
        let mut ring = Self::new(capacity);
        for item in items {
            ring.push(item);
        }
        ring.pushed = pushed;
        Ok(ring)
    }
}

impl<T: Clone> Ring<T> {
    /// Appends an item and drops what exceeds the capacity.
    pub fn push(&mut self, item: T) {
        self.pushed += 1;
        match self.chunks.back_mut() {
            Some(chunk) if chunk.len() < CHUNK => Arc::make_mut(chunk).push(item),
            _ => {
                let mut chunk = Vec::with_capacity(CHUNK);
                chunk.push(item);
                self.chunks.push_back(Arc::new(chunk));
            }
        }
        while let Some(first) = self.chunks.front() {
            if self.len() - first.len() < self.capacity {
                break;
            }
            self.chunks.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_newest_items_and_shares_full_chunks() {
        let mut ring = Ring::new(100);
        for n in 0..1000 {
            ring.push(n);
        }
        let before = ring.clone();
        ring.push(1000);
        assert!(ring.len() >= 100 && ring.len() < 100 + 2 * CHUNK);
        assert_eq!(ring.last(), Some(&1000));
        assert_eq!(before.last(), Some(&999));
        assert_eq!(ring.pushed(), 1001);
        let items: Vec<_> = ring.iter().copied().collect();
        assert!(items.windows(2).all(|pair| pair[0] + 1 == pair[1]));
        assert_eq!(ring.get(0), items.first());
        assert_eq!(ring.get(items.len() - 1), Some(&1000));
        assert_eq!(ring.get(items.len()), None);
    }
}
