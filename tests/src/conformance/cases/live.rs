//! A bus that works, or is thought to: silence, traffic, questions and their answers.

use livebus_core::{Answers, FailureClass, Settings};

use crate::conformance::case::Case;
use crate::conformance::world::{Answer, Happening, World, plain};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = questions();
    cases.extend(verdicts());
    cases.extend(warnings());
    cases
}

fn questions() -> Vec<Case> {
    vec![
        Case::new(
            "silence is broken by one liveness message in each interval",
            World::new(plain()).liveness([Answer::ok(10)]).until(21_000),
        )
        .shows(["10 Running: Evidence"])
        .asks([0, 5_010, 10_020, 15_030, 20_040]),
        Case::new(
            "traffic keeps the liveness messages away",
            World::new(plain())
                .each(20, 500, 1_000, Happening::Live)
                .at(20_000, Happening::Look)
                .until(22_000),
        )
        .shows(["0 Running: Evidence", "20000 ready"])
        .asks([0]),
        Case::new(
            "a storm of good news wakes nobody, and only the newest of it counts",
            World::new(plain())
                .each(2_000, 1_000, 2, Happening::Live)
                .until(12_000),
        )
        .shows(["0 Running: Evidence"])
        .asks([0, 9_998]),
        Case::new(
            "traffic that ends is followed by a question, one interval after the newest",
            World::new(plain()).at(3_000, Happening::Live).until(9_000),
        )
        .shows(["0 Running: Evidence"])
        .asks([0, 8_000]),
        Case::new(
            "good news at the very instant of the deadline counts before it",
            World::new(plain()).at(5_000, Happening::Live).until(11_000),
        )
        .shows(["0 Running: Evidence"])
        .asks([0, 10_000]),
        Case::new(
            "a question that is answered at the very instant of its deadline is late",
            World::new(plain())
                .liveness([Answer::ok(0), Answer::ok(2_000), Answer::ok(0)])
                .until(13_000),
        )
        .shows(["0 Running: Evidence"])
        .asks([0, 5_000, 7_500, 12_500]),
        Case::new(
            "a question that is answered after its deadline is late, and its answer is ignored",
            World::new(plain())
                .liveness([Answer::ok(0), Answer::ok(2_001), Answer::ok(0)])
                .until(13_000),
        )
        .shows(["0 Running: Evidence"])
        .asks([0, 5_000, 7_500, 12_500]),
        Case::new(
            "a question whose answer lay in the inbox in time is in time",
            World::new(plain())
                .liveness([Answer::ok(0), Answer::ok(1_999).lies(300), Answer::ok(0)])
                .until(13_000),
        )
        .shows(["0 Running: Evidence"])
        .asks([0, 5_000, 11_999]),
        Case::new(
            "traffic while a question is open makes its timeout meaningless",
            World::new(plain())
                .liveness([Answer::ok(0), Answer::Never, Answer::ok(0)])
                .at(6_000, Happening::Live)
                .until(12_000),
        )
        .shows(["0 Running: Evidence"])
        .asks([0, 5_000, 11_000]),
    ]
}

