//! `response`: the reply in the making.

use crate::bindings::exo::hooks::request::HeaderError;
use crate::bindings::exo::hooks::response::Host;
use crate::store::StoreData;

impl StoreData {
    fn change_reply_header(
        &self,
        name: String,
        value: Option<String>,
        append: bool,
    ) -> Result<(), HeaderError> {
        let Some(call) = self.call() else { return Err(HeaderError::ReadOnly) };
        call.exchange.change_response_header(name, value, append).map_err(HeaderError::from)
    }
}

impl Host for StoreData {
    fn status(&mut self) -> Option<u16> {
        self.call().and_then(|call| call.exchange.status())
    }

    fn set_status(&mut self, status: u16) -> Result<(), HeaderError> {
        match self.call() {
            Some(call) if call.stage.status_writable => {
                if !(200..=599).contains(&status) {
                    return Err(HeaderError::BadValue);
                }
                call.exchange.set_status(status);
                Ok(())
            }
            Some(_) | None => Err(HeaderError::ReadOnly),
        }
    }

    fn headers(&mut self) -> Vec<(String, String)> {
        self.call().map(|call| call.exchange.response_headers()).unwrap_or_default()
    }

    fn set_header(&mut self, name: String, value: String) -> Result<(), HeaderError> {
        self.change_reply_header(name, Some(value), false)
    }

    fn append_header(&mut self, name: String, value: String) -> Result<(), HeaderError> {
        self.change_reply_header(name, Some(value), true)
    }

    fn remove_header(&mut self, name: String) -> Result<(), HeaderError> {
        self.change_reply_header(name, None, false)
    }
}
