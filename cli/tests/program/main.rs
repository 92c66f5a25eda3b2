//! The program as users run it: options, exit codes, output, signals. With the embedded cluster; no Kafka is needed.

mod check;
mod check_url;
mod demo;
mod environment;
mod livebus;
mod output;
mod replay;
mod replay_caller;
mod replay_handler;
mod secrets;
mod systemd;
mod terminal;
mod usage;
mod watch;

/// Makes a test on each runtime of functions that take the name of a runtime.
macro_rules! on_each_runtime {
    ($($test:ident),+ $(,)?) => {
        mod on_tokio {
            $(#[test] fn $test() { super::$test("tokio"); })+
        }
        mod on_async_std {
            $(#[test] fn $test() { super::$test("async-std"); })+
        }
    };
}
use on_each_runtime;