fn verdicts() -> Vec<Case> {
    vec![
        Case::new(
            "a bus that hangs for ever is not ready within the bound, and asked ever less often",
            World::new(plain())
                .liveness([Answer::ok(0), Answer::Never])
                .at(9_499, Happening::Look)
                .at(9_501, Happening::Look)
                .until(35_000),
        )
        .shows([
            "0 Running: Evidence",
            "9499 ready",
            "9500 NotReady: LivenessFailed(Timeout)",
            "9501 not ready",
        ])
        .asks([
            0, 5_000, 7_500, 9_500, 10_500, 12_500, 16_500, 21_500, 26_500, 31_500,
        ]),
        Case::new(
            "one ambiguous failure changes nothing",
            World::new(plain())
                .liveness([
                    Answer::ok(0),
                    Answer::failure(10, FailureClass::Unreachable),
                    Answer::ok(10),
                ])
                .until(11_000),
        )
        .shows(["0 Running: Evidence"])
        .asks([0, 5_000, 5_510, 10_520]),
        Case::new(
            "two ambiguous failures in a row are not ready, and one proof is ready again",
            World::new(plain())
                .liveness([
                    Answer::ok(0),
                    Answer::failure(10, FailureClass::Unreachable),
                    Answer::failure(10, FailureClass::QueueFull),
                    Answer::ok(10),
                ])
                .until(8_000),
        )
        .shows([
            "0 Running: Evidence",
            "5520 NotReady: LivenessFailed(QueueFull)",
            "6520 Running: Evidence",
        ])
        .asks([0, 5_000, 5_510, 6_510]),
        Case::new(
            "a definitive failure is not ready at once",
            World::new(plain())
                .liveness([
                    Answer::ok(0),
                    Answer::failure(10, FailureClass::Authentication),
                    Answer::ok(10),
                ])
                .until(8_000),
        )
        .shows([
            "0 Running: Evidence",
            "5010 NotReady: LivenessFailed(Authentication)",
            "6010 Running: Evidence",
        ])
        .asks([0, 5_000, 6_000]),
        Case::new(
            "a panic inside a liveness message is an ambiguous failure, and the loop goes on",
            World::new(plain())
                .liveness([
                    Answer::ok(0),
                    Answer::panic(5),
                    Answer::panic(5),
                    Answer::ok(5),
                ])
                .until(8_000),
        )
        .shows([
            "0 Running: Evidence",
            "5510 NotReady: LivenessFailed(Other)",
            "6510 Running: Evidence",
        ])
        .asks([0, 5_000, 5_505, 6_505]),
    ]
}

fn warnings() -> Vec<Case> {
    vec![
        Case::new(
            "an answer that refuses for a reason of ours is a warning until it is mended",
            World::new(plain())
                .liveness([
                    Answer::failure(10, FailureClass::TopicMissing),
                    Answer::failure(10, FailureClass::Authorization),
                    Answer::ok(10),
                ])
                .at(2_000, Happening::Live)
                .until(12_000),
        )
        .shows([
            "10 Running: Evidence, warned TopicMissing",
            "5020 Running: Evidence, warned Authorization",
            "10030 Running: Evidence",
        ])
        .asks([0, 5_010, 10_020]),
        Case::new(
            "an answer that refuses is not ready for the strict",
            World::new(Settings {
                answers: Answers::NotLive,
                ..plain()
            })
            .liveness([
                Answer::ok(0),
                Answer::failure(10, FailureClass::TopicMissing),
                Answer::ok(10),
            ])
            .until(8_000),
        )
        .shows([
            "0 Running: Evidence",
            "5010 NotReady: LivenessFailed(TopicMissing)",
            "6010 Running: Evidence",
        ])
        .asks([0, 5_000, 6_000]),
        Case::new(
            "missing leaders are a warning that ends with the election",
            World::new(plain())
                .liveness([
                    Answer::ok(0),
                    Answer::failure(10, FailureClass::NoLeader),
                    Answer::failure(10, FailureClass::NoLeader),
                    Answer::failure(10, FailureClass::NoLeader),
                    Answer::ok(10),
                ])
                .until(12_000),
        )
        .shows([
            "0 Running: Evidence",
            "5010 Running: Evidence, warned NoLeader",
            "8040 Running: Evidence",
        ])
        .asks([0, 5_000, 6_010, 7_020, 8_030]),
        Case::new(
            "missing leaders are tolerated for so long and not longer",
            World::new(plain())
                .liveness([Answer::ok(0), Answer::failure(10, FailureClass::NoLeader)])
                .at(20_009, Happening::Look)
                .at(20_011, Happening::Look)
                .until(23_000),
        )
        .shows([
            "0 Running: Evidence",
            "5010 Running: Evidence, warned NoLeader",
            "20009 ready",
            "20010 NotReady: LivenessFailed(NoLeader)",
            "20011 not ready",
        ])
        .asks([
            0, 5_000, 6_010, 7_020, 8_030, 9_040, 10_050, 11_060, 12_070, 13_080, 14_090, 15_100,
            16_110, 17_120, 18_130, 19_140, 20_140, 21_140,
        ]),
    ]
}
