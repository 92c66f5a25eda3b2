//! The configuration of a Kafka that the options name.

use std::collections::BTreeSet;
use std::env;
use std::path::Path;
use std::str::FromStr;

use anyhow::Context;
use livebus_kafka::{KafkaConfig, LivenessBy, NeededTopic, Properties, PropertyError};

use crate::args::{Ask, BusArgs};
use crate::exit::{UsageError, shown_path};
use crate::open_secrets;
use crate::stream::Stream;

/// Returns the addresses of the bus that the options, the environment or the properties name; `None` if none do.
pub(crate) fn named_bus(args: &BusArgs) -> anyhow::Result<Option<String>> {
    let given = given_properties(args)?;
    if args.bootstrap_servers.is_some() && given.get("bootstrap.servers").is_some() {
        let error = anyhow::anyhow!(
            "`bootstrap.servers` is given twice: as a property and with --bootstrap-servers; leave one out"
        );
        return Err(error.context(UsageError));
    }
    if args.bootstrap_servers.is_some() {
        return Ok(args.bootstrap_servers.clone());
    }
    let mut properties = file_properties(args)?;
    properties.extend(given);
    let servers = properties.get("bootstrap.servers").map(str::to_owned);
    if servers.is_some() {
        // An error in a file has its line.
        properties.check().context(UsageError)?;
    }
    Ok(servers)
}

/// Returns the configuration of the bus at `servers`. Reports on `stderr` what is legal and probably not meant.
pub(crate) fn bus_config(
    args: &BusArgs,
    servers: &str,
    stderr: &Stream,
) -> anyhow::Result<KafkaConfig> {
    let mut properties = file_properties(args)?;
    for (key, reason) in properties.for_own_clients() {
        stderr.line(format!(
            "livebus: {key} in the file has no effect on the liveness client: {reason}"
        ));
    }
    let given = given_properties(args)?;
    let on_command_line = Properties::parse(&args.properties).context(UsageError)?;
    let warnings = open_secrets::warnings(args.config.as_deref(), &properties, &on_command_line);
    let (file, again) = (args.config.clone(), given.clone());
    let reload = move || {
        let mut properties = Properties::new();
        if let Some(file) = &file {
            properties.load(file)?;
        }
        properties.extend(again.clone());
        Ok(properties)
    };
    properties.extend(given);
    let liveness_by = match args.ask {
        Ask::Metadata => LivenessBy::Metadata,
        Ask::Produce => LivenessBy::Produce {
            topic: args.topic.clone(),
            create: args.create_topic,
        },
    };
    let servers = servers.parse().context(UsageError)?;
    let kafka = KafkaConfig::new(servers, properties).context(UsageError)?;
    // Not before: an unknown key may be a secret itself.
    for warning in warnings {
        stderr.line(format!("livebus: {warning}"));
    }
    if kafka.lacks_tokens() {
        let error = anyhow::anyhow!(
            "`sasl.mechanism=OAUTHBEARER` needs tokens, which this program cannot fetch: use another mechanism, the library \
             (`KafkaConfig::oauth_tokens`), or for tests `-X enable.sasl.oauthbearer.unsecure.jwt=true`"
        );
        return Err(error.context(UsageError));
    }
    let kafka = kafka
        .reload_properties(reload)
        .liveness_by(liveness_by)
        .cluster(args.cluster_id.clone());
    needed_topics(args).map(|topics| topics.into_iter().fold(kafka, KafkaConfig::needs_topic))
}

/// Returns the topics that the service needs.
pub(crate) fn needed_topics(args: &BusArgs) -> anyhow::Result<Vec<NeededTopic>> {
    let environment = env::var("LIVEBUS_NEEDS_TOPIC").unwrap_or_default();
    let lines = environment.lines().filter(|line| !line.trim().is_empty());
    let given = lines.chain(args.needs_topic.iter().map(String::as_str));
    let mut names = BTreeSet::new();
    given
        .map(|topic| {
            let topic = NeededTopic::from_str(topic).context(UsageError)?;
            if !names.insert(topic.name().to_owned()) {
                let error = anyhow::anyhow!(
                    "--needs-topic: the topic `{}` is named twice: leave one out",
                    topic.name()
                );
                return Err(error.context(UsageError));
            }
            Ok(topic)
        })
        .collect()
}

/// Returns the properties of the file; none without a file.
fn file_properties(args: &BusArgs) -> anyhow::Result<Properties> {
    let mut properties = Properties::new();
    if let Some(file) = &args.config {
        let loaded = properties.load(file).map(drop);
        loaded
            .map_err(|error| without_path(file, error))
            .context(UsageError)?;
    }
    Ok(properties)
}

/// Returns the properties of the environment and, before them, of the command line.
fn given_properties(args: &BusArgs) -> anyhow::Result<Properties> {
    let mut given = Properties::new();
    // Empty lines are ignored: a variable often ends with one.
    let environment = env::var("LIVEBUS_PROPERTY").unwrap_or_default();
    let lines = environment.lines().filter(|line| !line.trim().is_empty());
    for pair in lines.chain(args.properties.iter().map(String::as_str)) {
        given.set_pair(pair).context(UsageError)?;
    }
    // A file may be shared with other clients, and these values cannot: here they would have no effect at all.
    if let Some((key, reason)) = given.for_own_clients().next() {
        let error = anyhow::anyhow!(
            "`{key}` cannot be set, since the liveness client must set it: {reason}; leave it out"
        );
        return Err(error.context(UsageError));
    }
    Ok(given)
}

/// Returns the error for `file`, without its path if that may hold a secret.
fn without_path(file: &Path, error: PropertyError) -> anyhow::Error {
    if let PropertyError::Read { source, .. } = error {
        let file = shown_path(file);
        anyhow::anyhow!("cannot read {file}: name a readable UTF-8 file of properties: {source}")
    } else {
        error.into()
    }
}
