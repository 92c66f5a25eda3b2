use super::*;

/// A lifecycle whose clock the test turns.
struct Script {
    lifecycle: Lifecycle,
    start: Instant,
    now: Instant,
}

impl Script {
    fn new() -> Self {
        let start = Instant::now();
        Self {
            lifecycle: Lifecycle::new(&Settings::default()),
            start,
            now: start,
        }
    }

    fn at(&mut self, millis: u64) -> &mut Self {
        self.now = self.start + Duration::from_millis(millis);
        self
    }

    fn sees(&mut self, part: fn(&mut Seen) -> &mut Option<Instant>) -> Next {
        let mut seen = Seen::default();
        *part(&mut seen) = Some(self.now);
        self.lifecycle.on_seen(seen, self.now);
        self.lifecycle.next(self.now)
    }

    fn proof(&mut self) -> Next {
        self.sees(|seen| &mut seen.proof)
    }

    fn down(&mut self) -> Next {
        self.sees(|seen| &mut seen.down)
    }

    fn unanswered(&mut self) -> Next {
        self.sees(|seen| &mut seen.unanswered)
    }

    fn rejected(&mut self) -> Next {
        self.sees(|seen| &mut seen.rejected)
    }

    fn accepted(&mut self) -> Next {
        self.sees(|seen| &mut seen.accepted)
    }

    fn not_accepted(&mut self) -> Next {
        self.sees(|seen| &mut seen.not_accepted)
    }

    fn next(&mut self) -> Next {
        self.lifecycle.next(self.now)
    }

    fn attempts(&self) -> Attempts {
        self.lifecycle.attempts(self.now)
    }
}

#[test]
fn a_proved_bus_is_polled_once_a_second_and_not_tried() {
    let mut it = Script::new();
    assert_eq!(it.next(), Next::Poll(POLL_WHILE_UNPROVED));
    assert_eq!(it.at(10).proof(), Next::Poll(POLL));
    assert_eq!(it.attempts(), Attempts::Off);
}

#[test]
fn a_bus_that_works_again_is_polled_often_until_it_has_settled() {
    let mut it = Script::new();
    it.at(10).unanswered();
    assert_eq!(it.at(20).proof(), Next::Poll(POLL_WHILE_UNPROVED));
    assert_eq!(it.at(10_009).next(), Next::Poll(POLL_WHILE_UNPROVED));
    assert_eq!(it.at(10_010).next(), Next::Poll(POLL));
}

#[test]
fn a_bus_that_refuses_connections_is_closed_and_opened_by_the_first_that_accepts() {
    let mut it = Script::new();
    it.proof();
    assert_eq!(it.at(10).down(), Next::Poll(POLL_WHILE_UNPROVED));
    assert_eq!(it.attempts(), Attempts::Paced);
    assert_eq!(it.at(20).not_accepted(), Next::Close);
    assert_eq!(it.next(), Next::Wait(POLL));
    assert_eq!(it.attempts(), Attempts::Paced);
    assert_eq!(it.at(600_000).accepted(), Next::Open);
    assert_eq!(it.attempts(), Attempts::Off);
    assert_eq!(it.next(), Next::Poll(POLL_WHILE_UNPROVED));
}

#[test]
fn a_producer_that_has_worked_is_replaced_when_it_loses_all_brokers() {
    let mut it = Script::new();
    it.proof();
    it.at(2_000).unanswered();
    it.accepted();
    assert_eq!(it.at(30_000).down(), Next::Poll(POLL_WHILE_UNPROVED));
    assert_eq!(it.attempts(), Attempts::Paced);
    assert_eq!(it.at(30_010).accepted(), Next::Close);
    assert_eq!(it.attempts(), Attempts::Off);
    assert_eq!(it.next(), Next::Open);
}

#[test]
fn a_producer_that_has_not_worked_yet_connects_on_its_own() {
    let mut it = Script::new();
    for millis in (0..60_000).step_by(100) {
        it.at(millis).down();
        assert_eq!(it.accepted(), Next::Poll(POLL_WHILE_UNPROVED));
        assert_eq!(it.attempts(), Attempts::Off);
    }
}

#[test]
fn a_new_producer_that_loses_its_brokers_too_is_replaced_again() {
    let mut it = Script::new();
    it.proof();
    it.at(1_000).down();
    assert_eq!(it.at(1_010).accepted(), Next::Close);
    assert_eq!(it.next(), Next::Open);
    it.lifecycle.on_connected();
    it.at(1_500).down();
    assert_eq!(it.at(1_510).accepted(), Next::Close);
    assert_eq!(it.next(), Next::Open);
}

#[test]
fn a_bus_that_drops_connections_costs_one_producer_a_second_at_most() {
    let mut it = Script::new();
    let mut opened = [0; 2];
    for (minute, opened) in (0..).zip(&mut opened) {
        it.at(minute * 60_000).proof();
        for millis in (0..60_000).step_by(100) {
            it.lifecycle.on_connected();
            let down = it.at(minute * 60_000 + millis + 10).down();
            let accepted = it.at(minute * 60_000 + millis + 20).accepted();
            *opened += [down, accepted]
                .iter()
                .filter(|next| **next == Next::Close)
                .count();
            it.next();
        }
    }
    // Two more at the beginning.
    assert!(
        opened.iter().all(|opened| (30..=62).contains(opened)),
        "{opened:?}"
    );
}

#[test]
fn a_liveness_message_without_an_answer_on_a_lost_connection_closes_the_producer() {
    let mut it = Script::new();
    it.at(10).down();
    assert_eq!(it.at(500).unanswered(), Next::Close);
    assert_eq!(it.attempts(), Attempts::Paced);
}

