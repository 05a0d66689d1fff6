//! `log`: structured lines with the trace id, and access-log records.

use crate::bindings::exo::hooks::log::{Host, Level};
use crate::host::{HookLevel, HookLine};
use crate::store::StoreData;

/// Longest message or field; the rest is cut.
const MAX_TEXT: usize = 8 << 10;
/// Most fields of a line.
const MAX_FIELDS: usize = 32;
/// Most lines of one call; a loop that logs would push everybody else's lines out.
const MAX_LINES: u32 = 500;
/// Longest access-log record.
const MAX_RECORD: usize = 16 << 10;

fn level_of(level: Level) -> HookLevel {
    match level {
        Level::Trace => HookLevel::Trace,
        Level::Debug => HookLevel::Debug,
        Level::Info => HookLevel::Info,
        Level::Warn => HookLevel::Warn,
        Level::Error => HookLevel::Error,
    }
}

fn cut(mut text: String) -> String {
    if text.len() > MAX_TEXT {
        text.truncate(text.floor_char_boundary(MAX_TEXT));
        text.push('…');
    }
    text
}

impl Host for StoreData {
    fn enabled(&mut self, level: Level) -> bool {
        self.call().is_some_and(|call| call.exchange.host.log_enabled(level_of(level)))
    }

    fn write(&mut self, level: Level, message: String, fields: Vec<(String, String)>) {
        let component = self.shared.config.name.clone();
        let Some(call) = self.call_mut() else { return };
        let level = level_of(level);
        if call.lines > MAX_LINES || !call.exchange.host.log_enabled(level) {
            return;
        }
        call.lines += 1;
        let (level, message, fields) = if call.lines > MAX_LINES {
            (
                HookLevel::Warn,
                format!("more than {MAX_LINES} lines in one call; the rest is left out"),
                Vec::new(),
            )
        } else {
            (level, message, fields)
        };
        let fields = fields.into_iter().take(MAX_FIELDS).map(|(name, value)| (cut(name), cut(value)));
        call.exchange.host.log(HookLine {
            level,
            component,
            trace_id: call.exchange.trace_id(),
            message: cut(message),
            fields: fields.collect(),
        });
    }

    fn access(&mut self, line: Vec<u8>) -> bool {
        line.len() <= MAX_RECORD
            && self.call().is_some_and(|call| call.exchange.host.access(&self.shared.config.name, line))
    }
}
