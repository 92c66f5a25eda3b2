//! What a canonical supervisor forgets, one example each: two supervisors that differ in nothing else have one form.

use std::time::Duration;

use livebus_core::{
    Backoff, Config, Event, Failure, FailureClass, Handler, Phase, Settings, Status, StopId,
    Supervisor,
};

use super::form;
use crate::replay::drained;
use crate::simulation::{Kind, ORIGIN, Simulation};

const SECOND: Duration = Duration::from_secs(1);

/// Half a second doubled up to 30, from the seventh failure on.
const BACKOFF: Backoff = Backoff {
    first: Duration::from_millis(500),
    max: Duration::from_secs(30),
    jitter_percent: 0,
};

/// The usual, without jitter: a detection bound of 9.5 s, a drain of 5 s, not live 1, 2, 4, 5, 5 s.
fn plain() -> Settings {
    Settings {
        start_backoff: BACKOFF,
        registration_backoff: BACKOFF,
        ..Settings::default()
    }
}

fn sim(settings: Settings) -> Simulation {
    Simulation::new(&Config::new(settings).expect("valid"))
}

fn running(settings: Settings) -> Simulation {
    let mut sim = sim(settings);
    sim.answer_all();
    assert_eq!(sim.status(), Status::Running);
    sim
}

/// Different, and with one form.
fn one_form(one: &Supervisor, other: &Supervisor) {
    assert_ne!(one, other);
    assert_eq!(form(one), form(other));
}

impl Simulation {
    /// Lets ideal timers fire so often; nothing is answered.
    fn wait_in_silence(&mut self, times: usize) -> &mut Self {
        for _ in 0..times {
            assert!(self.fire_timer());
        }
        self
    }

    fn advance(&mut self, wait: Duration) -> &mut Self {
        self.deliver_and_drain(self.clock + wait, None);
        self
    }

    /// Evidence of this very instant.
    fn evidence(&mut self) -> &mut Self {
        self.deliver_and_drain(self.clock, Some(Event::Live { at: self.clock }));
        self
    }

    fn answer_start(&mut self) -> &mut Self {
        self.answer_newest(Kind::Start, Ok(()));
        self
    }

    fn fail(&mut self, class: FailureClass) -> &mut Self {
        self.fail_liveness(Failure::new(class));
        self
    }
}

#[test]
fn what_time_it_is() {
    let config = Config::new(plain()).expect("valid");
    let today = Supervisor::new(config.clone(), *ORIGIN);
    let tomorrow = Supervisor::new(config, *ORIGIN + Duration::from_hours(24));

    one_form(&today, &tomorrow);
}

#[test]
fn what_its_operations_are_called() {
    let supervisor = running(plain()).supervisor;
    let mut words = supervisor.snapshot(*ORIGIN);
    let operations = words.len() - 2;
    words[operations] += 1_000;
    let config = supervisor.config().clone();
    let renamed = Supervisor::restore(config, *ORIGIN, &words).expect("a snapshot");

    one_form(&supervisor, &renamed);
}

#[test]
fn how_many_operations_there_were() {
    let mut later = running(plain());
    let first = later.supervisor.clone();
    later.fire_timer();
    later.answer_all();
    let (_, names) = later.supervisor.canonical(*ORIGIN);

    assert_eq!(names.len(), 1, "the client");
    one_form(&first, &later.supervisor);
}

#[test]
fn how_many_answers_were_stale() {
    let fresh = running(plain());
    let mut stale = fresh.clone();
    let id = StopId::from_number(1_000);
    stale.deliver(
        stale.clock,
        Some(Event::StopAnswered { id, result: Ok(()) }),
    );

    one_form(&fresh.supervisor, &stale.supervisor);
}

#[test]
fn what_was_not_polled() {
    let queued = Supervisor::new(Config::new(plain()).expect("valid"), *ORIGIN);
    let mut polled = queued.clone();
    drained(&mut polled);

    one_form(&queued, &polled);
}

#[test]
fn how_long_it_has_had_its_status() {
    let mut long = running(plain());
    let short = long.supervisor.clone();
    for _ in 0..3 {
        long.fire_timer();
        long.answer_all();
    }

    assert_ne!(long.report().since, long.clock);
    one_form(&short, &long.supervisor);
}

#[test]
fn which_start_it_was_that_proved_good() {
    let first = running(plain());
    let mut second = sim(plain());
    second.wait_in_silence(2).answer_all();

    assert_eq!((first.report().attempt, second.report().attempt), (1, 2));
    one_form(&first.supervisor, &second.supervisor);
}

#[test]
fn how_old_the_last_proof_is_while_not_live() {
    let mut old = running(plain());
    old.fire_timer();
    old.advance(SECOND);
    let mut new = old.clone();
    new.evidence();
    for lost in [&mut old, &mut new] {
        lost.advance(SECOND / 10).fail(FailureClass::Authentication);
        assert_eq!(lost.supervisor.phase(), Phase::NotLive);
    }

    assert_ne!(old.report().evidence, new.report().evidence);
    one_form(&old.supervisor, &new.supervisor);
}

