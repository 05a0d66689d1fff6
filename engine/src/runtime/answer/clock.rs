//! Where the time of a request goes.

use std::time::{Duration, Instant};

use studio_events::{Micros, Phase, PhaseKind};

/// Laps of one request.
pub(super) struct Clock {
    pub(super) start: Instant,
    last: Instant,
    laps: Vec<Phase>,
    /// Somebody wants to know.
    runs: bool,
}

impl Clock {
    pub(super) fn start(at: Option<Instant>, runs: bool) -> Self {
        let start = at.unwrap_or_else(Instant::now);
        Self { start, last: start, laps: Vec::with_capacity(if runs { 11 } else { 0 }), runs }
    }

    /// A lap of two parts: `known` of it was spent on the first one.
    pub(super) fn split(&mut self, first: PhaseKind, known: Duration, rest: PhaseKind) {
        if !self.runs {
            return;
        }
        let now = Instant::now();
        let border = (self.last + known).min(now);
        for (kind, from, to) in [(first, self.last, border), (rest, border, now)] {
            // Borders are rounded, not spans, so that the spans add up.
            let (start, end) = (span(self.start, from), span(self.start, to));
            self.laps.push(Phase { kind, start, time: Micros(end.0 - start.0), note: String::new() });
        }
        self.last = now;
    }

    /// A lap.
    pub(super) fn lap(&mut self, kind: PhaseKind, note: &str) {
        if !self.runs {
            return;
        }
        let now = Instant::now();
        let (start, end) = (span(self.start, self.last), span(self.start, now));
        self.laps.push(Phase { kind, start, time: Micros(end.0 - start.0), note: note.to_owned() });
        self.last = now;
    }

    /// A word about the last lap.
    pub(super) fn note(&mut self, note: &str) {
        if let Some(lap) = self.laps.last_mut() {
            note.clone_into(&mut lap.note);
        }
    }

    pub(super) fn total(&self) -> Micros {
        span(self.start, Instant::now())
    }

    pub(super) fn of(&self, kind: PhaseKind) -> Micros {
        Micros(self.laps.iter().filter(|lap| lap.kind == kind).map(|lap| lap.time.0).sum())
    }

    /// The laps, and what they leave out as `other`.
    pub(super) fn phases(&mut self, total: Micros) -> Vec<Phase> {
        let known: u64 = self.laps.iter().map(|lap| lap.time.0).sum();
        let start = span(self.start, self.last);
        let time = Micros(total.0.saturating_sub(known));
        self.laps.push(Phase { kind: PhaseKind::Other, start, time, note: String::new() });
        std::mem::take(&mut self.laps)
    }
}

pub(super) fn span(from: Instant, to: Instant) -> Micros {
    Micros(u64::try_from(to.saturating_duration_since(from).as_micros()).unwrap_or(u64::MAX))
}
