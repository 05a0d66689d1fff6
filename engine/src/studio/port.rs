//! The port of the API: who has it when it is taken, and the one that was chosen in its place.

use std::path::Path;

/// Where the choice is kept: beside the database of the project.
const CHOICE: &str = ".exo/port";

/// The port that was taken in place of the usual one, if any.
pub(super) fn remembered(root: &Path) -> Option<u16> {
    let text = std::fs::read_to_string(root.join(CHOICE)).ok()?;
    text.trim().parse().ok().filter(|port| *port != 0)
}

/// Keeps the choice. A folder that cannot be written only costs the same question next time.
pub(super) fn remember(root: &Path, port: u16) {
    if root.join(".exo").is_dir() {
        let _ = std::fs::write(root.join(CHOICE), format!("{port}\n"));
    }
}

/// Name and id of the process that listens on a port of this machine, where that can be read (Linux, own
/// processes).
pub(super) fn owner(port: u16) -> Option<String> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    let inodes: Vec<String> = tables
        .iter()
        .filter_map(|table| std::fs::read_to_string(table).ok())
        .flat_map(|table| listeners(&table, port))
        .collect();
    if inodes.is_empty() {
        return None;
    }
    let links: Vec<String> = inodes.iter().map(|inode| format!("socket:[{inode}]")).collect();
    for process in std::fs::read_dir("/proc").ok()?.filter_map(Result::ok) {
        let name = process.file_name();
        let Some(id) = name.to_str().filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())) else {
            continue;
        };
        let Ok(descriptors) = std::fs::read_dir(process.path().join("fd")) else { continue };
        let owns = descriptors
            .filter_map(|descriptor| std::fs::read_link(descriptor.ok()?.path()).ok())
            .any(|link| links.iter().any(|wanted| link.as_os_str() == wanted.as_str()));
        if owns {
            let command = std::fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            return Some(format!("{} ({id})", command.trim()));
        }
    }
    None
}

/// Inodes of the sockets that listen on `port`, out of a table of the kernel.
fn listeners(table: &str, port: u16) -> Vec<String> {
    const LISTEN: &str = "0A";
    let wanted = format!(":{port:04X}");
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let fields: Vec<_> = line.split_whitespace().collect();
            let listens = fields.get(1)?.ends_with(&wanted) && *fields.get(3)? == LISTEN;
            listens.then(|| fields.get(9).map(|inode| (*inode).to_owned())).flatten()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_of_a_port_is_found() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let owner = owner(port);
        if cfg!(target_os = "linux") {
            let id = std::process::id();
            assert!(owner.as_ref().is_some_and(|owner| owner.ends_with(&format!("({id})"))), "{owner:?}");
        }
        drop(socket);
    }

    #[test]
    fn only_listening_sockets_of_the_port_count() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            \x20  0: 0100007F:2694 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1\n\
            \x20  1: 0100007F:2694 0100007F:0050 01 00000000:00000000 00:00000000 00000000     0        0 4712 1\n\
            \x20  2: 0100007F:2695 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1\n";
        assert_eq!(listeners(table, 9876), ["4711"]);
        assert_eq!(listeners(table, 1), Vec::<String>::new());
    }

    #[test]
    fn the_choice_is_remembered_beside_the_database() {
        let root = tempfile::tempdir().unwrap();
        remember(root.path(), 9877);
        assert_eq!(remembered(root.path()), None, "no state folder, nothing kept");
        std::fs::create_dir(root.path().join(".exo")).unwrap();
        remember(root.path(), 9877);
        assert_eq!(remembered(root.path()), Some(9877));
        std::fs::write(root.path().join(CHOICE), "rubbish").unwrap();
        assert_eq!(remembered(root.path()), None);
    }
}
