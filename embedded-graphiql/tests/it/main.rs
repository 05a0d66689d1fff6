//! The page in a real browser, against a small server that plays the studio. The same script is used
//! on the real studio in the tests of the application; this one shows whether a failure is the page's.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::{env, fs};

/// The exit code of `run.mjs` when there is no browser.
const SKIPPED: i32 = 77;

struct Mock {
    child: Child,
    url: String,
}

impl Mock {
    fn start(scripts: &Path, model: &Path, path: &str) -> Self {
        let mut child = Command::new("node")
            .args([
                "mock-server.mjs",
                env!("EMBEDDED_GRAPHIQL_DIST"),
                "--port",
                "0",
                "--path",
                path,
                "--model",
            ])
            .arg(model)
            .current_dir(scripts)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node starts");
        let mut line = String::new();
        let out = child.stdout.take().expect("a pipe");
        BufReader::new(out).read_line(&mut line).expect("the address");
        let url =
            line.trim().strip_suffix(path).unwrap_or_else(|| unreachable!("no address: {line:?}")).to_owned();
        Self { child, url }
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_page_works_in_a_browser_under_any_path() {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser-test");
    // Finds the browser and installs the driver and what the mock needs; says so when it cannot.
    let probe = Command::new("node")
        .args(["run.mjs", "--probe"])
        .current_dir(&scripts)
        .output()
        .expect("node starts");
    if probe.status.code() == Some(SKIPPED) {
        println!("{}", String::from_utf8_lossy(&probe.stdout));
        return;
    }
    assert!(probe.status.success(), "{}", String::from_utf8_lossy(&probe.stderr));

    let dir = env::temp_dir().join(format!("embedded-graphiql-{}", std::process::id()));
    fs::create_dir_all(&dir).expect("a temporary folder");
    let model = dir.join("index.exo");
    let text = "type Todo {\n  @pk id: Int = autoIncrement()\n  title: String\n}\n";
    fs::write(&model, text).expect("a model");

    for path in ["/playground", "/dev/ui"] {
        let mock = Mock::start(&scripts, &model, path);
        let run = Command::new("node")
            .args(["run.mjs", "--url", &mock.url, "--path", path, "--persona", "anna", "--model"])
            .arg(&model)
            .current_dir(&scripts)
            .output()
            .expect("node starts");
        let said = String::from_utf8_lossy(&run.stdout);
        assert!(run.status.success(), "{said}\n{}", String::from_utf8_lossy(&run.stderr));
        assert!(said.contains("11 steps passed"), "{said}");
        assert_eq!(fs::read_to_string(&model).expect("the model"), text, "the model is put back");
    }
    let _ = fs::remove_dir_all(&dir);
}
