//! Packs and folders of inputs, on disk.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, ensure};

use super::Pack;

/// Reads a pack.
///
/// # Errors
///
/// When the file cannot be read, is damaged, or has no inputs.
pub fn read(file: &Path) -> anyhow::Result<Pack> {
    let text = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let pack = Pack::parse(&text).with_context(|| {
        let file = file.display();
        format!("{file} is damaged; restore it, or write it again with `corpus pack`")
    })?;
    ensure!(!pack.is_empty(), "{} has no inputs", file.display());
    Ok(pack)
}

/// Writes the inputs of a pack into a folder, each as a file with its name, and returns them.
///
/// The folder is created where it is missing. Other files in it stay.
///
/// # Errors
///
/// The errors of [`read`], and then nothing was written; and when the folder or a file cannot be written.
pub fn unpack(file: &Path, folder: &Path) -> anyhow::Result<Pack> {
    let pack = read(file)?;
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    for (name, input) in pack.inputs() {
        let path = folder.join(name);
        fs::write(&path, input).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(pack)
}

/// Writes the files of a folder, with any names, as a pack, and returns it. An existing pack is replaced.
///
/// # Errors
///
/// When the folder cannot be read, is empty, or has a folder in it, or the pack cannot be written.
pub fn pack(folder: &Path, file: &Path) -> anyhow::Result<Pack> {
    let pack: Pack = inputs(folder)?.into_iter().collect();
    fs::write(file, pack.to_string())
        .with_context(|| format!("cannot write {}", file.display()))?;
    Ok(pack)
}

fn inputs(folder: &Path) -> anyhow::Result<Vec<Vec<u8>>> {
    let cannot_read = |path: &Path| format!("cannot read {}", path.display());
    let mut inputs = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| cannot_read(folder))? {
        let path = entry.with_context(|| cannot_read(folder))?.path();
        inputs.push(fs::read(&path).with_context(|| cannot_read(&path))?);
    }
    ensure!(!inputs.is_empty(), "{} is empty", folder.display());
    Ok(inputs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unpacked_folder_has_each_input_once_under_its_name() {
        let temporary = tempfile::tempdir().expect("a folder");
        let [first, second] = ["first", "second"].map(|name| temporary.path().join(name));
        let [file, again] = ["a.pack", "b.pack"].map(|name| temporary.path().join(name));
        fs::create_dir(&first).expect("a new folder");
        for (name, input) in [("x", "abc\n"), ("y", ""), ("z", "abc\n")] {
            fs::write(first.join(name), input).expect("a new file");
        }

        assert_eq!(pack(&first, &file).expect("inputs are packed").len(), 2);
        let unpacked = unpack(&file, &second).expect("a pack is unpacked");
        assert_eq!(fs::read_dir(&second).expect("a folder").count(), 2);
        for (name, input) in unpacked.inputs() {
            assert_eq!(fs::read(second.join(name)).expect("an input"), input);
        }
        pack(&second, &again).expect("inputs are packed");
        let [file, again] = [file, again].map(|it| fs::read(it).expect("a pack"));
        assert_eq!(file, again);
    }

    #[test]
    fn damaged_pack_is_refused_and_nothing_is_written() {
        let temporary = tempfile::tempdir().expect("a folder");
        let [file, folder] = ["a.pack", "folder"].map(|name| temporary.path().join(name));
        fs::write(&file, "0123 abc\n").expect("a new file");

        let error = unpack(&file, &folder).expect_err("the pack is damaged");
        let error = format!("{error:#}");
        assert!(error.contains("a.pack is damaged; restore it"), "{error}");
        assert!(error.contains("line 1: the name is not"), "{error}");
        assert!(!folder.exists());
    }

    #[test]
    fn folder_without_inputs_does_not_replace_a_pack() {
        let temporary = tempfile::tempdir().expect("a folder");
        let [file, folder] = ["a.pack", "folder"].map(|name| temporary.path().join(name));
        fs::write(&file, "as it was").expect("a new file");
        fs::create_dir(&folder).expect("a new folder");

        pack(&folder, &file).expect_err("the folder is empty");
        fs::create_dir(folder.join("inner")).expect("a new folder");
        pack(&folder, &file).expect_err("the folder has a folder");
        assert_eq!(fs::read(&file).expect("a pack"), b"as it was");
    }
}
