#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| livebus_verify::fuzzing::headers(bytes));
