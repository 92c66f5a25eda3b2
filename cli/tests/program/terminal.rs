//! The program on a terminal: a pseudo terminal, and an emulator that keeps its screen.

use std::io::Read;
use std::num::NonZeroU16;
use std::process::Child;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use pty_process::Size;
use pty_process::blocking::{Command, Pty};
use rustix::process::{Pid, Signal, kill_process};

use crate::livebus::end_within_timeout;
use crate::on_each_runtime;

on_each_runtime![
    the_live_line_is_the_last_one_and_is_gone_at_the_end,
    a_closed_terminal_ends_it_in_order,
];

const ROWS: u16 = 60;
const TIMEOUT: Duration = Duration::from_mins(1);

/// What a terminal has received.
#[derive(Default)]
struct Received {
    bytes: Vec<u8>,
    is_closed: bool,
}

/// The program on a terminal. On drop, it is killed.
struct OnTerminal {
    child: Child,
    pty: Option<Arc<Pty>>,
    received: Arc<Mutex<Received>>,
    columns: u16,
}

impl OnTerminal {
    fn start(columns: u16, args: &[&str]) -> Self {
        Self::start_with(columns, args, &[])
    }

    fn start_with(columns: u16, args: &[&str], variables: &[(&str, &str)]) -> Self {
        let (pty, pts) = pty_process::blocking::open().expect("there are terminals");
        pty.resize(Size::new(ROWS, columns)).expect("it is open");
        let mut command = Command::new(env!("CARGO_BIN_EXE_livebus"))
            .args(args)
            .env_remove("NO_COLOR")
            .env("TERM", "xterm-256color")
            .envs(variables.iter().copied());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("LIVEBUS_")) {
            command = command.env_remove(name);
        }
        let child = command.spawn(pts).expect("the program was built");
        let (pty, received) = (Arc::new(pty), Arc::new(Mutex::new(Received::default())));
        let (reader, sink) = (Arc::downgrade(&pty), Arc::clone(&received));
        thread::spawn(move || {
            let mut bytes = [0; 4_096];
            // A terminal that the test has closed is not read any more.
            while let Some(pty) = reader.upgrade() {
                let read = (&*pty).read(&mut bytes).unwrap_or(0);
                let mut sink = sink.lock().unwrap_or_else(PoisonError::into_inner);
                sink.bytes.extend_from_slice(&bytes[..read]);
                if read == 0 {
                    sink.is_closed = true;
                    return;
                }
            }
        });
        Self {
            child,
            pty: Some(pty),
            received,
            columns,
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let received = self.received.lock();
        received
            .unwrap_or_else(PoisonError::into_inner)
            .bytes
            .clone()
    }

    /// Returns the rows of the screen that are not empty.
    fn screen(&self) -> Vec<String> {
        screen(&self.bytes(), self.columns)
    }

