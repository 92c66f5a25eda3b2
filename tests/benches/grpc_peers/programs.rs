//! The clients: programs that Go builds, and scripts for Python with what pip fetches.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;

use anyhow::{Context as _, ensure};
use livebus_tests::apache_kafka::target_folder;

use crate::client::Command;

/// The folder of the sources.
const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/grpc");
/// What Go installs: the package and its version.
const TOOLS: [(&str, &str); 2] = [
    (
        "grpc-health-probe",
        "github.com/grpc-ecosystem/grpc-health-probe@v0.4.62",
    ),
    (
        "grpcurl",
        "github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.4",
    ),
];
/// What pip installs.
const PACKAGES: [&str; 3] = [
    "grpcio==1.85.1",
    "grpcio-health-checking==1.85.1",
    "grpcio-status==1.85.1",
];

pub(crate) struct Programs {
    bin: PathBuf,
    python: PathBuf,
}

impl Programs {
    /// Fetches and builds what is not there.
    pub(crate) fn build() -> anyhow::Result<Self> {
        let folder = target_folder().join("peers/grpc");
        let (bin, venv) = (folder.join("bin"), folder.join("venv"));
        fs::create_dir_all(&bin)?;
        for (name, package) in TOOLS {
            if !bin.join(name).is_file() {
                run(process::Command::new("go")
                    .args(["install", package])
                    .env("GOBIN", &bin))?;
            }
        }
        let retrying = bin.join("retrying");
        let mut build = process::Command::new("go");
        run(build
            .args(["build", "-o"])
            .arg(&retrying)
            .arg(".")
            .current_dir(SOURCES))?;
        let python = venv.join("bin/python");
        if !python.is_file() {
            run(process::Command::new("python3")
                .args(["-m", "venv"])
                .arg(&venv))?;
        }
        let mut pip = process::Command::new(&python);
        run(pip
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
            ])
            .args(PACKAGES))?;
        Ok(Self { bin, python })
    }

    pub(crate) fn probe(&self, address: &str, service: Option<&str>) -> Command {
        let service = service.map_or_else(Vec::new, |it| vec!["-service", it]);
        let arguments = [&["-addr", address], &service[..]].concat();
        self.go("grpc-health-probe", &arguments)
    }

    pub(crate) fn grpcurl(&self, address: &str, method: &str) -> Command {
        let method = format!("grpc.health.v1.Health/{method}");
        self.grpcurl_with("health.proto", &[], address, &method)
    }

    pub(crate) fn grpcurl_watch(&self, address: &str) -> Command {
        self.grpcurl_with("health.proto", &[], address, "grpc.health.v1.Health/Watch")
    }

    pub(crate) fn grpcurl_say(&self, address: &str) -> Command {
        let text = ["-d", r#"{"text": "hello"}"#];
        self.grpcurl_with("echo.proto", &text, address, "livebus.test.Echo/Say")
    }

    fn grpcurl_with(&self, proto: &str, data: &[&str], address: &str, method: &str) -> Command {
        let begin = ["-plaintext", "-import-path", SOURCES, "-proto", proto];
        self.go("grpcurl", &[&begin, data, &[address, method]].concat())
    }

    pub(crate) fn retrying_go(&self, address: &str) -> Command {
        self.go("retrying", &[address])
    }

    pub(crate) fn python(&self, script: &str, arguments: &[&str]) -> Command {
        let script = Path::new(SOURCES).join(script);
        let script = script.to_string_lossy();
        command(&self.python, &[&[&*script], arguments].concat())
    }

    fn go(&self, name: &str, arguments: &[&str]) -> Command {
        command(&self.bin.join(name), arguments)
    }
}

fn command(program: &Path, arguments: &[&str]) -> Command {
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    let shown = arguments.iter().map(|it| {
        let quoted = it.contains(['{', ' ']);
        let it = it.replace(&format!("{SOURCES}/"), "").replace(SOURCES, ".");
        if quoted { format!("'{it}'") } else { it }
    });
    let shown = [name.into_owned()].into_iter().chain(shown);
    Command {
        program: program.to_owned(),
        arguments: arguments.iter().map(|it| (*it).to_owned()).collect(),
        shown: shown.collect::<Vec<_>>().join(" "),
    }
}

fn run(command: &mut process::Command) -> anyhow::Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(process::Stdio::null()).output();
    let output = output.with_context(|| format!("cannot run {name}"))?;
    ensure!(
        output.status.success(),
        "{name} failed ({}): {}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}
