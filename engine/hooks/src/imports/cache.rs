//! `cache`: bytes shared by all instances of the component.

use std::time::Duration;

use crate::bindings::exo::hooks::cache::Host;
use crate::store::StoreData;

impl Host for StoreData {
    fn get(&mut self, key: String) -> Option<Vec<u8>> {
        StoreData::cache(self).get(&key)
    }

    fn put(&mut self, key: String, value: Vec<u8>, ttl_ms: Option<u32>) {
        StoreData::cache(self).put(&key, value, ttl_ms.map(|ms| Duration::from_millis(ms.into())));
    }

    fn remove(&mut self, key: String) {
        StoreData::cache(self).remove(&key);
    }
}
