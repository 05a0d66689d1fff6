//! Compiled code on disk, so that a component is compiled once per machine and not once per start.

use std::hash::{Hash, Hasher};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

/// The folder, if it is ours and closed to others; made when missing. Loading compiled code is as good as running it,
/// so a folder that anybody else can write to is not used.
pub(crate) fn private_folder(path: &Path) -> Option<PathBuf> {
    if !path.exists() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).ok()?;
    }
    let data = std::fs::symlink_metadata(path).ok()?;
    let ours = data.uid() == rustix_uid();
    (data.is_dir() && ours && data.mode() & 0o077 == 0).then(|| path.to_owned())
}

fn rustix_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Compiles a component, or takes its compiled form from the folder.
///
/// # Errors
/// The compiler's error. Trouble with the folder only means compiling.
pub(crate) fn component(engine: &Engine, folder: Option<&Path>, bytes: &[u8]) -> wasmtime::Result<Component> {
    let Some(folder) = folder else { return Component::from_binary(engine, bytes) };
    let path = folder.join(key(engine, bytes));
    if path.is_file() {
        // Code made with other settings is refused, then it is made again.
        #[expect(unsafe_code, reason = "the folder is private: only code that we wrote is there")]
        let known = unsafe { Component::deserialize_file(engine, &path) };
        if let Ok(component) = known {
            return Ok(component);
        }
    }
    let code = engine.precompile_component(bytes)?;
    let temporary = folder.join(format!("{}.{}.tmp", key(engine, bytes), std::process::id()));
    // Written beside and renamed: nobody ever loads half a file.
    if std::fs::write(&temporary, &code).and_then(|()| std::fs::rename(&temporary, &path)).is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    #[expect(unsafe_code, reason = "the code was made by this engine a moment ago")]
    let component = unsafe { Component::deserialize(engine, &code) };
    component
}

/// Hash of the content and of everything in the engine that the code depends on.
fn key(engine: &Engine, bytes: &[u8]) -> String {
    struct Feed(Sha256);
    impl Hasher for Feed {
        fn finish(&self) -> u64 {
            0
        }
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
    }
    let mut feed = Feed(Sha256::new());
    feed.0.update(bytes);
    engine.precompile_compatibility_hash().hash(&mut feed);
    let digest = feed.0.finalize();
    digest.iter().take(20).map(|byte| format!("{byte:02x}")).collect::<String>() + ".cwasm"
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_folder_that_others_can_enter_is_not_used() {
        let dir = tempfile::tempdir().unwrap();
        let made = dir.path().join("code");
        assert_eq!(private_folder(&made), Some(made.clone()));
        assert_eq!(std::fs::metadata(&made).unwrap().mode() & 0o777, 0o700);
        std::fs::set_permissions(&made, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(private_folder(&made), None);
    }
}
