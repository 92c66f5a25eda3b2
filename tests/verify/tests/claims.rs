//! Checks that each claim has a checker. The table of claims in the documentation is made from the claims and tests in the code.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use livebus_verify::explore::always_leads_to;
use livebus_verify::figures::compare_or_write;
use livebus_verify::invariants::Claim;

/// The nine rules of the crate's documentation, and which of them the compiler or clippy checks.
const RULES: [(&str, &str, &str); 9] = [
    (
        "rule 1",
        "While actions are queued, the timeout is due.",
        "",
    ),
    (
        "rule 2",
        "When no action is queued, the timeout is strictly later than now.",
        "",
    ),
    (
        "rule 3",
        "Each operation is answered once, by its id; any other answer is stale.",
        "",
    ),
    (
        "rule 4",
        "At most one of each kind in flight, each with a deadline that the core keeps.",
        "",
    ),
    (
        "rule 5",
        "Deadlines count from now; invalid settings are rejected.",
        "",
    ),
    (
        "rule 6",
        "Time does not go back; a jump of days causes no burst.",
        "",
    ),
    (
        "rule 7",
        "No transition has a wildcard arm, and no call fails.",
        "clippy (`wildcard_enum_match_arm`, warnings are errors)",
    ),
    (
        "rule 8",
        "A new action breaks the build of every runner.",
        "the compiler: `Action` is exhaustive",
    ),
    ("rule 9", "Same inputs, same outputs.", ""),
];

/// Safety claims that are not about the core.
const ELSEWHERE: [(&str, &str, &str); 1] = [(
    "S14",
    "All endpoints agree.",
    "not in the core: `tests/runners/probes.rs`; there is no gRPC endpoint yet",
)];

fn rust_files(folder: &Path, to: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder can be listed") {
        let path = entry.expect("an entry can be read").path();
        if path.is_dir() {
            rust_files(&path, to);
        } else if path.extension().is_some_and(|it| it == "rs") {
            to.push(path);
        }
    }
}

/// Returns the tests of the core whose names begin with the number of a claim, such as `s10_`.
fn tests_by_number() -> BTreeMap<String, Vec<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = Vec::new();
    for folder in ["core/tests/properties", "core/src", "tests/verify/tests"] {
        rust_files(&root.join(folder), &mut files);
    }
    let mut tests = BTreeMap::<String, Vec<String>>::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("a source file is UTF-8");
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

/// Returns `S10` of `s10_a_stale_answer`, `rule 3` of `rule_3_ids_count_up`.
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

/// Returns a row for each claim: its number, its sentence, and its checkers.
fn rows() -> Vec<(String, String, Vec<String>)> {
    let mut rows: Vec<(String, String, Vec<String>)> = Vec::new();
    let mut add = |number: &str, sentence: &str, checker: &str| {
        let index = rows
            .iter()
            .position(|row| row.0 == number)
            .unwrap_or_else(|| {
                rows.push((number.to_owned(), sentence.to_owned(), Vec::new()));
                rows.len() - 1
            });
        if !checker.is_empty() {
            rows[index].2.push(checker.to_owned());
        }
    };
    for claim in Claim::ALL {
        // Two are checked on a state, not on a step.
        let of_a_state = [Claim::EarlyCallDoesNothing, Claim::TimePassesFirst].contains(claim);
        let checker = if of_a_state {
            "the check of each state (`explore`)"
        } else {
            "the invariant checker (`explore`, `simulate`)"
        };
        add(claim.id(), claim.sentence(), checker);
    }
    for (number, sentence) in always_leads_to::CLAIMS {
        add(number, sentence, "cycles and longest paths (`explore`)");
    }
    add(
        "V7",
        "Every event comes in every phase, and every action is returned.",
        "`explore`; the scenarios of `tests/scenarios/`",
    );
    for (number, sentence, checker) in RULES.iter().chain(&ELSEWHERE) {
        add(number, sentence, checker);
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
fn every_claim_has_a_checker_and_is_in_the_documentation() {
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
    for (number, sentence, checkers) in &rows {
        assert!(!checkers.is_empty(), "no checker for {number}");
        assert!(!sentence.is_empty(), "no sentence for {number}");
        let _infallible = writeln!(table, "| {number} | {sentence} | {} |", checkers.join("; "));
    }
    compare_or_write("verification.md", "claims", &table)
        .unwrap_or_else(|error| panic!("{error:#}"));
}
