//! The command `corpus`.

use std::path::PathBuf;

use super::{Target, pack, unpack};

/// What to do, and with which inputs.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Writes the files of a folder into the pack of a target, which is replaced.
    Pack(Inputs),
    /// Writes the inputs of the pack of a target into a folder; other files in it stay.
    Unpack(Inputs),
}

#[derive(Debug, clap::Args)]
struct Inputs {
    /// The fuzz target.
    target: Target,
    /// The folder; without it, tests/fuzz/corpus/TARGET, where cargo-fuzz looks for inputs and writes new ones.
    dir: Option<PathBuf>,
}

/// Packs or unpacks, and prints how much.
///
/// # Errors
///
/// When a folder or a file cannot be read or written, there are no inputs, or the pack is damaged.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let (Action::Pack(inputs) | Action::Unpack(inputs)) = &args.action;
    let file = inputs.target.pack();
    let folder = inputs.dir.clone();
    let folder = folder.unwrap_or_else(|| inputs.target.folder());
    let (done, to) = match args.action {
        Action::Pack(_) => (pack(&folder, &file)?, &file),
        Action::Unpack(_) => (unpack(&file, &folder)?, &folder),
    };
    let bytes: usize = done.inputs().map(|(_, input)| input.len()).sum();
    println!("{}: {} inputs, {bytes} bytes", to.display(), done.len());
    Ok(())
}
