//! What a canonical supervisor omits, one example each: two supervisors that differ only in it have the same form.

use std::time::Duration;

use livebus_core::{
    Backoff, Config, Event, Failure, FailureClass, Handler, Phase, Settings, Status, StopId,
    Supervisor,
};

use super::form;
use crate::replay::poll_all;
use crate::settings::with_handlers;
use crate::simulation::{Kind, ORIGIN, Simulation};

const SECOND: Duration = Duration::from_secs(1);

/// Half a second, doubled up to 30 s, which it reaches at the seventh failure.
const BACKOFF: Backoff = Backoff {
    first: Duration::from_millis(500),
    max: Duration::from_secs(30),
    jitter_percent: 0,
};

/// The default, without jitter: a detection bound of 9.5 s, a drain of 5 s, intervals of 1, 2, 4, 5, 5 s while not live.
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

/// Asserts that the two are different, and have the same form.
fn assert_same_form(one: &Supervisor, other: &Supervisor) {
    assert_ne!(one, other);
    assert_eq!(form(one), form(other));
}

impl Simulation {
    /// Fires ideal timers this many times; nothing is answered.
    fn fire_timers(&mut self, times: usize) -> &mut Self {
        for _ in 0..times {
            assert!(self.fire_timer());
        }
        self
    }

    fn advance(&mut self, wait: Duration) -> &mut Self {
        self.deliver_and_drain(self.clock + wait, None);
        self
    }

