//! The small byte cache that all instances of a component share.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Most bytes of keys and values.
const MAX_BYTES: usize = 8 << 20;
/// Bytes counted for an entry besides its texts.
const OVERHEAD: usize = 64;

/// A bounded map with expiry; when it is full, the entries that were put first go first.
#[derive(Debug, Default)]
pub(crate) struct HookCache(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    map: HashMap<String, Entry>,
    size: usize,
    next: u64,
}

#[derive(Debug)]
struct Entry {
    value: Vec<u8>,
    until: Option<Instant>,
    number: u64,
}

impl Entries {
    fn remove(&mut self, key: &str) {
        if let Some(entry) = self.map.remove(key) {
            self.size -= key.len() + entry.value.len() + OVERHEAD;
        }
    }

    /// Makes room: first what has expired, then the oldest tenth.
    fn shrink(&mut self, now: Instant) {
        let expired = self.map.iter().filter(|(_, entry)| entry.until.is_some_and(|until| until <= now));
        let expired: Vec<String> = expired.map(|(key, _)| key.clone()).collect();
        expired.iter().for_each(|key| self.remove(key));
        let mut ages: Vec<(u64, String)> =
            self.map.iter().map(|(key, entry)| (entry.number, key.clone())).collect();
        ages.sort_unstable();
        for (_, key) in ages {
            if self.size <= MAX_BYTES / 10 * 9 {
                break;
            }
            self.remove(&key);
        }
    }
}

impl HookCache {
    pub(crate) fn get(&self, key: &str) -> Option<Vec<u8>> {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.map.get(key)?;
        if entry.until.is_some_and(|until| until <= Instant::now()) {
            entries.remove(key);
            return None;
        }
        Some(entry.value.clone())
    }

    /// Keeps a value; one that would take more than a tenth of the cache is not kept.
    pub(crate) fn put(&self, key: &str, value: Vec<u8>, ttl: Option<Duration>) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.remove(key);
        let size = key.len() + value.len() + OVERHEAD;
        if size > MAX_BYTES / 10 {
            return;
        }
        let now = Instant::now();
        if entries.size + size > MAX_BYTES {
            entries.shrink(now);
        }
        let number = entries.next;
        entries.next += 1;
        entries.size += size;
        let until = ttl.and_then(|ttl| now.checked_add(ttl));
        entries.map.insert(key.to_owned(), Entry { value, until, number });
    }

    pub(crate) fn remove(&self, key: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_until_they_expire() {
        let cache = HookCache::default();
        cache.put("a", b"1".to_vec(), None);
        cache.put("b", b"2".to_vec(), Some(Duration::ZERO));
        assert_eq!(cache.get("a"), Some(b"1".to_vec()));
        assert_eq!(cache.get("b"), None);
        cache.remove("a");
        assert_eq!(cache.get("a"), None);
    }

    #[test]
    fn it_stays_within_its_size_and_drops_the_oldest() {
        let cache = HookCache::default();
        for n in 0..200 {
            cache.put(&n.to_string(), vec![0; MAX_BYTES / 50], None);
        }
        assert!(cache.0.lock().unwrap().size <= MAX_BYTES);
        assert_eq!(cache.get("0"), None);
        assert!(cache.get("199").is_some());
        cache.put("huge", vec![0; MAX_BYTES / 5], None);
        assert_eq!(cache.get("huge"), None);
    }
}
