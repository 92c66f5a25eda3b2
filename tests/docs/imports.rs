//! Checks that no module of any crate is in an import cycle.
//!
//! A module imports another one by a `use` or by a path that begins with `crate`, `self`, `super` or the name of a child module.
//! A name that a module re-exports counts as an import of the module that defines it. `mod`, a re-export (`pub use`), and code
//! for tests only do not count.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::Visit;
use syn::{Attribute, Expr, File, Item, ItemMod, ItemUse, Lit, Meta, UseTree, Visibility};

use crate::root;

#[test]
fn no_crate_has_an_import_cycle() {
    let mut cycles = Vec::new();
    for crate_root in crate_roots() {
        let mut modules = Modules::default();
        modules.read(&[], &crate_root, true);
        cycles.extend(modules.cycle().map(|cycle| {
            let path = crate_root.strip_prefix(root()).unwrap_or(&crate_root);
            format!("{}: {}", path.display(), cycle.join(" -> "))
        }));
    }
    assert!(cycles.is_empty(), "{}", cycles.join("\n"));
}

#[test]
fn cycles_are_found_through_re_exports_and_only_outside_of_tests() {
    let cycle = |files: &[(&str, &str)]| {
        let folder = tempfile::tempdir().expect("a folder can be created");
        for (name, text) in files {
            fs::write(folder.path().join(name), text).expect("a file can be written");
        }
        let mut modules = Modules::default();
        modules.read(&[], &folder.path().join("lib.rs"), true);
        modules.cycle()
    };
    let root = ("lib.rs", "mod a; mod b; pub use a::A; pub use b::B;");
    let a = ("a.rs", "use crate::B; pub struct A;");
    assert_eq!(cycle(&[root, a, ("b.rs", "pub struct B;")]), None);
    let names = |names: &[&str]| Some(names.iter().map(|&it| it.to_owned()).collect());
    assert_eq!(
        cycle(&[
            root,
            a,
            ("b.rs", "fn f() -> super::A { todo!() } pub struct B;")
        ]),
        names(&["a", "b", "a"])
    );
    let tested = "pub struct B; #[cfg(test)] mod tests { use crate::A; }";
    assert_eq!(cycle(&[root, a, ("b.rs", tested)]), None);
    let nested = ("b.rs", "use crate::{a::{A as C}}; pub struct B;");
    assert_eq!(cycle(&[root, a, nested]), names(&["a", "b", "a"]));
    let parent = ("lib.rs", "mod a; use a::A; pub struct B;");
    assert_eq!(cycle(&[parent, a]), names(&["the root", "a", "the root"]));
}

/// Returns the root file of each library and program.
fn crate_roots() -> Vec<PathBuf> {
    let mut roots = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).expect("a folder can be listed");
        for path in entries.map_while(Result::ok).map(|entry| entry.path()) {
            let is_read = !path.ends_with("target") && !path.ends_with(".git");
            if path.is_dir() && is_read {
                folders.push(path);
            }
        }
        if folder.join("Cargo.toml").is_file() {
            let names = ["src/lib.rs", "src/main.rs"];
            let files = names.map(|name| folder.join(name)).into_iter();
            roots.extend(files.filter(|path| path.is_file()));
        }
    }
    assert!(roots.len() > 8, "{roots:?}");
    roots
}

/// The path of a module, from the root of its crate.
type Name = Vec<String>;

/// The modules of one crate.
#[derive(Default)]
struct Modules {
    /// The paths in each module, as they are written; they are resolved from that module.
    paths: BTreeMap<Name, Vec<Name>>,
    /// The names that each module imports or re-exports, with their paths.
    names: BTreeMap<Name, BTreeMap<String, Name>>,
}

impl Modules {
    /// Reads the module `name` from `file`, which is the root of its crate, a `mod.rs`, or another file.
    fn read(&mut self, name: &[String], file: &Path, is_folder: bool) {
        let text =
            fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let syntax =
            syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let folder = match (is_folder, file.parent(), file.file_stem()) {
            (true, Some(folder), _) => folder.to_owned(),
            (false, Some(folder), Some(stem)) => folder.join(stem),
            (_, _, _) => panic!("{}: not the file of a module", file.display()),
        };
        let mut reader = Reader {
            paths: Vec::new(),
            names: BTreeMap::new(),
        };
        let children = children(&syntax);
        reader.visit_file(&syntax);
        self.paths.insert(name.to_vec(), reader.paths);
        self.names.insert(name.to_vec(), reader.names);
        for (child, path) in children {
            let mut name = name.to_vec();
            name.push(child.clone());
            let beside = file.parent().unwrap_or(Path::new("")).to_owned();
            let candidates = match path {
                Some(path) => vec![(beside.join(path), false)],
                None => vec![
                    (folder.join(format!("{child}.rs")), false),
                    (folder.join(&child).join("mod.rs"), true),
                ],
            };
            // Files that a build script writes do not exist here.
            if let Some((path, is_folder)) = candidates.into_iter().find(|(path, _)| path.is_file())
            {
                self.read(&name, &path, is_folder);
            }
        }
    }