#[test]
fn a_hung_bus_keeps_its_producer_and_is_tried_ever_more_rarely() {
    let mut it = Script::new();
    it.proof();
    it.at(2_000).unanswered();
    let mut attempts = 0;
    let hour = 3_600;
    for second in 3..hour {
        let next = it.at(second * 1_000).next();
        assert_eq!(next, Next::Poll(POLL_WHILE_UNPROVED));
        match it.attempts() {
            Attempts::Once => {
                attempts += 1;
                it.accepted();
            }
            Attempts::Off => {}
            Attempts::Paced => panic!("a hung bus is tried all the time"),
        }
        it.unanswered();
    }
    assert_eq!(attempts, 10);
}

#[test]
fn a_silent_bus_that_accepts_no_connection_is_closed() {
    let mut it = Script::new();
    it.proof();
    it.at(2_000).unanswered();
    assert_eq!(it.attempts(), Attempts::Once);
    assert_eq!(it.at(7_000).not_accepted(), Next::Close);
    assert_eq!(it.attempts(), Attempts::Paced);
}

#[test]
fn an_answer_ends_what_was_seen_before_it_and_nothing_that_came_later() {
    let mut it = Script::new();
    it.at(10).down();
    assert_eq!(it.at(20).proof(), Next::Poll(POLL_WHILE_UNPROVED));
    assert_eq!(it.attempts(), Attempts::Off);
    let [earlier, later] = [30, 40].map(|millis| Some(it.start + Duration::from_millis(millis)));
    let seen = Seen {
        proof: earlier,
        down: later,
        ..Seen::default()
    };
    it.at(50);
    it.lifecycle.on_seen(seen, it.now);
    assert_eq!(it.next(), Next::Poll(POLL_WHILE_UNPROVED));
    assert_eq!(it.attempts(), Attempts::Paced);
}

#[test]
fn an_address_that_accepts_after_another_that_did_not_counts() {
    let mut it = Script::new();
    it.at(10).down();
    it.at(20).not_accepted();
    let [earlier, later] = [30, 40].map(|millis| Some(it.start + Duration::from_millis(millis)));
    let seen = Seen {
        not_accepted: earlier,
        accepted: later,
        ..Seen::default()
    };
    it.at(50);
    it.lifecycle.on_seen(seen, it.now);
    assert_eq!(it.next(), Next::Open);
}

#[test]
fn there_is_one_login_in_the_pace_after_a_rejected_one() {
    let mut it = Script::new();
    let mut logins = 1;
    it.at(1);
    for millis in (1..60_000).step_by(50) {
        let next = match it.at(millis).next() {
            Next::Poll(_) => it.rejected(),
            next @ (Next::Open | Next::Close | Next::Wait(_)) => next,
        };
        match next {
            Next::Open => logins += 1,
            Next::Close | Next::Wait(_) => {
                it.unanswered();
                assert_eq!(it.attempts(), Attempts::Off);
            }
            Next::Poll(_) => panic!("a producer with a rejected login stays open"),
        }
    }
    assert_eq!(logins, 12);
}

#[test]
fn a_producer_that_cannot_be_made_is_tried_again_at_the_pace_of_logins() {
    let mut it = Script::new();
    it.at(10).rejected();
    assert_eq!(it.at(5_010).next(), Next::Open);
    it.lifecycle.on_open_failed(it.now);
    assert_eq!(it.next(), Next::Wait(LOGIN_PACE));
    assert_eq!(it.at(10_010).next(), Next::Open);
}

#[test]
fn an_attempt_may_take_as_long_as_the_settings_let_a_liveness_message_take() {
    let far = Settings {
        live_interval: Duration::from_secs(20),
        liveness_timeout: Duration::from_secs(20),
        ..Settings::default()
    };
    assert_eq!(
        Lifecycle::new(&far).attempt_limit(),
        Duration::from_secs(20)
    );
}

#[test]
fn a_producer_that_knows_no_broker_any_more_is_replaced_at_once() {
    let mut it = Script::new();
    it.proof();
    it.at(2_000).unanswered();
    assert_eq!(it.at(3_000).sees(|seen| &mut seen.useless), Next::Close);
    assert_eq!(it.next(), Next::Open);
    assert_eq!(it.next(), Next::Poll(POLL_WHILE_UNPROVED));
}

#[test]
fn of_two_attempts_at_the_same_instant_the_accepted_one_counts() {
    let mut it = Script::new();
    it.at(10).down();
    it.at(20).not_accepted();
    it.at(30);
    let seen = Seen {
        accepted: Some(it.now),
        not_accepted: Some(it.now),
        ..Seen::default()
    };
    it.lifecycle.on_seen(seen, it.now);
    assert_eq!(it.next(), Next::Open);
}

#[test]
fn no_connection_is_attempted_before_the_next_login() {
    let mut it = Script::new();
    let seen = Seen {
        rejected: Some(it.now),
        down: Some(it.now),
        ..Seen::default()
    };
    it.lifecycle.on_seen(seen, it.now);
    assert_eq!(it.attempts(), Attempts::Off);
    assert_eq!(it.at(4_999).attempts(), Attempts::Off);
    assert_eq!(it.at(5_000).attempts(), Attempts::Paced);
}

#[test]
fn producers_that_know_no_broker_are_not_replaced_again_at_once() {
    let mut it = Script::new();
    let mut now = 0;
    for pause in [250, 500, 1_000, 1_000] {
        assert_eq!(it.at(now).sees(|seen| &mut seen.useless), Next::Close);
        assert_eq!(it.next(), Next::Open);
        let next = it.at(now + 10).sees(|seen| &mut seen.useless);
        assert_eq!(next, Next::Poll(POLL_WHILE_UNPROVED));
        now += pause;
        assert_eq!(it.at(now - 1).next(), Next::Poll(POLL_WHILE_UNPROVED));
    }
}
