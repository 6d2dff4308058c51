//! Embeds what `twitchy module new` writes beside an author's code: the SDK's sources and the contract, as they are, and
//! a manifest for the SDK that needs no workspace.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use toml::{Table, Value};

/// The parts of the repository that lie in an author's `twitchy-sdk`, and where there.
const PARTS: [(&str, &str); 4] =
    [("guest-sdk/src", "src"), ("wit", "wit"), ("LICENSE-APACHE", "LICENSE-APACHE"), ("LICENSE-MIT", "LICENSE-MIT")];

fn main() {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo names it to every build script"));
    let out_dir = PathBuf::from(env::var_os("OUT_DIR").expect("cargo names it to every build script"));
    let workspace = here.parent().expect("this crate lies in its workspace's folder");

    let mut files = Vec::new();
    for (from, to) in PARTS {
        list_files(&watch(workspace, from), to, &mut files);
    }
    for page in list_pages(&watch(workspace, "guest-sdk")) {
        files.push((page.clone(), workspace.join("guest-sdk").join(page)));
    }
    let manifest = out_dir.join("sdk-manifest.toml");
    fs::write(&manifest, detach(workspace)).expect("cargo made this folder for the build script");
    files.push(("Cargo.toml".to_owned(), manifest));
    files.sort();

    let mut list = "&[\n".to_owned();
    for (name, path) in files {
        writeln!(list, "({name:?}, include_str!({path:?})),").expect("a text takes any length");
    }
    fs::write(out_dir.join("sdk_files.rs"), list + "]\n").expect("cargo made this folder for the build script");
}

/// Makes cargo run this script again when the part has changed.
fn watch(workspace: &Path, part: &str) -> PathBuf {
    let path = workspace.join(part);
    println!("cargo:rerun-if-changed={}", path.display());
    path
}

/// Adds the files at and below `path`, each with its name below `name`.
fn list_files(path: &Path, name: &str, files: &mut Vec<(String, PathBuf)>) {
    if !path.is_dir() {
        files.push((name.to_owned(), path.to_owned()));
        return;
    }
    for entry in fs::read_dir(path).expect("the folder is part of the repository").flatten() {
        list_files(&entry.path(), &format!("{name}/{}", entry.file_name().to_string_lossy()), files);
    }
}

/// The SDK's pages, which its documentation may include.
fn list_pages(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the folder is part of the repository").flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.ends_with(".md")).collect()
}

/// The SDK's manifest, with the workspace's values in place of `workspace = true`.
fn detach(workspace: &Path) -> String {
    let read = |path: &str| {
        let text = fs::read_to_string(watch(workspace, path)).expect("the manifest is part of the repository");
        text.parse::<Table>().expect("cargo has read this manifest too")
    };
    let (root, mut sdk) = (read("Cargo.toml"), read("guest-sdk/Cargo.toml"));
    let shared = &root["workspace"];
    // Only the SDK's own tests need these, and they stay here.
    sdk.remove("dev-dependencies");
    for (section, values) in &mut sdk {
        let values = values.as_table_mut().expect("cargo has read this manifest too");
        if values.contains_key("workspace") {
            *values = shared[section.as_str()].as_table().expect("cargo found it there too").clone();
        }
        for (key, value) in values.iter_mut().filter(|(_, value)| value.get("workspace").is_some()) {
            *value = merge(&shared[section.as_str()][key.as_str()], value);
        }
    }
    toml::to_string(&sdk).expect("it was TOML before")
}

/// The workspace's value, with the keys that a crate adds to it. A crate's features are added to the workspace's.
fn merge(shared: &Value, own: &Value) -> Value {
    let own = own.as_table().expect("`workspace` stands in a table").iter().filter(|(key, _)| *key != "workspace");
    let own: Vec<_> = own.map(|(key, value)| (key.clone(), value.clone())).collect();
    if own.is_empty() {
        return shared.clone();
    }
    let mut merged = match shared {
        Value::Table(table) => table.clone(),
        version => Table::from_iter([("version".to_owned(), version.clone())]),
    };
    for (key, value) in own {
        match (merged.get_mut(&key), value) {
            (Some(Value::Array(all)), Value::Array(more)) => all.extend(more),
            (_, value) => drop(merged.insert(key, value)),
        }
    }
    Value::Table(merged)
}