    /// Delivers evidence of this instant.
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
fn canonical_form_omits_the_current_time() {
    let config = Config::new(plain()).expect("valid");
    let today = Supervisor::new(config.clone(), *ORIGIN);
    let tomorrow = Supervisor::new(config, *ORIGIN + Duration::from_hours(24));

    assert_same_form(&today, &tomorrow);
}

#[test]
fn canonical_form_omits_the_ids_of_operations() {
    let supervisor = running(plain()).supervisor;
    let mut words = supervisor.snapshot(*ORIGIN);
    let operations = words.len() - 2;
    words[operations] += 1_000;
    let config = supervisor.config().clone();
    let renamed = Supervisor::restore(config, *ORIGIN, &words).expect("a snapshot");

    assert_same_form(&supervisor, &renamed);
}

#[test]
fn canonical_form_omits_the_number_of_operations() {
    let mut later = running(plain());
    let first = later.supervisor.clone();
    later.fire_timer();
    later.answer_all();
    let (_, ids) = later.supervisor.canonical(*ORIGIN);

    assert_eq!(ids.len(), 1, "the client");
    assert_same_form(&first, &later.supervisor);
}

#[test]
fn canonical_form_omits_the_number_of_stale_answers() {
    let fresh = running(plain());
    let mut stale = fresh.clone();
    let id = StopId::from_number(1_000);
    stale.deliver(
        stale.clock,
        Some(Event::StopAnswered { id, result: Ok(()) }),
    );

    assert_same_form(&fresh.supervisor, &stale.supervisor);
}

#[test]
fn canonical_form_omits_queued_actions() {
    let queued = Supervisor::new(Config::new(plain()).expect("valid"), *ORIGIN);
    let mut polled = queued.clone();
    poll_all(&mut polled);

    assert_same_form(&queued, &polled);
}

#[test]
fn canonical_form_omits_the_age_of_the_status() {
    let mut long = running(plain());
    let short = long.supervisor.clone();
    for _ in 0..3 {
        long.fire_timer();
        long.answer_all();
    }

    assert_ne!(long.report().since, long.clock);
    assert_same_form(&short, &long.supervisor);
}

#[test]
fn canonical_form_omits_the_attempt_of_the_successful_start() {
    let first = running(plain());
    let mut second = sim(plain());
    second.fire_timers(2).answer_all();

    assert_eq!((first.report().attempt, second.report().attempt), (1, 2));
    assert_same_form(&first.supervisor, &second.supervisor);
}

#[test]
fn canonical_form_omits_the_age_of_evidence_while_not_live() {
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
    assert_same_form(&old.supervisor, &new.supervisor);
}

#[test]
fn canonical_form_omits_the_number_of_intervals_without_liveness() {
    let mut long = sim(plain());
    long.answer_start();
    long.fire_timers(6);
    let short = long.supervisor.clone();
    long.fire_timers(1);

    assert_eq!(long.supervisor.phase(), Phase::NotLive);
    assert_same_form(&short, &long.supervisor);
}

#[test]
fn canonical_form_omits_the_end_of_running_after_its_drain() {
    let mut long_ago = running(plain());
    long_ago.fire_timers(12);
    let not_so_long_ago = long_ago.supervisor.clone();
    long_ago.fire_timers(1);

    assert_eq!(long_ago.supervisor.phase(), Phase::NotLive);
    assert_same_form(&not_so_long_ago, &long_ago.supervisor);
}

#[test]
fn canonical_form_omits_the_end_of_running_at_the_instant_its_drain_ends() {
    let mut sim = running(plain());
    sim.fire_timers(12);
    let drain = sim.clock - sim.report().since;

    let mut sim = running(Settings { drain, ..plain() });
    sim.fire_timers(12);
    let just_over = sim.supervisor.clone();
    sim.fire_timers(1);

    assert_same_form(&just_over, &sim.supervisor);
}

#[test]
fn canonical_form_omits_starts_beyond_the_maximum_back_off() {
    // Starting and BackingOff alternate.
    for beyond in [14, 15] {
        let mut sim = sim(plain());
        sim.fire_timers(beyond);
        let fewer = sim.supervisor.clone();
        sim.fire_timers(2);

        assert_eq!(fewer.phase(), sim.supervisor.phase());
        assert_same_form(&fewer, &sim.supervisor);
    }
}

#[test]
fn canonical_form_omits_starts_beyond_the_maximum_back_off_after_a_success() {
    let [fewer, more] = [14, 16].map(|failed| {
        let mut sim = sim(plain());
        sim.fire_timers(failed);
        sim.answer_start();
        sim
    });

    assert_eq!(fewer.supervisor.phase(), Phase::NotLive);
    assert_same_form(&fewer.supervisor, &more.supervisor);
}

#[test]
fn canonical_form_omits_registrations_beyond_the_maximum_back_off() {
    let settings = Settings {
        live_interval: SECOND * 60,
        ..plain()
    };
    let config = with_handlers(settings, vec![Handler::required("requests")]);
    // Registering and BackingOff alternate.
    for beyond in [14, 15] {
        let mut sim = Simulation::new(&config);
        sim.answer_start();
        sim.answer_newest(Kind::Liveness, Ok(()));
        let time_out = |sim: &mut Simulation, times| {
            for _ in 0..times {
                sim.fire_timer();
                sim.evidence();
            }
        };
        time_out(&mut sim, beyond);
        let fewer = sim.supervisor.clone();
        time_out(&mut sim, 2);

        assert_eq!(sim.supervisor.phase(), Phase::Idle);
        assert_same_form(&fewer, &sim.supervisor);
    }
}

#[test]
fn canonical_form_omits_the_send_instant_once_the_next_message_is_allowed() {
    let mut sim = running(plain());
    for _ in 0..3 {
        sim.advance(SECOND).evidence();
    }
    let short = sim.supervisor.clone();
    sim.advance(SECOND).evidence();

    assert_eq!(sim.supervisor.phase(), Phase::Idle);
    assert_same_form(&short, &sim.supervisor);
}

#[test]
fn canonical_form_omits_the_send_instant_of_a_message_that_failed_while_not_live() {
    // A detection bound of 4 s, which is over for both.
    let settings = Settings {
        live_interval: SECOND * 2,
        failures_to_not_ready: 1,
        ..plain()
    };
    // The third message has an interval of 4 s, the fourth one of 5 s; both intervals end in one second.
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
    assert_same_form(&short.supervisor, &long.supervisor);
}

#[test]
fn canonical_form_omits_how_long_leaders_were_missing_before_the_evidence() {
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

    assert_same_form(&short.supervisor, &long.supervisor);
}

/// The clock has no instants before this epoch, so nothing can be kept from before it.
#[test]
fn canonical_form_at_the_earliest_possible_epoch_does_not_panic() {
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
