//! Measures the panes in a pseudo terminal: `bench/terminal` runs it and says what the numbers mean.
//!
//! Without arguments the facts are made up at 10,000 requests a second; with `--studio BINARY PROJECT [QUERY]` the
//! real studio serves real requests, with the panes open and, for comparison, without. Each number stands beside its
//! goal.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a measuring program fails by panicking and prints what it measured"
)]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use portable_pty::{Child, CommandBuilder, PtySize, native_pty_system};
use studio_events::{
    EventKind, FieldSummary, LatencySlice, Micros, Revision, SchemaEvent, SchemaSummary, Shares,
    SliceOperation, Stream, StudioEvent, StudioState, Timestamp, TraceId, TraceKind, TypeKind, TypeSummary,
    bucket_of,
};
use studio_tui::TuiConfig;
use tokio::sync::{broadcast, mpsc, watch};

#[path = "../tests/it/fixture.rs"]
mod fixture;

/// Requests per second of the synthetic load.
const RATE: u64 = 10_000;
const LOAD: Duration = Duration::from_secs(10);
/// What is asked of the real studio: a list of the `todo` template.
const QUERY: &str = "query Board { todos { id title } }";
/// Goals: milliseconds from a key to its frame, percent of throughput, percent of a core, growth of memory in percent.
const KEY: f64 = 50.0;
const THROUGHPUT: f64 = 5.0;
const IDLE: f64 = 1.0;
const GROWTH: f64 = 10.0;

/// Made-up requests between two looks at the clock, at most: what is late is made up for, but not at once.
const AT_ONCE: u64 = 200;

/// Requests made up so far.
static MADE: AtomicU64 = AtomicU64::new(0);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["child", what] => child(what),
        ["--studio", binary, project] => studio(binary, project, QUERY),
        ["--studio", binary, project, query] => studio(binary, project, query),
        _ => synthetic(),
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp(u64::try_from(since.as_micros()).unwrap())
}

// ---------------------------------------------------------------- the program in the terminal

/// The panes on made-up facts.
fn child(what: &str) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut state = fixture::state("ready");
        if what == "huge" {
            let derived = SchemaEvent::Derived(Arc::new(huge()));
            apply(&mut state, EventKind::Schema(derived));
        }
        let (publish, states) = watch::channel(Arc::new(state.clone()));
        let (stream, events) = broadcast::channel(4096);
        let (commands, mut orders) = mpsc::unbounded_channel::<studio_events::Command>();
        let feeder = tokio::spawn(async move {
            if what_floods() {
                flood(&mut state, &publish, &stream).await;
            }
            // The channels stay open until the panes are closed.
            while orders.recv().await.is_some() {}
        });
        studio_tui::run(states, events, commands, TuiConfig::from_env()).await.unwrap();
        feeder.abort();
    });
    println!("made {} requests", MADE.load(Ordering::Relaxed));
}

fn what_floods() -> bool {
    std::env::args().nth(2).as_deref() == Some("flood")
}

fn apply(state: &mut StudioState, kind: EventKind) -> Arc<StudioEvent> {
    let event = Arc::new(StudioEvent { seq: state.seq + 1, at: now(), kind });
    state.apply(&event);
    event
}

/// Requests at [`RATE`], one state per millisecond, a slice per second: what the engine's bus does.
async fn flood(
    state: &mut StudioState,
    publish: &watch::Sender<Arc<StudioState>>,
    stream: &broadcast::Sender<Arc<StudioEvent>>,
) {
    let mut ticks = tokio::time::interval(Duration::from_millis(1));
    // A machine that cannot make them all makes fewer; the count at the end says how many.
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (start, mut sent, mut second) = (Instant::now(), 0_u64, 0);
    loop {
        ticks.tick().await;
        let due = u64::try_from(start.elapsed().as_micros()).unwrap() * RATE / 1_000_000;
        let due = due.min(sent + AT_ONCE);
        while sent < due {
            sent += 1;
            MADE.store(sent, Ordering::Relaxed);
            let names = ["Board", "Me", "AddTodo", "Report"];
            let name = names[usize::try_from(sent % 4).unwrap()];
            let mut trace = fixture::trace(name, TraceKind::Query, 900 + sent % 700, 1, 37);
            trace.id = TraceId(u32::try_from(sent & 0xff_ffff).unwrap());
            trace.at = now();
            let _ = stream.send(apply(state, EventKind::Request(Arc::new(trace))));
        }
        if start.elapsed().as_secs() > second {
            second += 1;
            let _ = stream.send(apply(state, EventKind::Latency(slice())));
            let lost = EventKind::Lost { stream: Stream::Requests, count: 1 };
            let _ = stream.send(apply(state, lost));
        }
        publish.send_replace(Arc::new(state.clone()));
    }
}