    /// Returns the modules that `module` imports.
    fn imports(&self, module: &[String]) -> BTreeSet<Name> {
        let paths = self.paths[module].iter();
        let targets = paths.filter_map(|path| self.module_of(module, path, 8));
        targets.filter(|target| target != module).collect()
    }

    /// Returns the module that defines the item of `path`, which is written in `module`; `None` if it is in another crate.
    fn module_of(&self, module: &[String], path: &[String], depth: usize) -> Option<Name> {
        let mut path = path.to_vec();
        let first = path.first()?.clone();
        let mut at = match first.as_str() {
            "crate" => Vec::new(),
            "self" => module.to_vec(),
            "super" => module[..module.len().checked_sub(1)?].to_vec(),
            child => {
                let mut name = module.to_vec();
                name.push(child.to_owned());
                self.paths.contains_key(&name).then_some(name)?
            }
        };
        path.remove(0);
        for name in path {
            if name == "super" {
                at.pop()?;
                continue;
            }
            let mut child = at.clone();
            child.push(name.clone());
            if self.paths.contains_key(&child) {
                at = child;
            } else if let (Some(elsewhere), true) = (self.names[&at].get(&name), depth > 0) {
                return self.module_of(&at.clone(), elsewhere, depth - 1);
            } else {
                break;
            }
        }
        Some(at)
    }

    /// Returns the shortest cycle that begins at the first module that is in one.
    fn cycle(&self) -> Option<Vec<String>> {
        self.paths.keys().find_map(|begin| {
            let mut paths = vec![vec![begin.clone()]];
            let mut seen = BTreeSet::new();
            while let Some(path) = (!paths.is_empty()).then(|| paths.remove(0)) {
                for next in self.imports(path.last()?) {
                    let mut longer = path.clone();
                    longer.push(next.clone());
                    if next == *begin {
                        return Some(longer.iter().map(|name| display(name)).collect());
                    }
                    if seen.insert(next) {
                        paths.push(longer);
                    }
                }
            }
            None
        })
    }
}

fn display(name: &[String]) -> String {
    if name.is_empty() {
        "the root".to_owned()
    } else {
        name.join("::")
    }
}

/// Returns the modules that a file declares, each with its `#[path]`, without those for tests only.
fn children(file: &File) -> Vec<(String, Option<String>)> {
    let modules = file.items.iter().filter_map(|item| {
        let Item::Mod(module) = item else { return None };
        (module.content.is_none() && !is_for_tests(&module.attrs)).then_some(module)
    });
    modules
        .map(|module| (module.ident.to_string(), path_attribute(&module.attrs)))
        .collect()
}

fn path_attribute(attributes: &[Attribute]) -> Option<String> {
    attributes.iter().find_map(|attribute| {
        let Meta::NameValue(pair) = &attribute.meta else {
            return None;
        };
        let Expr::Lit(literal) = &pair.value else {
            return None;
        };
        let Lit::Str(text) = &literal.lit else {
            return None;
        };
        pair.path.is_ident("path").then(|| text.value())
    })
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string() == "test",
        Meta::Path(_) | Meta::NameValue(_) => false,
    })
}

/// Collects the paths of one module.
struct Reader {
    paths: Vec<Name>,
    names: BTreeMap<String, Name>,
}

impl Reader {
    fn tree(&mut self, tree: &UseTree, before: &[String], is_export: bool) {
        let with = |name: String| [before, &[name]].concat();
        match tree {
            UseTree::Path(path) => self.tree(&path.tree, &with(path.ident.to_string()), is_export),
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.tree(tree, before, is_export);
                }
            }
            UseTree::Name(name) if name.ident == "self" => {
                let last = before.last().cloned().unwrap_or_default();
                self.import(last, before.to_vec(), is_export);
            }
            UseTree::Name(name) => {
                let name = name.ident.to_string();
                self.import(name.clone(), with(name), is_export);
            }
            UseTree::Rename(rename) => {
                let path = with(rename.ident.to_string());
                self.import(rename.rename.to_string(), path, is_export);
            }
            UseTree::Glob(_) => self.paths.extend((!is_export).then(|| before.to_vec())),
        }
    }

    fn import(&mut self, name: String, path: Name, is_export: bool) {
        if !is_export {
            self.paths.push(path.clone());
        }
        self.names.insert(name, path);
    }
}

impl Visit<'_> for Reader {
    fn visit_item_use(&mut self, item: &ItemUse) {
        if !is_for_tests(&item.attrs) {
            let is_export = !matches!(item.vis, Visibility::Inherited);
            self.tree(&item.tree, &[], is_export);
        }
    }

    fn visit_item_mod(&mut self, module: &ItemMod) {
        if !is_for_tests(&module.attrs) {
            syn::visit::visit_item_mod(self, module);
        }
    }

    fn visit_path(&mut self, path: &syn::Path) {
        let segments: Name = path
            .segments
            .iter()
            .map(|it| it.ident.to_string())
            .collect();
        let is_inside = ["crate", "self", "super"].contains(&segments[0].as_str());
        if is_inside && segments.len() > 1 {
            self.paths.push(segments);
        }
        syn::visit::visit_path(self, path);
    }
}
