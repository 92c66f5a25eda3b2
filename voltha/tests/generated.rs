//! The checked-in messages are those of `proto/inter_container.proto`.
//!
//! `LIVEBUS_UPDATE_MESSAGES=1 cargo test -p livebus-voltha --test generated` writes them.

use std::path::Path;
use std::{env, fs};

#[test]
fn the_messages_are_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = protox::compile(["inter_container.proto"], [root.join("proto")]);
    let folder = tempfile::tempdir().expect("a folder can be created");
    prost_build::Config::new()
        .out_dir(folder.path())
        .enable_type_names()
        .type_name_domain(["."], "type.googleapis.com")
        .compile_fds(files.expect("the file is valid"))
        .expect("the messages can be generated");
    let generated = fs::read_to_string(folder.path().join("voltha.rs"));
    let generated = generated.expect("they are in the file of their package");
    let path = root.join("src/messages/generated.rs");
    if env::var_os("LIVEBUS_UPDATE_MESSAGES").is_some() {
        fs::write(&path, &generated).expect("the file can be written");
    }
    let checked_in = fs::read_to_string(&path).expect("the file exists");
    assert!(
        checked_in == generated,
        "src/messages/generated.rs is out of date: see the head of this file"
    );
}