fn slice() -> LatencySlice {
    let operation = |name: &str| SliceOperation {
        name: name.into(),
        revision: Revision(14),
        max: Micros(1_600),
        shares: Shares { total: Micros(2_500_000), ..Shares::default() },
        times: (0..24).map(|n| (bucket_of(Micros(900 + n * 30)), 104)).collect(),
        ..SliceOperation::default()
    };
    LatencySlice {
        at: now(),
        count: RATE,
        errors: 0,
        p95: Micros(1_500),
        operations: ["Board", "Me", "AddTodo", "Report"].map(operation).to_vec(),
    }
}

/// 5,000 types with 13 fields, and an SDL of 100,000 lines.
fn huge() -> SchemaSummary {
    let field =
        |n: usize| FieldSummary { name: format!("field{n}"), ty: "String!".into(), note: "indexed".into() };
    let ty = |n: usize| TypeSummary {
        name: format!("Type{n}"),
        kind: TypeKind::Entity,
        table: format!("type{n}s"),
        fields: (0..13).map(field).collect(),
        access: vec!["query true".into()],
        rows: Some(1),
        file: "src/index.exo".into(),
        line: 1,
    };
    let sdl: String =
        (0..5_000).map(|n| format!("type Type{n} {{\n{}}}\n", "  field: String!\n".repeat(18))).collect();
    let ddl: String = (0..4_000)
        .map(|n| format!("CREATE TABLE \"type{n}s\" (\n\t\"id\" SERIAL PRIMARY KEY\n);\n"))
        .collect();
    SchemaSummary {
        revision: Revision(14),
        types: (0..5_000).map(ty).collect(),
        ddl: Arc::from(ddl),
        sdl: Arc::from(sdl),
        ..SchemaSummary::default()
    }
}

// ---------------------------------------------------------------- the terminal around it

struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    keys: Box<dyn std::io::Write + Send>,
    screen: Arc<Mutex<vt100::Parser>>,
    bytes: Arc<AtomicU64>,
    frames: Arc<AtomicU64>,
}

impl Terminal {
    fn start(mut command: CommandBuilder) -> Self {
        let size = PtySize { rows: 36, cols: 120, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        command.env("LC_ALL", "C.UTF-8");
        command.env("TERM", "xterm-256color");
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let nonzero = |count: u16| std::num::NonZero::new(count).unwrap();
        let screen = Arc::new(Mutex::new(vt100::Parser::new(nonzero(36), nonzero(120), 0)));
        let (bytes, frames) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let mut reader = pair.master.try_clone_reader().unwrap();
        let sinks = (Arc::clone(&screen), Arc::clone(&bytes), Arc::clone(&frames));
        std::thread::spawn(move || {
            let mut buffer = vec![0; 65_536];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                let part = &buffer[..count];
                sinks.0.lock().unwrap().process(part);
                sinks.1.fetch_add(u64::try_from(count).unwrap(), Ordering::Relaxed);
                let marks = part.windows(8).filter(|window| *window == b"\x1b[?2026h").count();
                sinks.2.fetch_add(u64::try_from(marks).unwrap(), Ordering::Relaxed);
            }
        });
        let keys = pair.master.take_writer().unwrap();
        // The master must outlive the session.
        std::mem::forget(pair.master);
        Self { child, keys, screen, bytes, frames }
    }

    fn text(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    fn until(&self, done: impl Fn(&str) -> bool) {
        let end = Instant::now() + Duration::from_secs(60);
        while !done(&self.text()) {
            assert!(Instant::now() < end, "waited in vain on\n{}", self.text());
            std::thread::sleep(Duration::from_micros(300));
        }
    }

    /// Types and waits for what it leads to; how long that took.
    fn key(&mut self, key: &str, done: impl Fn(&str) -> bool) -> Duration {
        let start = Instant::now();
        self.keys.write_all(key.as_bytes()).unwrap();
        self.keys.flush().unwrap();
        self.until(done);
        start.elapsed()
    }

    /// Leaves it; what stands on the screen then.
    fn quit(mut self) -> String {
        let _ = self.keys.write_all(b"\x03");
        let _ = self.child.wait();
        // The last bytes are on their way.
        std::thread::sleep(Duration::from_millis(200));
        self.text()
    }

    fn id(&self) -> u32 {
        self.child.process_id().unwrap()
    }
}

/// Resident memory of a process in MB.
fn memory(id: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or(0.0) / 1024.0
}

/// CPU time of a process in seconds.
fn cpu(id: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit_once(") ").map_or(Vec::new(), |(_, rest)| rest.split(' ').collect());
    let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

/// A number, its goal, and whether it is met.
fn goal(what: &str, value: f64, unit: &str, most: f64) {
    let verdict = if value <= most { "met" } else { "MISSED" };
    println!("{what:<46} {value:>8.1} {unit:<8} goal at most {most:>5.1}  {verdict}");
}

/// The slowest of all but one percent, and the others for the eye.
fn report(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let at =
        |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)].as_secs_f64() * 1000.0;
    goal(&format!("{what}, p99"), at(99), "ms", KEY);
    println!("   {} keys, p50 {:.1} ms, max {:.1} ms", times.len(), at(50), at(100));
}

