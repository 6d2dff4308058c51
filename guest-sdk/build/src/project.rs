//! Finds the crate that an author works on, and what cargo knows of it.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::component::GuestLibrary;
use crate::toolchain::Toolchain;

/// The lines that make a crate a module.
const CRATE_TYPES: &str = "[lib]\ncrate-type = [\"cdylib\", \"rlib\"]";

/// Most crates of a workspace that an error names.
const MOST_NAMED: usize = 6;

/// A crate that can be built into a component.
#[derive(Debug, Clone)]
pub struct Project {
    pub library: GuestLibrary,
    /// The folder of the crate's manifest.
    pub folder: PathBuf,
    /// cargo's target folder, which all crates of a workspace share.
    pub target_folder: PathBuf,
}

impl Project {
    /// Finds the crate in `folder`, or else in the nearest folder above it. Needs no network.
    ///
    /// # Errors
    /// If there is no crate, several, or one that is no module; the text says how to mend it.
    pub fn find(folder: &Path) -> Result<Project> {
        let folder = folder.canonicalize().with_context(|| format!("there is no folder {}", folder.display()))?;
        let manifest = folder.ancestors().map(|folder| folder.join("Cargo.toml")).find(|manifest| manifest.is_file());
        let Some(manifest) = manifest else {
            bail!(
                "no Cargo.toml in {} or above it: name a module's folder, or make one with `twitchy module new NAME`",
                folder.display()
            );
        };
        let metadata = load_metadata(&manifest)?;
        let packages = metadata["packages"].as_array().context("cargo lists no packages")?;
        let is_wanted = |package: &&Value| path_of(&package["manifest_path"]).as_deref() == Some(&*manifest);
        let Some(package) = packages.iter().find(is_wanted) else {
            bail!("{} is a workspace of several crates: {}", manifest.display(), advise_choice(packages));
        };
        Ok(Project {
            library: find_library(package)?,
            folder: manifest.parent().unwrap_or(&folder).to_owned(),
            target_folder: path_of(&metadata["target_directory"]).context("cargo names no target folder")?,
        })
    }
}

fn load_metadata(manifest: &Path) -> Result<Value> {
    let toolchain = Toolchain::at_hand();
    toolchain.check_installed()?;
    let mut cargo = toolchain.cargo();
    cargo.args(["metadata", "--no-deps", "--offline", "--format-version", "1", "--manifest-path"]).arg(manifest);
    // cargo finds its configuration from here.
    cargo.current_dir(manifest.parent().context("a file lies in a folder")?);
    let output = cargo.stderr(Stdio::piped()).output().context("cargo cannot be started")?;
    if !output.status.success() {
        bail!("cargo cannot read the manifest:\n{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    serde_json::from_slice(&output.stdout).context("cargo's answer makes no sense")
}

fn find_library(package: &Value) -> Result<GuestLibrary> {
    let name = package["name"].as_str().context("cargo names no package")?;
    let targets = package["targets"].as_array().map(Vec::as_slice).unwrap_or_default();
    let is_library = |target: &&Value| {
        let kinds = list_texts(&target["kind"]);
        !["bin", "example", "test", "bench", "custom-build"].iter().any(|other| kinds.contains(other))
    };
    let Some(target) = targets.iter().find(is_library) else {
        bail!(
            "{name} has no library: a module's code is in src/lib.rs, and its Cargo.toml has these lines:\n\n{CRATE_TYPES}"
        );
    };
    if !list_texts(&target["crate_types"]).contains(&"cdylib") {
        bail!("{name} is built as a library for Rust alone; its Cargo.toml needs these lines:\n\n{CRATE_TYPES}");
    }
    let library = target["name"].as_str().context("cargo names no library")?;
    Ok(GuestLibrary { package: name.to_owned(), library: library.replace('-', "_") })
}

/// The folders of the crates that are modules.
fn advise_choice(packages: &[Value]) -> String {
    let folders = packages.iter().filter(|package| find_library(package).is_ok());
    let folders = folders.filter_map(|package| path_of(&package["manifest_path"])?.parent().map(Path::to_owned));
    let mut lines: Vec<String> = folders.map(|folder| format!("\n  {}", folder.display())).collect();
    if lines.is_empty() {
        return "none of them is a module".to_owned();
    }
    if lines.len() > MOST_NAMED {
        lines.truncate(MOST_NAMED);
        lines.push("\n  ...".to_owned());
    }
    format!("name the folder of one that is a module, such as{}", lines.concat())
}

fn path_of(value: &Value) -> Option<PathBuf> {
    value.as_str().map(PathBuf::from)
}

fn list_texts(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn package(kind: &str, crate_types: &[&str]) -> Value {
        json!({
            "name": "dice",
            "manifest_path": "/home/carol/dice/Cargo.toml",
            "targets": [
                { "name": "build-script-build", "kind": ["custom-build"], "crate_types": ["bin"] },
                { "name": "my-dice", "kind": [kind], "crate_types": crate_types },
            ],
        })
    }

    #[test]
    fn a_library_may_have_a_name_of_its_own() {
        let library = find_library(&package("cdylib", &["cdylib", "rlib"])).unwrap();
        assert_eq!((library.package.as_str(), library.library.as_str()), ("dice", "my_dice"));
    }

    #[test]
    fn a_crate_that_is_no_module_is_told_the_lines_to_add() {
        for wrong in [package("lib", &["lib"]), package("bin", &["bin"])] {
            let error = find_library(&wrong).unwrap_err().to_string();
            assert!(error.ends_with("these lines:\n\n[lib]\ncrate-type = [\"cdylib\", \"rlib\"]"), "{error}");
        }
    }

    #[test]
    fn a_workspace_names_its_modules() {
        let packages = [package("cdylib", &["cdylib"]), package("lib", &["lib"])];
        assert_eq!(advise_choice(&packages), "name the folder of one that is a module, such as\n  /home/carol/dice");
        assert_eq!(advise_choice(&packages[1..]), "none of them is a module");
    }
}
