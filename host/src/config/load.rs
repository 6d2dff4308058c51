//! Puts the configuration together: values from the environment override those of the file.

use std::io;
use std::path::{Path, PathBuf};

use super::address::parse_listen;
use super::parse::parse;
use super::text::read_text;
use super::value::parse_path;
use super::{AccountConfig, Config, Problem, TokenSource, environment};

#[derive(Debug, thiserror::Error)]
pub enum LoadConfigError {
    #[error("cannot read {}: {error}", path.display())]
    Read { path: PathBuf, error: io::Error },
    #[error("{}", list_problems(path, problems))]
    Invalid { path: PathBuf, problems: Vec<Problem> },
    #[error("the environment variable {variable} must be {right}")]
    Environment { variable: &'static str, right: String },
    #[error(
        "{} is no file in a folder where relative paths could start: {} must be absolute",
        path.display(),
        keys.join(" and ")
    )]
    NoFolder { path: PathBuf, keys: Vec<&'static str> },
}

fn list_problems(path: &Path, problems: &[Problem]) -> String {
    let lines: Vec<String> =
        problems.iter().map(|problem| format!("{}:{}: {}", path.display(), problem.line, problem.text)).collect();
    lines.join("\n")
}

fn wrong(variable: &'static str, right: &dyn ToString) -> LoadConfigError {
    LoadConfigError::Environment { variable, right: right.to_string() }
}

/// `None` for a pipe or a name of an open file such as `/dev/stdin`, because the folder of the real file is unknown.
fn find_folder(path: &Path) -> Option<&Path> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let is_name_of_open_file = path.is_symlink()
        && folder.canonicalize().is_ok_and(|folder| ["/dev", "/proc"].iter().any(|names| folder.starts_with(names)));
    (path.is_file() && !is_name_of_open_file).then_some(folder)
}

/// Reads the file at `path`. Relative paths in it start at the file's own folder. `TWITCHY_DATA_DIR` and
/// `TWITCHY_HTTP_LISTEN` override the file.
pub fn load_config(path: &Path) -> Result<Config, LoadConfigError> {
    let text = read_text(path).map_err(|error| LoadConfigError::Read { path: path.to_owned(), error })?;
    let folder = find_folder(path);
    let mut config = parse(&text, folder.unwrap_or(Path::new("")))
        .map_err(|problems| LoadConfigError::Invalid { path: path.to_owned(), problems })?;
    let data_dir = environment::find(environment::DATA_DIR);
    let keys = list_relative_paths(&config).filter(|key| *key != "data_dir" || data_dir.is_none());
    let keys: Vec<&str> = keys.collect();
    if folder.is_none() && !keys.is_empty() {
        return Err(LoadConfigError::NoFolder { path: path.to_owned(), keys });
    }
    if let Some(text) = data_dir {
        if text.contains(char::REPLACEMENT_CHARACTER) {
            return Err(wrong(environment::DATA_DIR, &"a path in UTF-8"));
        }
        config.data_dir = parse_path(&text).map_err(|right| wrong(environment::DATA_DIR, &right))?;
    }
    if let Some(text) = environment::find(environment::HTTP_LISTEN) {
        config.http.listen = parse_listen(&text).map_err(|right| wrong(environment::HTTP_LISTEN, &right))?;
    }
    Ok(config)
}

/// The keys that hold a relative path.
fn list_relative_paths(config: &Config) -> impl Iterator<Item = &'static str> {
    let data_dir = config.data_dir.is_relative();
    let is_relative = |account: &AccountConfig| matches!(&account.token, TokenSource::File(path) if path.is_relative());
    let token_file = config.accounts.iter().any(is_relative);
    let load = config.modules.load.iter().any(|path| path.is_relative());
    let keys = [(data_dir, "data_dir"), (token_file, "token_file"), (load, "modules.load")];
    keys.into_iter().filter(|(is_relative, _)| *is_relative).map(|(_, key)| key)
}