    /// Waits until the screen has what is expected, and returns it.
    fn until(&self, is_expected: impl Fn(&[String]) -> bool) -> Vec<String> {
        let begin = Instant::now();
        loop {
            let screen = self.screen();
            if is_expected(&screen) {
                return screen;
            }
            assert!(begin.elapsed() < TIMEOUT, "{screen:#?}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until the live line says Running.
    fn until_running(&self) -> Vec<String> {
        self.until(|screen| is_live_line(screen.last()) && last(screen).contains("Running"))
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }

    /// Waits for its end, and for the rest of its output. Returns its exit code.
    fn end(&mut self) -> Option<i32> {
        let status = end_within_timeout(&mut self.child);
        let begin = Instant::now();
        let is_closed = || {
            let received = self.received.lock();
            received.unwrap_or_else(PoisonError::into_inner).is_closed
        };
        while !is_closed() {
            assert!(begin.elapsed() < TIMEOUT, "the terminal stays open");
            thread::sleep(Duration::from_millis(5));
        }
        status.code()
    }
}

impl Drop for OnTerminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns a terminal that has received these bytes.
fn emulated(bytes: &[u8], columns: u16) -> vt100::Parser {
    let size = |cells| NonZeroU16::new(cells).expect("a terminal has cells");
    let mut parser = vt100::Parser::new(size(ROWS), size(columns), 0);
    parser.process(bytes);
    parser
}

fn screen(bytes: &[u8], columns: u16) -> Vec<String> {
    let parser = emulated(bytes, columns);
    let rows = parser.screen().rows(0, columns);
    let rows = rows.map(|row| row.trim_end().to_owned());
    rows.filter(|row| !row.is_empty()).collect()
}

fn last(screen: &[String]) -> &str {
    screen.last().map_or("", |line| line)
}

fn is_live_line(line: Option<&String>) -> bool {
    line.is_some_and(|line| line.starts_with('●'))
}

fn live_lines(screen: &[String]) -> usize {
    screen.iter().filter(|line| line.contains('●')).count()
}

fn the_live_line_is_the_last_one_and_is_gone_at_the_end(runtime: &str) {
    for columns in [40, 80, 200] {
        let args = [
            "watch",
            "--embedded",
            "--runtime",
            runtime,
            "--log",
            "info",
            "--live-interval",
            "200ms",
        ];
        let mut watch = OnTerminal::start(columns, &args);
        let screen = watch.until_running();
        assert_eq!(live_lines(&screen), 1, "{screen:#?}");
        // The log does not write into it.
        assert!(
            screen.iter().any(|line| line.contains("INFO")),
            "{screen:#?}"
        );
        watch.signal(Signal::INT);
        assert_eq!(watch.end(), Some(0));
        let screen = watch.screen();
        assert_eq!(live_lines(&screen), 0, "{screen:#?}");
        assert!(
            screen.concat().contains("Stopped    shut down"),
            "{screen:#?}"
        );
        // The prompt of the shell begins a line.
        let parser = emulated(&watch.bytes(), columns);
        assert_eq!(parser.screen().cursor_position().1, 0);
    }
}

#[test]
fn the_live_line_has_whole_values_only() {
    let watch = |columns| {
        let watch = OnTerminal::start(columns, &["watch", "--embedded"]);
        watch.until(|screen| is_live_line(screen.last()) && last(screen).contains("evidence"))
    };
    let whole = |text: &str| {
        let text = text.trim_end_matches(" …");
        let is_number_and = |part: &str, unit: &str| {
            part.strip_suffix(unit)
                .is_some_and(|number| number.trim_end().parse::<f64>().is_ok())
        };
        text.split(" · ").skip(1).all(|part| {
            part.strip_prefix("last evidence ")
                .is_some_and(|rest| is_number_and(rest, "s ago"))
                || part == "1 of 1 leaders answered"
                || part.starts_with("cluster ")
                || part
                    .strip_prefix("next check in ")
                    .is_some_and(|rest| is_number_and(rest, "ms") || is_number_and(rest, "s"))
        })
    };
    for columns in [50, 80, 200] {
        let screen = watch(columns);
        let line = last(&screen);
        assert!(whole(line), "{columns}: {line}");
        assert_eq!(line.ends_with('…'), columns < 200, "{columns}: {line}");
    }
}

#[test]
fn a_terminal_that_becomes_narrower_gets_a_shorter_live_line() {
    let mut watch = OnTerminal::start(200, &["watch", "--embedded"]);
    let wide = watch.until(|screen| last(screen).contains("next check"));
    assert_eq!(live_lines(&wide), 1);
    let before = watch.bytes().len();
    let pty = watch.pty.as_ref().expect("it is open");
    pty.resize(Size::new(ROWS, 40)).expect("it is open");
    // What it draws from then on fits.
    let drawn = |watch: &OnTerminal| {
        let text = String::from_utf8_lossy(&watch.bytes()[before..]).into_owned();
        text.split('\r').rev().nth(1).unwrap_or_default().to_owned()
    };
    let begin = Instant::now();
    while !drawn(&watch).contains('…') {
        assert!(begin.elapsed() < TIMEOUT, "{:?}", drawn(&watch));
        thread::sleep(Duration::from_millis(20));
    }
    watch.columns = 40;
    let shown = screen(drawn(&watch).as_bytes(), 40);
    assert_eq!(shown.len(), 1, "{shown:#?}");
    // The cursor waits where the line begins: whether the terminal wraps the wide line or cuts it off, all of it is cleared.
    assert!(watch.bytes().ends_with(b"\r"));
    watch.signal(Signal::INT);
    assert_eq!(watch.end(), Some(0));
}

#[test]
fn a_dumb_terminal_gets_lines_without_escapes() {
    for term in ["dumb", ""] {
        let watch = ["watch", "--embedded"];
        let mut watch = OnTerminal::start_with(80, &watch, &[("TERM", term)]);
        watch.until(|screen| screen.concat().contains("Running"));
        watch.signal(Signal::INT);
        assert_eq!(watch.end(), Some(0));
        let bytes = watch.bytes();
        assert!(
            !bytes.contains(&0x1b),
            "{}",
            String::from_utf8_lossy(&bytes)
        );
    }
}

#[test]
fn colours_follow_the_option_then_no_color_then_the_terminal() {
    const GREEN: &str = "\x1b[32m";

    let always = &["watch", "--embedded", "--color", "always"][..];
    let never = &["watch", "--embedded", "--color", "never"];
    for (args, variables, coloured) in [
        (&["watch", "--embedded"][..], &[][..], true),
        (&["watch", "--embedded"], &[("NO_COLOR", "1")], false),
        (always, &[("NO_COLOR", "1")], true),
        (never, &[], false),
    ] {
        let mut watch = OnTerminal::start_with(80, args, variables);
        watch.until_running();
        watch.signal(Signal::INT);
        assert_eq!(watch.end(), Some(0));
        let text = String::from_utf8_lossy(&watch.bytes()).into_owned();
        assert_eq!(text.contains(GREEN), coloured, "{args:?}: {text:?}");
    }
}

#[test]
fn an_impatient_end_leaves_no_live_line() {
    let mut watch = OnTerminal::start(80, &["watch", "--embedded", "--drain", "1h"]);
    watch.until_running();
    watch.signal(Signal::TERM);
    watch.until(|screen| last(screen).contains("shutting down"));
    let begin = Instant::now();
    while watch.child.try_wait().expect("it is a child").is_none() {
        assert!(begin.elapsed() < TIMEOUT, "it does not end");
        watch.signal(Signal::TERM);
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(watch.end(), Some(143));
    let screen = watch.screen();
    assert_eq!(live_lines(&screen), 0, "{screen:#?}");
}

fn a_closed_terminal_ends_it_in_order(runtime: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("bus.jsonl");
    let name = file.to_str().expect("it is text");
    let args = [
        "watch",
        "--embedded",
        "--runtime",
        runtime,
        "--record",
        name,
    ];
    let mut watch = OnTerminal::start(80, &args);
    watch.until_running();
    // The reader holds it for the rest of one read.
    drop(watch.pty.take());
    assert_eq!(end_within_timeout(&mut watch.child).code(), Some(0));
    let recording = std::fs::read_to_string(&file).expect("it is written");
    let last = recording.lines().last().unwrap_or_default();
    assert!(last.contains("end"), "{last}");
}

#[test]
fn a_verdict_is_coloured_on_a_terminal_only() {
    let mut check = OnTerminal::start(80, &["check", "http://127.0.0.1:1"]);
    assert_eq!(check.end(), Some(1));
    let text = String::from_utf8_lossy(&check.bytes()).into_owned();
    assert!(
        text.starts_with("\x1b[1m\x1b[31mnot ready\x1b[0m: "),
        "{text:?}"
    );
    assert!(text.ends_with("\r\n"), "{text:?}");
}

#[test]
fn the_examples_of_the_help_fit_80_columns() {
    for command in [
        "watch",
        "check",
        "wait",
        "demo",
        "replay",
        "completions",
        "man",
    ] {
        let mut help = OnTerminal::start(80, &[command, "--help"]);
        assert_eq!(help.end(), Some(0));
        let text = String::from_utf8_lossy(&help.bytes()).replace("\r\n", "\n");
        let (_, examples) = text.split_once("Examples:").expect("it has examples");
        let examples = examples.lines().skip(1).take_while(|line| !line.is_empty());
        for line in examples {
            // A line that is wrapped continues without its indentation.
            let is_whole = line.starts_with("  ") && line.len() < 80;
            assert!(is_whole, "{command}: {line:?}");
        }
    }
}