/// What a process holds at the beginning, in the middle and at the end of the load. It is bounded when the second half
/// adds next to nothing.
fn report_memory(before: f64, middle: f64, after: f64) {
    goal(
        "memory, growth in the second half",
        (after - middle).max(0.0) * 100.0 / middle.max(1.0),
        "%",
        GROWTH,
    );
    println!("   {before:.0} MB before, {middle:.0} MB after half of the time, {after:.0} MB at the end");
}

/// Goes from pane to pane and back while `until` has not come; the times from key to frame.
fn walk(terminal: &mut Terminal, until: Instant) -> Vec<Duration> {
    let mut times = Vec::new();
    while Instant::now() < until {
        for (key, tab) in [("3", "[3 Traces"), ("2", "[2 Schema"), ("5", "[5 Logs"), ("1", "[1 Problems")] {
            times.push(terminal.key(key, |text| text.contains(tab)));
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    times
}

fn synthetic() {
    println!("made-up facts, {} s", LOAD.as_secs());
    let own = |what: &str| {
        let mut command = CommandBuilder::new(std::env::current_exe().unwrap());
        command.args(["child", what]);
        Terminal::start(command)
    };
    let mut busy = own("flood");
    busy.until(|text| text.contains("query "));
    let (id, start) = (busy.id(), Instant::now());
    let (before, used) = (memory(id), cpu(id));
    let mut times = walk(&mut busy, start + LOAD / 2);
    let middle = memory(id);
    times.extend(walk(&mut busy, start + LOAD));
    let seconds = start.elapsed().as_secs_f64();
    report("key to frame under load", times);
    report_memory(before, middle, memory(id));
    let frames = busy.frames.load(Ordering::Relaxed) as f64 / seconds;
    let bytes = busy.bytes.load(Ordering::Relaxed) as f64 / seconds / 1000.0;
    let used = (cpu(id) - used) * 100.0 / seconds;
    println!("   {frames:.0} frames/s, {bytes:.0} kB/s, {used:.0} % of a core, the making included");
    let text = busy.quit();
    let made = text.lines().find_map(|line| line.trim().strip_prefix("made ")?.split(' ').next());
    println!("   {} requests were made at {RATE}/s, start and end included", made.unwrap_or("unknown many"));

    let mut huge = own("huge");
    huge.until(|text| text.contains("5000 types"));
    let mut times = Vec::new();
    huge.key("2z", |text| text.contains("▸▾ Type0"));
    for _ in 0..50 {
        let shown = huge.text();
        times.push(huge.key("\x04", |text| text != shown));
    }
    report("half a page down in 5,000 types", std::mem::take(&mut times));
    for letter in "/type49".chars() {
        let shown = huge.text();
        times.push(huge.key(&letter.to_string(), |text| text != shown));
    }
    report("a letter of the filter over 5,000 types", std::mem::take(&mut times));
    huge.key("\x1b", |text| !text.contains("filter Schema"));
    for tab in ["i", "d"] {
        let shown = huge.text();
        times.push(huge.key(tab, |text| text != shown));
        for _ in 0..50 {
            let shown = huge.text();
            times.push(huge.key("\x04", |text| text != shown));
        }
        let shown = huge.text();
        times.push(huge.key("G", |text| text != shown));
    }
    report("half a page in 100,000 and 12,000 lines", times);
    huge.quit();

    println!("nothing happens for 10 s");
    let mut idle = own("idle");
    idle.until(|text| text.contains("[1 Problems"));
    for (key, tab, what) in [("1", "[1 Problems", "Latency visible"), ("5z", "[5 Logs", "Logs only")] {
        idle.key(key, |text| text.contains(tab));
        rest(&idle, what);
    }
    idle.quit();
}

/// What a terminal costs where nothing happens.
fn rest(idle: &Terminal, what: &str) {
    std::thread::sleep(Duration::from_secs(1));
    let (used, frames) = (cpu(idle.id()), idle.frames.load(Ordering::Relaxed));
    std::thread::sleep(Duration::from_secs(10));
    goal(&format!("idle CPU, {what}"), (cpu(idle.id()) - used) * 10.0, "% of a core", IDLE);
    println!("   {} frames", idle.frames.load(Ordering::Relaxed) - frames);
}

// ---------------------------------------------------------------- the real studio

/// Serves real requests with the panes and without, in turns.
fn studio(binary: &str, project: &str, query: &str) {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let body = serde_json::json!({ "query": query }).to_string();
    let request = format!(
        "POST /graphql HTTP/1.1\r\nhost: localhost:{port}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let (mut without, mut with) = (Vec::new(), Vec::new());
    println!("the real studio, {} s each: {query}", LOAD.as_secs());
    for panes_first in [false, true] {
        for panes in [panes_first, !panes_first] {
            if panes {
                with.push(with_panes(binary, project, port, &request));
            } else {
                without.push(without_panes(binary, project, port, &request));
            }
        }
    }
    let mean = |rates: &[f64]| rates.iter().sum::<f64>() / rates.len() as f64;
    let (with, without) = (mean(&with), mean(&without));
    goal("throughput lost to the panes", (without - with) * 100.0 / without.max(1.0), "%", THROUGHPUT);
    println!("   {with:.0} requests/s with the panes, {without:.0} without");
}

/// Requests per second with the panes open and somebody going through them.
fn with_panes(binary: &str, project: &str, port: u16, request: &str) -> f64 {
    let mut command = CommandBuilder::new(binary);
    command.args([project, "--port", &port.to_string()]);
    let panes = Terminal::start(command);
    panes.until(|text| text.contains("serving r"));
    load(port, request, Duration::from_secs(2));
    let id = panes.id();
    let before = memory(id);
    let walker = std::thread::spawn(move || {
        let (mut panes, start) = (panes, Instant::now());
        let mut times = walk(&mut panes, start + LOAD / 2);
        let middle = memory(id);
        times.extend(walk(&mut panes, start + LOAD));
        (panes, times, middle)
    });
    let rate = load(port, request, LOAD);
    let (mut panes, times, middle) = walker.join().unwrap();
    report("key to frame under real requests", times);
    report_memory(before, middle, memory(id));
    panes.key("1", |text| text.contains("[1 Problems"));
    rest(&panes, "the whole studio");
    panes.quit();
    rate
}

/// Requests per second of the studio without a terminal; its lines go nowhere.
fn without_panes(binary: &str, project: &str, port: u16, request: &str) -> f64 {
    let mut child = std::process::Command::new(binary)
        .args([project, "--plain", "--port", &port.to_string()])
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let end = Instant::now() + Duration::from_secs(60);
    while !answers(port, request) {
        assert!(Instant::now() < end, "the studio does not answer this query with data");
        std::thread::sleep(Duration::from_millis(50));
    }
    load(port, request, Duration::from_secs(2));
    let rate = load(port, request, LOAD);
    let id = child.id().to_string();
    std::process::Command::new("kill").args(["-s", "TERM", &id]).status().unwrap();
    child.wait().unwrap();
    rate
}

/// Whether the studio answers with data.
fn answers(port: u16, request: &str) -> bool {
    let Ok(mut socket) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    let mut buffer = vec![0; 65_536];
    let mut answer = Vec::new();
    if socket.write_all(request.as_bytes()).is_err() {
        return false;
    }
    while !is_whole(&answer) {
        match socket.read(&mut buffer) {
            Ok(count @ 1..) => answer.extend_from_slice(&buffer[..count]),
            Ok(0) | Err(_) => return false,
        }
    }
    String::from_utf8_lossy(&answer).contains("{\"data\":{")
}

/// Sends one request over eight kept connections as fast as it is answered; answers per second.
fn load(port: u16, request: &str, time: Duration) -> f64 {
    let (stop, answers) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let workers: Vec<_> = (0..8)
        .map(|_| {
            let (request, stop, answers) = (request.to_owned(), Arc::clone(&stop), Arc::clone(&answers));
            std::thread::spawn(move || {
                let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
                socket.set_nodelay(true).unwrap();
                let mut buffer = vec![0; 65_536];
                while !stop.load(Ordering::Relaxed) {
                    socket.write_all(request.as_bytes()).unwrap();
                    let mut answer = Vec::new();
                    while !is_whole(&answer) {
                        let count = socket.read(&mut buffer).unwrap();
                        assert!(count > 0, "the server hung up");
                        answer.extend_from_slice(&buffer[..count]);
                    }
                    answers.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let start = Instant::now();
    std::thread::sleep(time);
    stop.store(true, Ordering::Relaxed);
    let rate = answers.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64();
    for worker in workers {
        worker.join().unwrap();
    }
    rate
}

/// Head and body of an answer are there.
fn is_whole(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    length.is_some_and(|length| body.len() >= length)
}
