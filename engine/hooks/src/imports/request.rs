//! `request`: the HTTP request being answered.

use crate::bindings::exo::hooks::request::{HeaderError, Host};
use crate::exchange::HeaderRefusal;
use crate::store::StoreData;

impl From<HeaderRefusal> for HeaderError {
    fn from(refusal: HeaderRefusal) -> Self {
        match refusal {
            HeaderRefusal::BadName => Self::BadName,
            HeaderRefusal::BadValue => Self::BadValue,
            HeaderRefusal::Protected => Self::Protected,
            HeaderRefusal::ReadOnly => Self::ReadOnly,
        }
    }
}

impl StoreData {
    fn change_request_header(
        &self,
        name: String,
        value: Option<String>,
        append: bool,
    ) -> Result<(), HeaderError> {
        match self.call() {
            Some(call) if call.stage.request_writable => {
                call.exchange.change_header(name, value, append).map_err(HeaderError::from)
            }
            Some(_) | None => Err(HeaderError::ReadOnly),
        }
    }
}

impl Host for StoreData {
    fn method(&mut self) -> String {
        self.call().map(|call| call.exchange.method.to_string()).unwrap_or_default()
    }

    fn target(&mut self) -> String {
        self.call().map(|call| call.exchange.target.clone()).unwrap_or_default()
    }

    fn peer(&mut self) -> Option<String> {
        self.call().and_then(|call| call.exchange.peer).map(|peer| peer.to_string())
    }

    fn header(&mut self, name: String) -> Option<String> {
        self.call().and_then(|call| call.exchange.header_value(&name))
    }

    fn header_values(&mut self, name: String) -> Vec<String> {
        self.call().map(|call| call.exchange.header_values(&name)).unwrap_or_default()
    }

    fn headers(&mut self) -> Vec<(String, String)> {
        self.call().map(|call| call.exchange.headers().to_vec()).unwrap_or_default()
    }

    fn set_header(&mut self, name: String, value: String) -> Result<(), HeaderError> {
        self.change_request_header(name, Some(value), false)
    }

    fn append_header(&mut self, name: String, value: String) -> Result<(), HeaderError> {
        self.change_request_header(name, Some(value), true)
    }

    fn remove_header(&mut self, name: String) -> Result<(), HeaderError> {
        self.change_request_header(name, None, false)
    }
}
