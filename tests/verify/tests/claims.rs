//! Each claim has a machine, and the documentation says which: the table of claims is made from what there is.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use livebus_verify::explore::always_leads_to;
use livebus_verify::figures::compare_or_write;
use livebus_verify::watch::Claim;

/// The nine rules of the crate's documentation, and which of them types or compilers keep.
const RULES: [(&str, &str, &str); 9] = [
    (
        "rule 1",
        "While actions are queued, the timeout is due.",
        "",
    ),
    (
        "rule 2",
        "Drained, the timeout is strictly later than now.",
        "",
    ),
    (
        "rule 3",
        "Each operation is answered once, by its name; any other answer is stale.",
        "",
    ),
    (
        "rule 4",
        "At most one of each kind in flight, each with a deadline that the core keeps.",
        "",
    ),
    (
        "rule 5",
        "Deadlines count from now; settings that make no sense are refused.",
        "",
    ),
    (
        "rule 6",
        "Time does not go back; a jump of days is no burst.",
        "",
    ),
    (
        "rule 7",
        "No transition has a wildcard arm, and nothing fails.",
        "clippy (`wildcard_enum_match_arm`, warnings are errors)",
    ),
    (
        "rule 8",
        "A new action breaks every runner's build.",
        "the compiler: `Action` is exhaustive",
    ),
    ("rule 9", "Same inputs, same outputs.", ""),
];

/// Safety that is not the core's to keep.
const ELSEWHERE: [(&str, &str, &str); 1] = [(
    "S14",
    "All faces agree.",
    "not the core's: `tests/runners/probes.rs`; gRPC is not there yet",
)];

fn rust_files(folder: &Path, to: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a room can be listed") {
        let path = entry.expect("an entry can be read").path();
        if path.is_dir() {
            rust_files(&path, to);
        } else if path.extension().is_some_and(|it| it == "rs") {
            to.push(path);
        }
    }
}

/// The tests of the core whose names begin with the number of a claim, such as `s10_`.
fn tests_by_number() -> BTreeMap<String, Vec<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = Vec::new();
    for room in ["core/tests/properties", "core/src", "tests/verify/tests"] {
        rust_files(&root.join(room), &mut files);
    }
    let mut tests = BTreeMap::<String, Vec<String>>::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("a source is text");
        let names = text.lines().filter_map(|line| {
            let rest = line.trim_start().strip_prefix("fn ")?;
            rest.split(['(', '<']).next()
        });
        for name in names {
            if let Some(number) = number_of(name) {
                tests.entry(number).or_default().push(name.to_owned());
            }
        }
    }
    for names in tests.values_mut() {
        names.sort();
    }
    tests
}

/// `S10` of `s10_a_stale_answer`, `rule 3` of `rule_3_ids_count_up`.
fn number_of(name: &str) -> Option<String> {
    let (kind, rest) = match name.strip_prefix("rule_") {
        Some(rest) => ("rule ", rest),
        None => match name.as_bytes().first()? {
            b's' => ("S", &name[1..]),
            b'v' => ("V", &name[1..]),
            _ => return None,
        },
    };
    let (digits, _) = rest.split_once('_')?;
    let is_number = !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit());
    is_number.then(|| format!("{kind}{digits}"))
}

/// A row for each claim: its number, its sentence, and its machines.
fn rows() -> Vec<(String, String, Vec<String>)> {
    let mut rows: Vec<(String, String, Vec<String>)> = Vec::new();
    let mut add = |number: &str, sentence: &str, machine: &str| {
        let place = rows
            .iter()
            .position(|row| row.0 == number)
            .unwrap_or_else(|| {
                rows.push((number.to_owned(), sentence.to_owned(), Vec::new()));
                rows.len() - 1
            });
        if !machine.is_empty() {
            rows[place].2.push(machine.to_owned());
        }
    };
    for claim in Claim::ALL {
        // Two are asked of a state, not of a step.
        let of_a_state = [Claim::TimeStandsStill, Claim::TimePassesFirst].contains(claim);
        let machine = if of_a_state {
            "every state that there is (`explore`)"
        } else {
            "the watch (`explore`, `simulate`)"
        };
        add(claim.number(), claim.sentence(), machine);
    }
    for (number, sentence) in always_leads_to::CLAIMS {
        add(number, sentence, "cycles and longest ways (`explore`)");
    }
    add(
        "V7",
        "Every event comes in every phase, and every action comes out.",
        "`explore`; the stories of `tests/scenarios/`",
    );
    for (number, sentence, machine) in RULES.iter().chain(&ELSEWHERE) {
        add(number, sentence, machine);
    }
    for (number, names) in tests_by_number() {
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        add(&number, "", &names.join(", "));
    }
    rows
}

fn rank(number: &str) -> (usize, u32, String) {
    let kinds = ["S", "V", "rule "];
    let kind = kinds.iter().position(|kind| {
        number
            .strip_prefix(kind)
            .is_some_and(|rest| rest.parse::<u32>().is_ok())
    });
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    let digits = digits.parse().unwrap_or(0);
    (kind.unwrap_or(kinds.len()), digits, number.to_owned())
}

#[test]
fn every_claim_has_a_machine_and_stands_in_the_documentation() {
    let mut rows = rows();
    rows.sort_by_key(|row| rank(&row.0));
    let numbers: Vec<&str> = rows.iter().map(|row| row.0.as_str()).collect();
    for number in (1..=15).map(|n| format!("S{n}")) {
        assert!(numbers.contains(&number.as_str()), "no row for {number}");
    }
    for number in (1..=7).map(|n| format!("V{n}")) {
        assert!(numbers.contains(&number.as_str()), "no row for {number}");
    }
    for number in (1..=9).map(|n| format!("rule {n}")) {
        assert!(numbers.contains(&number.as_str()), "no row for {number}");
    }
    let mut table = String::from("| | claim | what fails when it is false |\n|---|---|---|\n");
    for (number, sentence, machines) in &rows {
        assert!(!machines.is_empty(), "nothing proves {number}");
        assert!(!sentence.is_empty(), "nobody says what {number} is");
        let _infallible = writeln!(table, "| {number} | {sentence} | {} |", machines.join("; "));
    }
    compare_or_write("verification.md", "claims", &table)
        .unwrap_or_else(|error| panic!("{error:#}"));
}
