//! What happens to the folder of a database: its disk runs full, or another version of the server made it.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::json;

use crate::harness::{Studio, command, folder, kill, project, text, wait_for};
use crate::migration::db;

/// A small file system in memory over a folder, unmounted at the end.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None` where mounting is not allowed.
    fn over(folder: &Path, size: &str) -> Option<Self> {
        fs::create_dir_all(folder).unwrap();
        let options = format!("size={size},mode=755");
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(folder)
            .stderr(Stdio::null())
            .status();
        mount.is_ok_and(|status| status.success()).then(|| Self(folder.to_owned()))
    }

    /// Takes every byte that is left.
    fn fill(&self) -> PathBuf {
        let path = self.0.join("ballast");
        let mut file = fs::File::create(&path).unwrap();
        for size in [1024 * 1024, 4096, 1] {
            while file.write_all(&vec![7; size]).is_ok() {}
        }
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").args(["-l"]).arg(&self.0).status();
    }
}

/// Text that a database cannot make smaller.
fn dense(length: usize) -> String {
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let letters = (0..length).map(|_| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'a' + u8::try_from((random >> 33) % 26).unwrap())
    });
    letters.collect()
}

#[test]
fn a_full_disk_is_told_loses_nothing_and_is_waited_for() {
    let folder = folder();
    let todo = project(folder.path(), "todo");
    let Some(disk) = SmallDisk::over(&todo.join(".exo"), "220m") else {
        eprintln!("not run: mounting is not allowed here");
        return;
    };
    let studio = Studio::start(&todo);
    studio.serves(1);
    let titles = "{ todos(orderBy: {id: ASC}) { title } }";
    let before = studio.ask(titles);
    let add = |title: &str| {
        let title = title.to_owned() + &dense(100_000);
        studio.ask(&format!("mutation {{ createTodo(data: {{ title: \"{title}\" }}) {{ id }} }}"))
    };
    assert_eq!(add("small").pointer("/errors"), None);

    let ballast = disk.fill();
    let told = wait_for("the problem", || {
        studio.events().iter().rev().find_map(|event| {
            let problem = event.pointer("/Problems/problems/0")?;
            (problem["code"] == json!("D0004")).then(|| problem["rendered"].as_str().unwrap().to_owned())
        })
    });
    assert!(
        told.contains("the disk of the database is almost full") && told.contains("free some space"),
        "{told}"
    );
    // What needs space is refused, by one server or the other of the two that may have noticed; nothing is half done.
    wait_for("a refusal", || (0..20).any(|_| add("large").pointer("/errors").is_some()).then_some(()));
    wait_for("rows on a full disk", || {
        let rows = studio.ask(titles);
        let rows = rows.pointer("/data/todos")?.as_array()?.clone();
        (rows[..4] == before["data"]["todos"].as_array().unwrap()[..]).then_some(())
    });

    // The server dies and cannot come back: that is said once, and waited for.
    let pid = fs::read_to_string(todo.join(".exo/postgres/data/postmaster.pid")).unwrap();
    kill("KILL", pid.lines().next().unwrap().parse().unwrap());
    let reason = studio.event("/Database/Failed/message");
    let reason = reason.as_str().unwrap();
    assert!(
        reason.contains("there is no space left") && reason.contains("starts again by itself"),
        "{reason}"
    );
    fs::remove_file(ballast).unwrap();
    let after = wait_for("the rows after all", || {
        let rows = studio.ask(titles);
        Some(rows.pointer("/data/todos")?.as_array()?.clone())
    });
    assert_eq!(after[..4], before["data"]["todos"].as_array().unwrap()[..]);
    assert!(after[4]["title"].as_str().unwrap().starts_with("small"));
    assert_eq!(add("again").pointer("/errors"), None);
    assert_eq!(studio.event("/Problems/problems"), json!([]));
    assert_eq!(studio.stop(), 130);
}

/// A folder of programs that call themselves Postgres 17. What they run is the bundled server, which is shown its own version
/// in the data folder for as long as it looks.
fn other_server(folder: &Path, bundled: &Path) -> PathBuf {
    let bin = folder.join("postgres-17/bin");
    fs::create_dir_all(&bin).unwrap();
    let script = format!(
        "#!/bin/sh\ncase \"$1\" in --version) echo 'postgres (PostgreSQL) 17.9'; exit 0;; esac\n\
         echo 18 > \"$2/PG_VERSION\"\nexec '{}' \"$@\"\n",
        bundled.join("postgres").display()
    );
    fs::write(bin.join("postgres"), script).unwrap();
    fs::set_permissions(bin.join("postgres"), fs::Permissions::from_mode(0o755)).unwrap();
    bin
}

#[test]
fn data_of_another_version_is_moved_by_a_server_of_that_version() {
    let folder = folder();
    let todo = project(folder.path(), "todo");
    let studio = Studio::start(&todo);
    studio.serves(1);
    studio.ask("mutation { updateTodo(id: 2, data: { title: \"It's done\" }) { id } }");
    let note = fs::read_to_string(todo.join(".exo/postgres/supervisor.json")).unwrap();
    let note: serde_json::Value = serde_json::from_str(&note).unwrap();
    let bundled = PathBuf::from(note["install_dir"].as_str().unwrap()).join("bin");
    assert_eq!(studio.stop(), 130);
    let data = todo.join(".exo/postgres/data");
    fs::write(data.join("PG_VERSION"), "17\n").unwrap();

    let refused = command().arg(&todo).args(["--plain", "--port", "0"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(4), "{}", text(&refused));
    assert!(
        text(&refused).contains("made by Postgres 17") && text(&refused).contains("db upgrade"),
        "{}",
        text(&refused)
    );
    let upgrade = |server: Option<&Path>| {
        let mut command = command();
        command.args(["db", "--dir"]).arg(&todo).arg("upgrade");
        server.map(|folder| command.arg("--server").arg(folder));
        command.output().unwrap()
    };
    let missing = upgrade(None);
    assert_eq!(missing.status.code(), Some(4), "{}", text(&missing));
    assert!(text(&missing).contains("install Postgres 17"), "{}", text(&missing));
    assert_eq!(fs::read_to_string(data.join("PG_VERSION")).unwrap(), "17\n", "nothing was touched");

    let moved = upgrade(Some(&other_server(folder.path(), &bundled)));
    assert!(moved.status.success(), "{}", text(&moved));
    assert!(text(&moved).contains("moved from Postgres 17: 1 table, 4 rows"), "{}", text(&moved));
    assert!(todo.join(".exo/postgres/data.17-1/base").exists(), "the old folder is kept");
    let titles = "SELECT string_agg(title, ',' ORDER BY id) FROM todos";
    assert_eq!(
        db(&todo, &["psql", "-c", titles]).trim(),
        "Buy groceries,It's done,Water the plants,Write to Ada"
    );
    // Nothing is seeded twice, and new rows get new numbers.
    let studio = Studio::start(&todo);
    studio.serves(1);
    let made = studio.ask("mutation { createTodo(data: { title: \"one more\" }) { id } }");
    assert_eq!(made["data"]["createTodo"]["id"], json!(5));
    assert_eq!(studio.stop(), 130);
}
