//! A file of a scenario: the script, and the expected results that a command rewrites.

use std::path::{Path, PathBuf};
use std::{fs, io};

use super::diff::diff;
use super::error::{ParseError, Problem};

/// Set to 1, it makes the test of the scenarios replace the expected results by what the core does.
pub const REWRITE: &str = "LIVEBUS_REWRITE_SCENARIOS";

/// What separates the script from the expected results.
const SEPARATOR: &str = "----";

/// The two parts of a file.
#[derive(Debug, Clone)]
pub(crate) struct ScenarioFile {
    pub(crate) path: PathBuf,
    pub(crate) script: String,
    expected: Vec<String>,
}

impl ScenarioFile {
    /// Splits the text of the file at `path`.
    pub(crate) fn parse(path: &Path, text: &str) -> Self {
        let (script, expected) = match text.split_once(&format!("\n{SEPARATOR}\n")) {
            Some((script, expected)) => (format!("{script}\n"), expected),
            None => (format!("{}\n\n", text.trim_end()), ""),
        };
        Self {
            path: path.to_owned(),
            script,
            expected: expected.lines().map(str::to_owned).collect(),
        }
    }

    /// Returns the name of its folder.
    pub(crate) fn theme(&self) -> String {
        let folder = self.path.parent().and_then(Path::file_name);
        let folder = folder.unwrap_or_default();
        folder.to_string_lossy().into_owned()
    }

    /// Compares what the core does with the expected results.
    ///
    /// # Errors
    ///
    /// Where the two differ.
    pub(crate) fn check(&self, actual: &[String]) -> Result<(), String> {
        match diff(&self.expected, actual) {
            None => Ok(()),
            Some(diff) => Err(format!(
                "{}: the expected results (-) and the actual ones (+) differ:\n{diff}\
                 If that is intended: {REWRITE}=1 cargo test -p livebus-tests --test scenarios",
                self.path.display()
            )),
        }
    }

    /// Writes what the core does in place of the expected results.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub(crate) fn rewrite(&self, actual: &[String]) -> io::Result<()> {
        let actual = actual.join("\n");
        fs::write(
            &self.path,
            format!("{}{SEPARATOR}\n{actual}\n", self.script),
        )
    }
}

/// Returns the folder of all scenarios.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}

/// Reads every scenario below `folder`, in the order of the file names.
///
/// # Errors
///
/// When a file cannot be read, and the first error of `parse`.
pub(crate) fn read_all<T>(
    folder: &Path,
    parse: impl Fn(&Path, &str) -> Result<T, ParseError>,
) -> Result<Vec<T>, ParseError> {
    let paths = paths(folder).map_err(|error| unreadable(folder, &error, "make it readable"))?;
    paths.iter().map(|path| read_one(path, &parse)).collect()
}

/// Reads the scenario at `path`.
///
/// # Errors
///
/// When the file cannot be read, and the error of `parse`.
pub(crate) fn read_one<T>(
    path: &Path,
    parse: impl Fn(&Path, &str) -> Result<T, ParseError>,
) -> Result<T, ParseError> {
    let text = fs::read_to_string(path)
        .map_err(|error| unreadable(path, &error, "make it a readable text file"))?;
    parse(path, &text)
}

fn unreadable(path: &Path, error: &io::Error, remedy: &str) -> ParseError {
    parse_error(path, 0, Problem::new(error.to_string(), remedy))
}

/// Returns the files of all scenarios below `folder`: it has one folder for each theme.
fn paths(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for theme in fs::read_dir(folder)? {
        let theme = theme?.path();
        if !theme.is_dir() {
            continue;
        }
        for file in fs::read_dir(theme)? {
            let path = file?.path();
            paths.extend((path.extension().is_some_and(|it| it == "txt")).then_some(path));
        }
    }
    paths.sort();
    Ok(paths)
}

/// Returns the error of a file at this line.
pub(crate) fn parse_error(path: &Path, line: usize, problem: Problem) -> ParseError {
    let path = path.to_owned();
    ParseError {
        path,
        line,
        problem,
    }
}
