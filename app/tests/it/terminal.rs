//! The panes in a pseudo terminal against the real binary.

use std::io::{Read, Write};
use std::num::NonZero;
use std::sync::{Arc, Mutex};

use portable_pty::{CommandBuilder, PtySize, native_pty_system};

use crate::harness::{binary, edit, folder, project, wait_for};

fn cells(count: u16) -> NonZero<u16> {
    NonZero::new(count).unwrap()
}

#[test]
fn the_panes_follow_the_project_resize_and_leave_a_clean_screen() {
    let folder = folder();
    let todo = project(folder.path(), "todo");
    let size = |rows, cols| PtySize { rows, cols, pixel_width: 0, pixel_height: 0 };
    let pair = native_pty_system().openpty(size(36, 120)).unwrap();
    let mut command = CommandBuilder::new(binary());
    command.arg(&todo);
    command.args(["--port", "0"]);
    command.env("LC_ALL", "C.UTF-8");
    command.env("TERM", "xterm-256color");
    let mut child = pair.slave.spawn_command(command).unwrap();
    drop(pair.slave);
    let screen = Arc::new(Mutex::new(vt100::Parser::new(cells(36), cells(120), 0)));
    let mut reader = pair.master.try_clone_reader().unwrap();
    let sink = Arc::clone(&screen);
    let drain = std::thread::spawn(move || {
        let mut buffer = [0; 8192];
        while let Ok(count) = reader.read(&mut buffer) {
            if count == 0 {
                break;
            }
            sink.lock().unwrap().process(&buffer[..count]);
        }
    });
    let mut keys = pair.master.take_writer().unwrap();
    let shown = || screen.lock().unwrap().screen().contents();
    let see =
        |what: &str| wait_for(&format!("`{what}` on\n{}", shown()), || shown().contains(what).then_some(()));

    see("serving r1");
    see("http :");
    edit(&todo.join("src/index.exo"), "title: String", "title: Strin");
    see("E0030");
    see("serving r1");
    keys.write_all(b"?").unwrap();
    see("All commands");
    keys.write_all(b"\x1b").unwrap();
    wait_for("closed help", || (!shown().contains("All commands")).then_some(()));
    edit(&todo.join("src/index.exo"), "title: Strin", "title: String");
    pair.master.resize(size(24, 80)).unwrap();
    screen.lock().unwrap().screen_mut().set_size(cells(24), cells(80));
    keys.write_all(b"6").unwrap();
    see("6 Services");
    assert!(screen.lock().unwrap().screen().alternate_screen());
    keys.write_all(b"q").unwrap();
    let status = child.wait().unwrap();
    assert!(status.success(), "{status:?}");
    drop(keys);
    drop(pair.master);
    drain.join().unwrap();
    let screen = screen.lock().unwrap();
    assert!(!screen.screen().alternate_screen(), "the main screen is back");
    assert!(!screen.screen().hide_cursor(), "the cursor is back");
}
