//! `tests/build*.sh`: scripts that run before the build of a project (section 2.1).

use std::path::Path;
use std::process::Stdio;

use super::{Run, Stop};
use crate::outcome::{Cause, Failure};

/// Lines of output that are shown of a failed script.
const MAX_OUTPUT_LINES: usize = 20;

/// Runs a script in the project directory: directly when it may be executed, else by `sh`. When it takes too
/// long, or the run is cancelled, it is killed with everything it started.
pub(super) async fn run(run: &Run, project: &Path, script: &Path) -> Result<(), Stop> {
    let failure = |message: String| Stop::from(Failure::new(Cause::Error, script, None, message));
    let absolute = std::path::absolute(script).unwrap_or_else(|_| script.to_owned());
    let mut command = if is_executable(script) {
        tokio::process::Command::new(&absolute)
    } else {
        let mut command = tokio::process::Command::new("sh");
        command.arg(&absolute);
        command
    };
    command.current_dir(project).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    #[cfg(unix)]
    command.process_group(0);
    let child =
        command.spawn().map_err(|error| failure(format!("the prerequisite cannot be run: {error}")))?;
    let group = Group(child.id());
    let output = tokio::select! {
        () = run.cancel.cancelled() => return Err(Stop::Interrupted),
        output = tokio::time::timeout(run.options.build_script_timeout, child.wait_with_output()) => output,
    };
    let output = match output {
        Err(_) => {
            let seconds = run.options.build_script_timeout.as_secs();
            return Err(failure(format!("the prerequisite did not end within {seconds} s")));
        }
        Ok(output) => {
            group.ended();
            output.map_err(|error| failure(format!("the prerequisite cannot be run: {error}")))?
        }
    };
    if output.status.success() {
        return Ok(());
    }
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let tail = lines[lines.len().saturating_sub(MAX_OUTPUT_LINES)..].join("\n");
    Err(failure(format!("the prerequisite failed ({})\n{tail}", output.status)))
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|data| data.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(_: &Path) -> bool {
    false
}

/// The process group of a running script, killed when this is dropped before it ended.
struct Group(Option<u32>);

impl Group {
    fn ended(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(group) =
            self.0.and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw)
        {
            // It may have ended just now, which is what is wanted.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}
