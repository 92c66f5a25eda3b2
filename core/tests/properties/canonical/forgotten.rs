//! What a canonical supervisor forgets, one example each: two supervisors that differ in nothing else have one form.

use std::time::Duration;

use livebus_core::{
    Backoff, Config, Event, Failure, FailureClass, Handler, Phase, Settings, Status, StopId,
    Supervisor,
};

use super::form;
use crate::retelling::drained;
use crate::world::{Kind, ORIGIN, World};

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

fn world(settings: Settings) -> World {
    World::new(&Config::new(settings).expect("valid"))
}

fn running(settings: Settings) -> World {
    let mut world = world(settings);
    world.answer_all();
    assert_eq!(world.status(), Status::Running);
    world
}

/// Different, and with one form.
fn one_form(one: &Supervisor, other: &Supervisor) {
    assert_ne!(one, other);
    assert_eq!(form(one), form(other));
}

impl World {
    /// Lets ideal timers fire so often; nothing is answered.
    fn wait_in_silence(&mut self, times: usize) -> &mut Self {
        for _ in 0..times {
            assert!(self.wait());
        }
        self
    }

    fn pass(&mut self, wait: Duration) -> &mut Self {
        self.tell_and_drain(self.clock + wait, None);
        self
    }

    /// Evidence of this very instant.
    fn hear(&mut self) -> &mut Self {
        self.tell_and_drain(self.clock, Some(Event::Live { at: self.clock }));
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
    later.wait();
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
    stale.tell(
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
        long.wait();
        long.answer_all();
    }

    assert_ne!(long.report().since, long.clock);
    one_form(&short, &long.supervisor);
}

#[test]
fn which_start_it_was_that_proved_good() {
    let first = running(plain());
    let mut second = world(plain());
    second.wait_in_silence(2).answer_all();

    assert_eq!((first.report().attempt, second.report().attempt), (1, 2));
    one_form(&first.supervisor, &second.supervisor);
}

#[test]
fn how_old_the_last_proof_is_while_not_live() {
    let mut old = running(plain());
    old.wait();
    old.pass(SECOND);
    let mut new = old.clone();
    new.hear();
    for lost in [&mut old, &mut new] {
        lost.pass(SECOND / 10).fail(FailureClass::Authentication);
        assert_eq!(lost.supervisor.phase(), Phase::NotLive);
    }

    assert_ne!(old.report().evidence, new.report().evidence);
    one_form(&old.supervisor, &new.supervisor);
}

#[test]
fn how_long_it_has_not_been_live_and_how_many_intervals() {
    let mut long = world(plain());
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
    let mut world = running(plain());
    world.wait_in_silence(12);
    let drain = world.clock - world.report().since;

    let mut world = running(Settings { drain, ..plain() });
    world.wait_in_silence(12);
    let just_over = world.supervisor.clone();
    world.wait_in_silence(1);

    one_form(&just_over, &world.supervisor);
}

#[test]
fn starts_beyond_the_longest_back_off() {
    // Starting and BackingOff take turns.
    for beyond in [14, 15] {
        let mut world = world(plain());
        world.wait_in_silence(beyond);
        let fewer = world.supervisor.clone();
        world.wait_in_silence(2);

        assert_eq!(fewer.phase(), world.supervisor.phase());
        one_form(&fewer, &world.supervisor);
    }
}

#[test]
fn starts_beyond_the_longest_back_off_once_one_succeeds() {
    let [fewer, more] = [14, 16].map(|failed| {
        let mut world = world(plain());
        world.wait_in_silence(failed);
        world.answer_start();
        world
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
        let mut world = world(settings.clone());
        world.answer_start();
        world.answer_newest(Kind::Liveness, Ok(()));
        let overdue = |world: &mut World, times| {
            for _ in 0..times {
                world.wait();
                world.hear();
            }
        };
        overdue(&mut world, beyond);
        let fewer = world.supervisor.clone();
        overdue(&mut world, 2);

        assert_eq!(world.supervisor.phase(), Phase::Idle);
        one_form(&fewer, &world.supervisor);
    }
}

#[test]
fn when_the_last_message_was_sent_once_the_next_may_follow() {
    let mut world = running(plain());
    for _ in 0..3 {
        world.pass(SECOND).hear();
    }
    let short = world.supervisor.clone();
    world.pass(SECOND).hear();

    assert_eq!(world.supervisor.phase(), Phase::Idle);
    one_form(&short, &world.supervisor);
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
        let mut world = world(settings.clone());
        world.answer_start();
        for _ in 0..intervals {
            world.fail(FailureClass::Timeout);
            world.wait();
        }
        world.fail(FailureClass::Timeout).pass(SECOND * age);
        world
    });

    let ends = [&short, &long].map(|world| {
        let until = world.supervisor.poll_timeout().expect("not live");
        until - world.clock
    });
    assert_eq!(ends, [SECOND, SECOND]);
    one_form(&short.supervisor, &long.supervisor);
}

#[test]
fn how_long_leaders_were_missing_before_the_last_proof() {
    let mut long = running(plain());
    long.wait();
    long.fail(FailureClass::NoLeader);
    let mut short = long.clone();
    long.wait();
    long.fail(FailureClass::NoLeader);
    for world in [&mut short, &mut long] {
        world.pass(SECOND / 10).hear();
        assert!(world.report().warning.is_some());
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
    let mut world = running(plain());
    world.pass(SECOND);
    let (canonical, _) = world.supervisor.canonical(earliest);

    assert_eq!(canonical.phase(), Phase::Idle);
    assert!(canonical.poll_timeout() > Some(earliest));
}
