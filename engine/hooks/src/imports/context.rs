//! `context`: values of the HTTP request that all of its hooks see.

use crate::bindings::exo::hooks::context::Host;
use crate::host::{HookLevel, HookLine};
use crate::store::StoreData;

impl Host for StoreData {
    fn get(&mut self, key: String) -> Option<String> {
        self.call().and_then(|call| call.exchange.value(&key))
    }

    fn set(&mut self, key: String, value: String) {
        let Some(call) = self.call() else { return };
        // The interface has no error: what is refused is said in the log.
        let fault = serde_json::from_str::<&serde_json::value::RawValue>(&value).err();
        let refused = match fault {
            Some(error) => Some(format!("the context value `{key}` is no JSON and was not set: {error}")),
            None if call.exchange.set_value(&key, Some(value)) => None,
            None => Some(format!("the context value `{key}` is too large and was not set")),
        };
        if let Some(message) = refused {
            call.exchange.host.log(HookLine {
                level: HookLevel::Warn,
                component: self.shared.config.name.clone(),
                trace_id: call.exchange.trace_id(),
                message,
                fields: Vec::new(),
            });
        }
    }

    fn remove(&mut self, key: String) {
        if let Some(call) = self.call() {
            call.exchange.set_value(&key, None);
        }
    }

    fn claims(&mut self) -> Option<String> {
        self.call().and_then(|call| call.exchange.host.claims())
    }

    fn model(&mut self, name: String) -> Option<String> {
        self.call().and_then(|call| call.exchange.host.model(&name))
    }

    fn trace_id(&mut self) -> String {
        self.call().map(|call| call.exchange.trace_id()).unwrap_or_default()
    }

    fn remaining_ms(&mut self) -> u32 {
        let left = self.call().map(|_| self.clock.remaining()).unwrap_or_default();
        u32::try_from(left.as_millis()).unwrap_or(u32::MAX)
    }
}
