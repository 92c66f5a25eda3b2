//! What the help and the manual pages say besides the options.
//!
//! No line is longer than `MAX_COLUMNS`, so that nothing wraps on a terminal of 80 columns, in a manual page either.

/// The maximum length of a line: a manual page of 78 columns indents it by 7.
#[cfg(test)]
const MAX_COLUMNS: usize = 70;

/// The end of the help of a command.
pub(crate) struct Appendix {
    /// Each a description, and the command line.
    pub(crate) examples: &'static [(&'static str, &'static str)],
    /// Each a code, and its meaning: several lines if it is long.
    pub(crate) exit_codes: &'static [(&'static str, &'static str)],
    /// Paragraphs, of lines.
    pub(crate) notes: &'static [&'static str],
}

/// Returns the text after the options.
pub(crate) fn after(appendix: &Appendix) -> String {
    let mut parts = Vec::new();
    if !appendix.examples.is_empty() {
        let examples = appendix.examples.iter();
        let lines = examples.map(|(what, command)| format!("  {what}:\n    {command}"));
        parts.push(format!("Examples:\n{}", joined(lines)));
    }
    parts.extend(appendix.notes.iter().map(|note| (*note).to_owned()));
    if !appendix.exit_codes.is_empty() {
        let codes = appendix.exit_codes.iter();
        let lines = codes.map(|(code, meaning)| {
            let meaning = meaning.replace('\n', "\n       ");
            format!("  {code:<3}  {meaning}")
        });
        parts.push(format!("Exit codes:\n{}", joined(lines)));
    }
    parts.join("\n\n")
}

fn joined(lines: impl Iterator<Item = String>) -> String {
    lines.collect::<Vec<_>>().join("\n")
}

const USED_WRONGLY: (&str, &str) = ("2", "a wrong option, address, property or file");
const AT_ONCE: (&str, &str) = (
    "130",
    "ended at once by another SIGINT, a second or more after the\nfirst signal (143: by SIGTERM, 129: by SIGHUP)",
);
const BY_A_SIGNAL: (&str, &str) = (
    "130",
    "ended by SIGINT before the verdict (143: by SIGTERM,\n129: by SIGHUP)",
);

pub(crate) const ROOT: Appendix = Appendix {
    examples: &[
        ("Try livebus without a Kafka", "livebus watch --embedded"),
        ("Watch your own Kafka", "livebus watch -b kafka:9092"),
        (
            "Wait for it, as an init container",
            "livebus wait -b kafka:9092 --timeout 5m",
        ),
    ],
    exit_codes: &[
        (
            "0",
            "ended in order: shut down by SIGINT, SIGTERM or SIGHUP, the\nreader of its output is gone, or the demo has ended;\nof check and wait: the verdict is the wanted one",
        ),
        (
            "1",
            "an error while running; of check and wait: not the wanted\nverdict",
        ),
        USED_WRONGLY,
        ("3", "a replay differs from its recording"),
        (
            "130",
            "ended by SIGINT: check and wait at once, the others by\nanother one, a second or more after the first signal\n(143: by SIGTERM, 129: by SIGHUP)",
        ),
    ],
    notes: &[
        "Every option can be given in the environment too: --live-interval\nas LIVEBUS_LIVE_INTERVAL. The command line comes first.",
        "NO_COLOR disables colours; --color comes before it.",
    ],
};

pub(crate) const WATCH: Appendix = Appendix {
    examples: &[
        (
            "A Kafka inside the process, to try livebus",
            "livebus watch --embedded",
        ),
        (
            "Your own Kafka",
            "livebus watch -b kafka-1:9092,kafka-2:9092",
        ),
        (
            "Create the topic of the liveness messages",
            "livebus watch -b kafka --topic health --create-topic",
        ),
        (
            "Properties from a file and from the command line",
            "livebus watch -b kafka --config kafka.properties -X client.id=me",
        ),
        (
            "Without a topic and without rights",
            "livebus watch -b kafka:9092 --ask metadata",
        ),
        (
            "With probes; then: curl '127.0.0.1:8080/readyz?verbose'",
            "livebus watch -b kafka:9092 --http 8080",
        ),
        (
            "With gRPC; then: livebus check grpc://127.0.0.1:9090",
            "livebus watch -b kafka:9092 --grpc 9090",
        ),
        (
            "As JSON",
            "livebus watch -b kafka:9092 --format json | jq .",
        ),
    ],
    exit_codes: &[
        (
            "0",
            "shut down by SIGINT, SIGTERM or SIGHUP, or the reader of its\noutput is gone",
        ),
        ("1", "an error while running"),
        USED_WRONGLY,
        AT_ONCE,
    ],
    notes: &[],
};

