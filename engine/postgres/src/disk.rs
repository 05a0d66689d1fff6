//! Space on the disk of a folder.

use std::path::Path;

/// Bytes that an unprivileged user may still write on the disk of `folder`; `None` where the system does not say.
pub fn free_space(folder: &Path) -> Option<u64> {
    let found = nix::sys::statvfs::statvfs(folder).ok()?;
    // The types of the fields differ between systems.
    #[allow(clippy::useless_conversion, reason = "narrower on some systems")]
    Some(u64::from(found.blocks_available()).saturating_mul(u64::from(found.fragment_size())))
}
