//! What a process has used so far, where the system says it.

use std::time::Duration;

/// Ticks a second in what the kernel tells programs, whatever it uses itself.
const TICKS: u64 = 100;

/// Use of a process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Usage {
    /// Computing time of all its threads.
    pub(super) computing: Duration,
    /// Memory that is resident, in bytes.
    pub(super) memory: usize,
}

impl Usage {
    /// `None` where there is no `/proc`, or the process is gone.
    pub(super) fn of(pid: u32) -> Option<Self> {
        let read = |file: &str| std::fs::read_to_string(format!("/proc/{pid}/{file}")).ok();
        Some(Self { computing: computing(&read("stat")?)?, memory: resident(&read("status")?)? })
    }
}

/// From a line of `/proc/<pid>/stat`. The second field is a name in parentheses that may hold anything.
fn computing(stat: &str) -> Option<Duration> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let user: u64 = fields.nth(11)?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(Duration::from_millis((user + system) * 1000 / TICKS))
}

/// From the lines of `/proc/<pid>/status`.
fn resident(status: &str) -> Option<usize> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_processes_may_look_like_fields() {
        let stat = "42 (a) b 1 (c) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0";
        assert_eq!(computing(stat), Some(Duration::from_millis(2000)));
        assert_eq!(computing("42 (a"), None);
    }

    #[test]
    fn this_process_uses_memory() {
        if let Some(usage) = Usage::of(std::process::id()) {
            assert!(usage.memory > 1024 * 1024);
        }
    }
}
