//! A recording of any script: its replay is the same; with lines moved, lost or changed, nothing panics.

use std::sync::mpsc::channel;
use std::time::Instant;

use livebus_core::Supervisor;
use livebus_recording::{Content, End, Epoch, Header, Line, Outcome, StartState};
use livebus_runner::{Entry, ObservedSupervisor};

use super::bytes::Bytes;
use super::events::ORIGIN;
use super::recording;
use super::script::Script;
use super::settings;

/// The ends of number ranges, and the end of the instants.
const NUMBERS: [&str; 9] = [
    "0",
    "1",
    "2",
    "4294967295",
    "65535",
    "9223372036854775807",
    "18446744073709551615",
    "3153600000000000000",
    "3153600000000000001",
];

/// The number of bytes of one change.
const CHANGE: usize = 5;

/// Reads a number of changes, the changes, settings and a script. Replays the recording of the script before and after the
/// changes, which all affect its first file.
///
/// # Panics
///
/// If the replay of the unchanged recording differs, or if [`recording`](super::recording()) panics.
pub fn lines(bytes: &[u8]) {
    let mut bytes = Bytes::new(bytes);
    let changes = usize::from(bytes.byte() % 8);
    let mut changes_bytes = bytes.part(CHANGE * changes);
    for mut file in record(&mut bytes) {
        let whole = file.concat();
        match recording::replay(&whole, file.len() as u64) {
            Some(Outcome::Same(summary)) => assert!(summary.end.is_some() && !summary.was_cut),
            Some(Outcome::Different(difference)) => panic!("{difference}"),
            None => panic!("cannot be read: {}", String::from_utf8_lossy(&whole)),
        }
        while !changes_bytes.is_empty() {
            change(&mut file, &mut changes_bytes);
        }
        recording::recording(&file.concat());
    }
}

/// The lines of a file, each with its line break.
type File = Vec<Vec<u8>>;

/// Returns the recording of a script, in several files if the script says so.
fn record(bytes: &mut Bytes<'_>) -> Vec<File> {
    let supervisor = Supervisor::new(settings::config(bytes), *ORIGIN);
    let mut writer = FileWriter::new(supervisor.clone());
    let (sender, entries) = channel();
    let observer = move |at, entry| sender.send((at, entry)).expect("it is received below");
    let mut twin = supervisor.clone();
    let mut recorded = ObservedSupervisor::new(supervisor, *ORIGIN, vec![Box::new(observer)]);
    let mut script = Script::new(*ORIGIN);
    while !bytes.is_empty() {
        let call = script.call(bytes, &twin);
        call.apply(&mut twin);
        match call.event {
            Some(event) => recorded.handle_event(call.at, event),
            None => recorded.handle_timeout(call.at),
        }
        if call.polled {
            while let Some(action) = recorded.poll_action() {
                assert_eq!(
                    twin.poll_action(),
                    Some(action),
                    "an observer must change nothing"
                );
                script.record_action(&action);
            }
        }
        for (at, entry) in entries.try_iter() {
            writer.write(at, entry);
        }
        if call.extra == 3 {
            writer.next_file();
        }
    }
    writer.end()
}

/// Writes a recording, with a supervisor in the state of what is written.
struct FileWriter {
    files: Vec<File>,
    supervisor: Supervisor,
    newest: Instant,
}

impl FileWriter {
    fn new(supervisor: Supervisor) -> Self {
        Self {
            files: vec![vec![header(&supervisor, None)]],
            supervisor,
            newest: *ORIGIN,
        }
    }

    fn line(&mut self, at: Instant, content: Content) {
        let mut text = Vec::new();
        let line = Line { at, content };
        line.encode(Epoch::new(*ORIGIN), &mut text)
            .expect("a line is written");
        self.files
            .last_mut()
            .expect("there is always a file")
            .push(text);
    }

    fn write(&mut self, at: Instant, entry: Entry) {
        self.line(at, Content::Entry(entry));
        self.newest = self.newest.max(at);
        match entry {
            Entry::Event(event) => self.supervisor.handle_event(at, event),
            Entry::Timeout => self.supervisor.handle_timeout(at),
            Entry::Action(action) => assert_eq!(self.supervisor.poll_action(), Some(action)),
        }
    }

    fn queued(&self) -> u64 {
        let mut polled = self.supervisor.clone();
        std::iter::from_fn(|| polled.poll_action()).count() as u64
    }

    fn next_file(&mut self) {
        let queued = self.queued();
        self.line(self.newest, Content::End(End::Continued { queued }));
        let start_state = StartState {
            ns: Epoch::new(*ORIGIN).nanos(self.newest),
            state: self.supervisor.snapshot(*ORIGIN),
        };
        self.files
            .push(vec![header(&self.supervisor, Some(start_state))]);
    }

    fn end(mut self) -> Vec<File> {
        let end = if self.supervisor.is_stopped() && self.queued() == 0 {
            End::Stopped
        } else {
            End::ForcedStop
        };
        self.line(self.newest, Content::End(end));
        self.files
    }
}

fn header(supervisor: &Supervisor, start_state: Option<StartState>) -> Vec<u8> {
    let header = Header {
        service: "message-bus".to_owned(),
        began_unix_ms: 0,
        config: supervisor.config().clone(),
        start_state,
    };
    let mut text = Vec::new();
    header.encode(&mut text).expect("a header is written");
    text
}

/// Changes a file: whole lines, a number, or one byte.
fn change(file: &mut File, bytes: &mut Bytes<'_>) {
    let how = bytes.byte();
    let (line, other) = (bytes.u16(), bytes.u16());
    file.retain(|line| !line.is_empty());
    if file.is_empty() {
        return;
    }
    let line = usize::from(line) % file.len();
    let at = usize::from(other);
    let other = at % file.len();
    match how % 8 {
        0 => drop(file.remove(line)),
        1 => file.insert(other, file[line].clone()),
        2 => file.swap(line, other),
        3 => file.truncate(line + 1),
        // The file ends within a line, as after a crash.
        4 => {
            file.truncate(line + 1);
            let length = at % file[line].len();
            file[line].truncate(length);
        }
        // The second half of another line.
        5 => {
            let tail = file[other].clone();
            let half = file[line].len() / 2;
            file[line].splice(half.., tail[tail.len() / 2..].iter().copied());
        }
        6 => {
            let number = NUMBERS[usize::from(how / 8) % NUMBERS.len()];
            replace_number(&mut file[line], at, number);
        }
        _ => {
            let index = at % file[line].len();
            file[line][index] ^= 1 << (how / 8 % 8);
        }
    }
}

/// Replaces one of the numbers in a line.
fn replace_number(line: &mut Vec<u8>, which: usize, number: &str) {
    let is_digit = |index: usize| line.get(index).is_some_and(u8::is_ascii_digit);
    let begins: Vec<usize> = (0..line.len())
        .filter(|index| is_digit(*index) && !(*index > 0 && is_digit(index - 1)))
        .collect();
    if begins.is_empty() {
        return;
    }
    let begin = begins[which % begins.len()];
    let length = line[begin..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    line.splice(begin..begin + length, number.bytes());
}
