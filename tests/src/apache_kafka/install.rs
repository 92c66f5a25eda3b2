//! Apache Kafka's jars: checks whether this machine can run them, and fetches them once.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use tempfile::TempDir;

use super::process::bound_to_this_process;

/// A version of Apache Kafka. Each has a folder of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KafkaVersion {
    /// 4.1.1, as `tests/kafka/pom.xml` has it.
    #[default]
    Newest,
    /// 3.9.1: the last one that answers clients that were made for Kafka 1.0.
    BeforeKafka4,
}

impl KafkaVersion {
    /// Returns its number.
    #[must_use]
    pub const fn number(self) -> &'static str {
        match self {
            Self::Newest => "4.1.1",
            Self::BeforeKafka4 => "3.9.1",
        }
    }
}

/// The oldest Java that a broker of [`KafkaVersion::Newest`] runs on.
const MIN_JAVA: u32 = 17;

/// Checks whether a [`KafkaNode`](super::KafkaNode) can be started on this machine.
///
/// # Errors
///
/// Returns the reason and the remedy in one line: there is no Java, it is older than 17, or Maven is missing and Kafka was
/// not fetched yet.
pub fn availability() -> Result<(), String> {
    // `java -version` writes to its standard error: openjdk version "17.0.15" 2025-04-15
    let java = Command::new("java")
        .arg("-version")
        .output()
        .map_err(|_| "java was not found on the PATH; install a JDK 17 or newer".to_owned())?;
    let banner = String::from_utf8_lossy(&java.stderr);
    let major = java_major_version(&banner).ok_or_else(|| {
        let line = banner.lines().next().unwrap_or_default();
        format!("java does not print its version ({line:?}); install a JDK 17 or newer")
    })?;
    if major < MIN_JAVA {
        return Err(format!(
            "java is version {major}; install a JDK 17 or newer"
        ));
    }

    if libraries(KafkaVersion::Newest).is_dir() {
        return Ok(());
    }
    let maven = Command::new("mvn")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match maven {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("mvn (Maven) does not work: {status}")),
        Err(_) => {
            Err("mvn was not found on the PATH; install Maven to fetch Apache Kafka".to_owned())
        }
    }
}

/// Fetches Apache Kafka with Maven, unless that was done before, and returns the folder of its jars.
///
/// The folder is inside cargo's target folder and appears there complete or not at all. Other processes wait for the one that
/// fetches (about 6 s; 43 MB when Maven's own repository is empty).
///
/// # Errors
///
/// When the target folder cannot be written, or Maven fails; then with the last lines that it wrote.
pub fn install(version: KafkaVersion) -> anyhow::Result<PathBuf> {
    let libraries = libraries(version);
    if libraries.is_dir() {
        return Ok(libraries);
    }

    let home = kafka_home(version);
    fs::create_dir_all(&home).with_context(|| format!("cannot create {}", home.display()))?;
    let lock = File::create(home.join("install.lock"))?;
    lock.lock().context("cannot lock the installation")?;
    if libraries.is_dir() {
        return Ok(libraries); // Another process has fetched it.
    }

    remove_unfinished(&home)?;
    let unfinished = TempDir::with_prefix_in(UNFINISHED, &home)?;
    copy_dependencies(version, unfinished.path())?;
    fs::rename(unfinished.path(), &libraries)
        .with_context(|| format!("cannot move the jars to {}", libraries.display()))?;
    drop(unfinished.keep()); // The folder has moved, so there is nothing to remove.
    Ok(libraries)
}

/// The prefix of the folder that Maven writes to. Folders that a killed installation left behind have it too.
const UNFINISHED: &str = "unfinished-";

/// Removes the folders that killed installations left behind. Only the holder of the lock may call it.
fn remove_unfinished(home: &Path) -> anyhow::Result<()> {
    for entry in fs::read_dir(home)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

/// Copies the jars that `tests/kafka/pom.xml` names into `folder`, with Maven.
fn copy_dependencies(version: KafkaVersion, folder: &Path) -> anyhow::Result<()> {
    let pom = Path::new(env!("CARGO_MANIFEST_DIR")).join("kafka/pom.xml");
    let mut output_directory = std::ffi::OsString::from("-DoutputDirectory=");
    output_directory.push(folder);

    let mut maven = bound_to_this_process("mvn");
    maven.args(["-q", "-B", "-f"]).arg(pom);
    maven
        .arg("dependency:copy-dependencies")
        .arg(format!("-Dkafka.version={}", version.number()))
        .arg(output_directory);
    let output = maven
        .stdin(Stdio::null())
        .output()
        .context("cannot run mvn")?;
    let text = [output.stdout, output.stderr].concat();
    ensure!(
        output.status.success(),
        "Maven could not fetch Apache Kafka {} ({}):\n{}",
        version.number(),
        output.status,
        super::process::tail(&String::from_utf8_lossy(&text)),
    );
    Ok(())
}

/// Returns the folder of Kafka's jars, which exists only when it is complete.
fn libraries(version: KafkaVersion) -> PathBuf {
    kafka_home(version).join("libs")
}

/// Returns the path of the archive of the classes that a node loads, which exists only when it is complete.
pub(super) fn class_archive(version: KafkaVersion) -> PathBuf {
    kafka_home(version).join("classes.jsa")
}

/// Returns the folder that this module and its siblings may write to, for this version of Kafka.
pub(super) fn kafka_home(version: KafkaVersion) -> PathBuf {
    target_folder().join(format!("kafka-{}", version.number()))
}

/// Returns cargo's target folder, found from the path of this executable, which was built into it. Cargo marks the folder with
/// a `CACHEDIR.TAG`. For an executable that was moved elsewhere it is the workspace's default.
#[must_use]
pub fn target_folder() -> PathBuf {
    let marked = env::current_exe().ok().and_then(|executable| {
        let mut ancestors = executable.ancestors();
        ancestors
            .find(|folder| folder.join("CACHEDIR.TAG").is_file())
            .map(Path::to_owned)
    });
    marked.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"))
}

/// Returns the feature release from the output of `java -version`: 17 of `openjdk version "17.0.15"`, 1 of the old `"1.8.0_402"`.
fn java_major_version(banner: &str) -> Option<u32> {
    let version = banner.split('"').nth(1)?;
    let digits = version.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::java_major_version;

    #[test]
    fn java_major_version_is_parsed_from_the_banner() {
        assert_eq!(
            java_major_version("openjdk version \"17.0.15\" 2025-04-15\n"),
            Some(17)
        );
        assert_eq!(
            java_major_version("openjdk version \"21\" 2023-09-19\n"),
            Some(21)
        );
        assert_eq!(
            java_major_version("openjdk version \"25-ea\" 2025-09-16\n"),
            Some(25)
        );
        assert_eq!(java_major_version("java version \"1.8.0_402\"\n"), Some(1));
        assert_eq!(
            java_major_version("The operation couldn't be completed.\n"),
            None
        );
    }
}