pub(crate) const CHECK: Appendix = Appendix {
    examples: &[
        ("A bus", "livebus check -b kafka:9092"),
        (
            "A running livebus: its /readyz",
            "livebus check http://127.0.0.1:8080",
        ),
        (
            "A health service of gRPC, and a name of it",
            "livebus check grpc://127.0.0.1:9090/message-bus",
        ),
        (
            "In a script",
            "livebus check --quiet -b kafka || echo 'no Kafka'",
        ),
        (
            "As JSON",
            "livebus check -b kafka:9092 --format json | jq .ready",
        ),
    ],
    exit_codes: &[
        ("0", "ready"),
        ("1", "not ready, or no verdict within --timeout"),
        USED_WRONGLY,
        BY_A_SIGNAL,
    ],
    notes: &[
        "Standard output has the verdict in one line, standard error the rest.\nA warning does not make a bus not ready; --strict does.",
    ],
};

pub(crate) const WAIT: Appendix = Appendix {
    examples: &[
        (
            "Until a bus works, as an init container or ExecStartPre=",
            "livebus wait -b kafka:9092 --timeout 5m",
        ),
        (
            "Until a running livebus is ready",
            "livebus wait http://127.0.0.1:8080",
        ),
        (
            "Until it is not ready",
            "livebus wait --for not-ready http://127.0.0.1:8080",
        ),
    ],
    exit_codes: &[
        ("0", "the wanted verdict"),
        ("1", "not the wanted verdict within --timeout"),
        USED_WRONGLY,
        BY_A_SIGNAL,
    ],
    notes: &[
        "Standard output has the verdict in one line; standard error has each\nchange of the status until then, unless --quiet.",
        "A livebus that does not answer is not ready. It is asked twice a\nsecond.",
    ],
};

pub(crate) const DEMO: Appendix = Appendix {
    examples: &[
        (
            "The defaults: a hung broker is noticed within ten seconds",
            "livebus demo",
        ),
        (
            "A hung broker is noticed within one second",
            "livebus demo --preset fast",
        ),
        ("On the other runtime", "livebus demo --runtime async-std"),
    ],
    exit_codes: &[
        ("0", "the demo has ended, or a signal has ended it"),
        ("1", "an error while running"),
        USED_WRONGLY,
        AT_ONCE,
    ],
    notes: &[],
};

pub(crate) const REPLAY: Appendix = Appendix {
    examples: &[
        (
            "Make a recording",
            "livebus watch -b kafka:9092 --record bus.jsonl",
        ),
        (
            "Its timeline, and whether the supervisor acts the same",
            "livebus replay bus.jsonl",
        ),
        ("A picture of it", "livebus replay bus.jsonl --svg bus.svg"),
        ("As JSON", "livebus replay bus.jsonl --format json | jq ."),
        (
            "The recording of the request handler `orders`",
            "livebus replay bus.orders.jsonl",
        ),
        (
            "What another policy would have done with the same records",
            "livebus replay bus.orders.jsonl --then skip --retries 5",
        ),
        (
            "The calls of the caller `billing`, if each had more time",
            "livebus replay bus.billing.jsonl --min-time 5s",
        ),
    ],
    exit_codes: &[
        ("0", "the same"),
        ("3", "different: the first difference is shown"),
        (
            "2",
            "a file that is missing, damaged or no recording: the line is\nshown",
        ),
    ],
    notes: &[
        "A last line that is incomplete, after a crash, is ignored, and a\nrecording that is still being written has no end yet. The output\nreports both; neither is an error. A recording that a full disk ended\nsays so.",
    ],
};

pub(crate) const COMPLETIONS: Appendix = Appendix {
    examples: &[
        ("bash, for this shell", "source <(livebus completions bash)"),
        (
            "zsh, in a folder of $fpath",
            "livebus completions zsh > ~/.zfunc/_livebus",
        ),
        (
            "fish",
            "livebus completions fish > ~/.config/fish/completions/livebus.fish",
        ),
    ],
    exit_codes: &[],
    notes: &[],
};

pub(crate) const MAN: Appendix = Appendix {
    examples: &[
        ("Read one", "livebus man watch | man -l -"),
        (
            "Install one",
            "livebus man > /usr/local/share/man/man1/livebus.1",
        ),
    ],
    exit_codes: &[],
    notes: &[],
};

/// Returns the appendix of a command; `None` names the program.
pub(crate) fn of(command: Option<&str>) -> Option<&'static Appendix> {
    match command {
        None => Some(&ROOT),
        Some("watch") => Some(&WATCH),
        Some("check") => Some(&CHECK),
        Some("wait") => Some(&WAIT),
        Some("demo") => Some(&DEMO),
        Some("replay") => Some(&REPLAY),
        Some("completions") => Some(&COMPLETIONS),
        Some("man") => Some(&MAN),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_wraps_on_80_columns() {
        let root = crate::args::command();
        let commands = root.get_subcommands().map(|it| Some(it.get_name()));
        for name in commands.chain([None]) {
            let appendix = of(name).expect("each command has one");
            let text = after(appendix);
            let long = text.lines().find(|line| line.len() > MAX_COLUMNS);
            assert_eq!(long, None, "{name:?}");
        }
    }
}
