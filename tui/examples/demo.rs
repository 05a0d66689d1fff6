//! The terminal on made-up facts: `cargo run -p studio-tui --example demo -- busy`.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use studio_events::{Command, EventKind, StudioEvent, StudioState, Timestamp, TraceId, TraceKind};
use studio_tui::TuiConfig;
use tokio::sync::{broadcast, mpsc, watch};

#[path = "../tests/it/fixture.rs"]
mod fixture;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let name = std::env::args().nth(1).unwrap_or_else(|| "busy".to_owned());
    let flood = std::env::args().any(|argument| argument == "--flood");
    let live = std::env::args().any(|argument| argument == "--live");
    let state = fixture::state(&name);
    let (publish, states) = watch::channel(Arc::new(state.clone()));
    let (stream, events) = broadcast::channel(256);
    let (commands, mut orders) = mpsc::unbounded_channel();
    let mut config = TuiConfig::from_env();
    config.ascii = std::env::args().any(|argument| argument == "--ascii");
    config.first_run = std::env::args().any(|argument| argument == "--first");
    tokio::spawn(async move {
        let mut state: StudioState = state;
        let mut number = 0;
        loop {
            let kind = tokio::select! {
                order = orders.recv() => match order {
                    Some(Command::SetPersona(active)) => {
                        EventKind::Personas { personas: state.personas.to_vec(), active }
                    }
                    Some(Command::Explain { trace, .. }) => {
                        EventKind::Plan { trace, text: Arc::from("Seq Scan on todos  (cost=0.00..1.42 rows=37)") }
                    }
                    Some(order) => EventKind::Log(studio_events::LogLine {
                        level: studio_events::LogLevel::Info,
                        source: "demo".to_owned(),
                        text: format!("{order:?}"),
                        trace: None,
                    }),
                    None => return,
                },
                () = tokio::time::sleep(Duration::from_millis(1)), if flood => {
                    // Ten requests a millisecond, one state for all of them.
                    for _ in 0..10 {
                        number += 1;
                        let mut trace = fixture::trace("Flood", TraceKind::Query, 900 + number % 500, 1, number);
                        trace.id = TraceId(u32::try_from(number).unwrap_or(0));
                        trace.at = now();
                        let kind = EventKind::Request(Arc::new(trace));
                        let event = StudioEvent { seq: state.seq + 1, at: now(), kind };
                        state.apply(&event);
                        let _ = stream.send(Arc::new(event));
                    }
                    EventKind::Idle
                }
                () = tokio::time::sleep(Duration::from_millis(700)), if live => {
                    number += 1;
                    let mut trace = fixture::trace("Live", TraceKind::Query, 900 + number * 13, 1, number);
                    trace.id = TraceId(u32::try_from(number).unwrap_or(0));
                    trace.at = now();
                    EventKind::Request(Arc::new(trace))
                }
            };
            let event = StudioEvent { seq: state.seq + 1, at: now(), kind };
            state.apply(&event);
            publish.send_replace(Arc::new(state.clone()));
            let _ = stream.send(Arc::new(event));
        }
    });
    let exit = studio_tui::run(states, events, commands, config).await?;
    writeln!(std::io::stdout(), "left by {exit:?}")?;
    Ok(())
}

fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_micros()).unwrap_or(0))
}
