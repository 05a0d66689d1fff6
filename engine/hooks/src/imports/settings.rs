//! `settings`: the component's own table of the configuration.

use serde_json::Value as Json;

use crate::bindings::exo::hooks::settings::Host;
use crate::store::StoreData;

impl Host for StoreData {
    /// A text as it is, anything else as JSON text.
    fn get(&mut self, key: String) -> Option<String> {
        self.shared.config.settings.get(&key).map(|value| match value {
            Json::String(text) => text.clone(),
            other => other.to_string(),
        })
    }

    fn all(&mut self) -> String {
        self.shared.settings.clone()
    }
}
