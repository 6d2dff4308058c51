//! Loads the configuration file that the command line names.

use std::io::ErrorKind;
use std::path::Path;

use super::output;
use crate::config::Config;
use crate::config::load::{self, LoadConfigError};

/// The default of `--config`.
pub(super) const USUAL_CONFIG: &str = "config.toml";

pub(super) const FIRST_STEPS: &str = "\
Try it without a Twitch account, in a chat on this machine:
  twitchy demo

Run it on Twitch:
  1. Copy host/config.example.toml to config.toml; every key in it is explained.
  2. Make a Twitch account for the bot, and an access token for it with the scopes chat:read and chat:edit.
  3. Name the account under [[accounts]] and your channel in [channels] join; put the token into the environment
     variable that token_env names.
  4. Check the file:  twitchy check-config --config config.toml
  5. Start the bot:   twitchy serve --config config.toml
  6. Make a key of its HTTP API:
                      twitchy api-key create --config config.toml --name me --scope operator
  7. Ask how it is:   twitchy status --config config.toml";

/// `None` if the configuration is missing or invalid; the reason is then already on standard error.
pub(super) fn load_config(path: &Path) -> Option<Config> {
    match load::load_config(path) {
        Ok(config) => return Some(config),
        Err(LoadConfigError::Read { error, .. }) if error.kind() == ErrorKind::NotFound => {
            let shown = path.display();
            output::report(format_args!(
                "there is no {shown}: name your configuration with --config FILE, or make one as follows.\n\n{FIRST_STEPS}"
            ));
        }
        Err(error) => output::report(error),
    }
    None
}
