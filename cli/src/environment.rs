//! Variables of the environment that look like options and are none.

use std::collections::BTreeSet;

use crate::args;

const PREFIX: &str = "LIVEBUS_";

/// Variables that are options and that clap does not read itself, since their values have several lines.
const OF_SEVERAL_LINES: [&str; 2] = ["LIVEBUS_PROPERTY", "LIVEBUS_NEEDS_TOPIC"];

/// Returns a line about each variable in `names` that begins as those of the options do, and is none. Values are not needed: they
/// may hold secrets.
pub(crate) fn warnings(names: impl Iterator<Item = String>) -> Vec<String> {
    let known = known();
    let unknown: BTreeSet<String> = names
        .filter(|name| name.starts_with(PREFIX))
        .filter(|name| !known.contains(name) && !is_of_a_kubernetes_service(name))
        .collect();
    let warning = |name: &String| {
        let meant = nearest(name, &known)
            .map_or_else(String::new, |known| format!(" (did you mean {known}?)"));
        format!("there is no variable {name}{meant}; it has no effect")
    };
    unknown.iter().map(warning).collect()
}

/// Returns the variables of all commands.
fn known() -> BTreeSet<String> {
    let root = args::command();
    let commands = root.get_subcommands().chain([&root]);
    let variables = commands
        .flat_map(clap::Command::get_arguments)
        .filter_map(clap::Arg::get_env);
    let names = variables.filter_map(|name| name.to_str());
    names.chain(OF_SEVERAL_LINES).map(str::to_owned).collect()
}

/// Returns whether Kubernetes sets this variable in every pod beside a Service whose name begins with `livebus`, as it does for the
/// links of Docker: `LIVEBUS_SERVICE_HOST`, `LIVEBUS_PORT_8080_TCP_ADDR`.
fn is_of_a_kubernetes_service(name: &str) -> bool {
    let parts: Vec<&str> = name.split('_').collect();
    parts.windows(2).any(|pair| {
        matches!(pair, ["SERVICE", "HOST" | "PORT"])
            || matches!(pair, ["PORT", number] if number.bytes().all(|b| b.is_ascii_digit()))
    }) || name.ends_with("_PORT")
}

/// Returns the known name that is most similar, if one is.
fn nearest<'a>(name: &str, known: &'a BTreeSet<String>) -> Option<&'a str> {
    const MIN_SIMILARITY: f64 = 0.8;

    let similarity = |known: &str| strsim::jaro(name, known);
    known
        .iter()
        .map(|known| (similarity(&known[..]), &**known))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(similarity, _)| *similarity >= MIN_SIMILARITY)
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warned(names: &[&str]) -> Vec<String> {
        warnings(names.iter().map(|name| (*name).to_owned()))
    }

    #[test]
    fn a_misspelt_variable_is_reported_with_the_one_that_is_meant() {
        assert_eq!(
            warned(&["LIVEBUS_BOOTSTRAP_SERVER", "PATH"]),
            [
                "there is no variable LIVEBUS_BOOTSTRAP_SERVER (did you mean LIVEBUS_BOOTSTRAP_SERVERS?); it has no effect"
            ]
        );
        assert_eq!(
            warned(&["LIVEBUS_XYZZY"]),
            ["there is no variable LIVEBUS_XYZZY; it has no effect"]
        );
    }

    #[test]
    fn variables_of_any_command_and_of_kubernetes_are_not_reported() {
        let names = [
            "LIVEBUS_BOOTSTRAP_SERVERS",
            "LIVEBUS_PROPERTY",
            "LIVEBUS_NEEDS_TOPIC",
            "LIVEBUS_SVG",
            "LIVEBUS_URL",
            "LIVEBUS_COLOR",
            "LIVEBUS_SERVICE_HOST",
            "LIVEBUS_SERVICE_PORT_HTTP",
            "LIVEBUS_PORT",
            "LIVEBUS_PORT_8080_TCP_ADDR",
            "LIVEBUS_WATCHER_SERVICE_HOST",
        ];
        assert_eq!(warned(&names), [""; 0]);
    }
}
