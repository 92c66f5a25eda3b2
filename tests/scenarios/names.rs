//! Checks the file names of the scenarios, and that each sentence occurs once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use libtest_mimic::{Failed, Trial};

/// A file, and its sentence.
pub(crate) struct Named {
    pub(crate) path: PathBuf,
    pub(crate) sentence: String,
}

pub(crate) fn trials(scenarios: &[Named]) -> Vec<Trial> {
    let mut themes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for scenario in scenarios {
        let stem = scenario.path.file_stem().unwrap_or_default();
        let folder = scenario.path.parent().map(|it| it.display().to_string());
        let names = themes.entry(folder.unwrap_or_default()).or_default();
        names.push(stem.to_string_lossy().into_owned());
    }
    let sentences: Vec<(String, String)> = scenarios
        .iter()
        .map(|it| (it.sentence.clone(), it.path.display().to_string()))
        .collect();
    vec![
        Trial::test(
            "every file name is a consecutive number and two to five words",
            move || {
                let mut errors = Vec::new();
                for (theme, names) in &themes {
                    errors.extend(wrong_names(theme, names));
                }
                none(&errors)
            },
        ),
        Trial::test("every sentence occurs once", move || {
            let mut seen = BTreeSet::new();
            let again = sentences.iter().filter(|(it, _)| !seen.insert(it));
            let errors: Vec<String> = again
                .map(|(sentence, path)| format!("{path}: another file has \"{sentence}\""))
                .collect();
            none(&errors)
        }),
        Trial::test("a wrong file name is found", || {
            let cases: [(&[&str], &str); 4] = [
                (&["01-idle-bus", "03-late-answer"], "03-late-answer"),
                (&["01-idle-bus", "01-late-answer"], "01-late-answer"),
                (&["1-idle-bus"], "1-idle-bus"),
                (&["01-idle"], "01-idle"),
            ];
            for (names, wrong) in cases {
                let names: Vec<String> = names.iter().map(|&it| it.to_owned()).collect();
                let errors = wrong_names("live", &names);
                if !matches!(&errors[..], [error] if error.contains(wrong)) {
                    return Err(format!("{names:?}: {errors:?}").into());
                }
            }
            Ok(())
        }),
    ]
}

/// Returns an error for each of the sorted `names` that is not its number, then two to five words.
fn wrong_names(theme: &str, names: &[String]) -> Vec<String> {
    let numbered = (1..).zip(names);
    let wrong = numbered.filter(|(number, name)| {
        let words = name.strip_prefix(&format!("{number:02}-"));
        words.is_none_or(|words| !(2..=5).contains(&words.split('-').count()))
    });
    wrong
        .map(|(number, name)| {
            format!("{theme}/{name}.txt: name it {number:02}- and two to five words")
        })
        .collect()
}

fn none(errors: &[String]) -> Result<(), Failed> {
    if errors.is_empty() {
        return Ok(());
    }
    Err(errors.join("\n").into())
}