#[test]
fn how_long_it_has_not_been_live_and_how_many_intervals() {
    let mut long = sim(plain());
    long.answer_start();
    long.wait_in_silence(6);
    let short = long.supervisor.clone();
    long.wait_in_silence(1);

    assert_eq!(long.supervisor.phase(), Phase::NotLive);
    one_form(&short, &long.supervisor);
}

#[test]
fn when_it_ran_last_once_a_drain_from_then_would_be_over() {
    let mut long_ago = running(plain());
    long_ago.wait_in_silence(12);
    let not_so_long_ago = long_ago.supervisor.clone();
    long_ago.wait_in_silence(1);

    assert_eq!(long_ago.supervisor.phase(), Phase::NotLive);
    one_form(&not_so_long_ago, &long_ago.supervisor);
}

#[test]
fn when_it_ran_last_at_the_very_instant_at_which_a_drain_from_then_is_over() {
    let mut sim = running(plain());
    sim.wait_in_silence(12);
    let drain = sim.clock - sim.report().since;

    let mut sim = running(Settings { drain, ..plain() });
    sim.wait_in_silence(12);
    let just_over = sim.supervisor.clone();
    sim.wait_in_silence(1);

    one_form(&just_over, &sim.supervisor);
}

#[test]
fn starts_beyond_the_longest_back_off() {
    // Starting and BackingOff take turns.
    for beyond in [14, 15] {
        let mut sim = sim(plain());
        sim.wait_in_silence(beyond);
        let fewer = sim.supervisor.clone();
        sim.wait_in_silence(2);

        assert_eq!(fewer.phase(), sim.supervisor.phase());
        one_form(&fewer, &sim.supervisor);
    }
}

#[test]
fn starts_beyond_the_longest_back_off_once_one_succeeds() {
    let [fewer, more] = [14, 16].map(|failed| {
        let mut sim = sim(plain());
        sim.wait_in_silence(failed);
        sim.answer_start();
        sim
    });

    assert_eq!(fewer.supervisor.phase(), Phase::NotLive);
    one_form(&fewer.supervisor, &more.supervisor);
}

#[test]
fn registrations_beyond_the_longest_back_off() {
    let settings = Settings {
        live_interval: SECOND * 60,
        handlers: vec![Handler::required("requests")],
        ..plain()
    };
    // Registering and BackingOff take turns.
    for beyond in [14, 15] {
        let mut sim = sim(settings.clone());
        sim.answer_start();
        sim.answer_newest(Kind::Liveness, Ok(()));
        let overdue = |sim: &mut Simulation, times| {
            for _ in 0..times {
                sim.fire_timer();
                sim.evidence();
            }
        };
        overdue(&mut sim, beyond);
        let fewer = sim.supervisor.clone();
        overdue(&mut sim, 2);

        assert_eq!(sim.supervisor.phase(), Phase::Idle);
        one_form(&fewer, &sim.supervisor);
    }
}

#[test]
fn when_the_last_message_was_sent_once_the_next_may_follow() {
    let mut sim = running(plain());
    for _ in 0..3 {
        sim.advance(SECOND).evidence();
    }
    let short = sim.supervisor.clone();
    sim.advance(SECOND).evidence();

    assert_eq!(sim.supervisor.phase(), Phase::Idle);
    one_form(&short, &sim.supervisor);
}

#[test]
fn when_the_last_message_was_sent_once_it_failed_while_not_live() {
    // A bound of 4 s, which both have passed.
    let settings = Settings {
        live_interval: SECOND * 2,
        failures_to_not_ready: 1,
        ..plain()
    };
    // The third message has an interval of 4 s, the fourth one of 5 s; both end in a second.
    let [short, long] = [(2, 3), (3, 4)].map(|(intervals, age)| {
        let mut sim = sim(settings.clone());
        sim.answer_start();
        for _ in 0..intervals {
            sim.fail(FailureClass::Timeout);
            sim.fire_timer();
        }
        sim.fail(FailureClass::Timeout).advance(SECOND * age);
        sim
    });

    let ends = [&short, &long].map(|sim| {
        let until = sim.supervisor.poll_timeout().expect("not live");
        until - sim.clock
    });
    assert_eq!(ends, [SECOND, SECOND]);
    one_form(&short.supervisor, &long.supervisor);
}

#[test]
fn how_long_leaders_were_missing_before_the_last_proof() {
    let mut long = running(plain());
    long.fire_timer();
    long.fail(FailureClass::NoLeader);
    let mut short = long.clone();
    long.fire_timer();
    long.fail(FailureClass::NoLeader);
    for sim in [&mut short, &mut long] {
        sim.advance(SECOND / 10).evidence();
        assert!(sim.report().warning.is_some());
    }

    one_form(&short.supervisor, &long.supervisor);
}

/// Not a forgetting, but a clock that cannot remember.
#[test]
fn an_epoch_without_room_before_it_is_harmless() {
    let mut earliest = *ORIGIN;
    let mut step = Duration::MAX;
    while !step.is_zero() {
        while let Some(earlier) = earliest.checked_sub(step) {
            earliest = earlier;
        }
        step /= 2;
    }
    let mut sim = running(plain());
    sim.advance(SECOND);
    let (canonical, _) = sim.supervisor.canonical(earliest);

    assert_eq!(canonical.phase(), Phase::Idle);
    assert!(canonical.poll_timeout() > Some(earliest));
}
