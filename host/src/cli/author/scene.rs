//! The scene of a rehearsal: the channel in which a module is called, as the first line of a transcript describes it.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail};

use crate::domain::amount::Amount;
use crate::domain::id::Login;
use crate::domain::prefix::Prefix;
use crate::sandbox::web::request::WebResponse;
use crate::transcript::ChannelHeader;

/// The keys of a channel's line, with what each means: for errors and for the help.
const KEYS: [(&str, &str); 10] = [
    ("prefix", "? - what commands begin with"),
    ("set", "sides=20 - a setting of the module"),
    ("secret", "token=abc - a secret setting of the module"),
    ("balances", "alice 5, bob 7 - what chatters own"),
    ("seen", "bob, carol - chatters whom the channel knows"),
    ("provider", "down - no balance can be read"),
    ("time", "12:00:00 - when the transcript begins"),
    ("random", "3, 1 - the next random numbers, counted from 0"),
    ("seed", "7 - the seed of the numbers after those"),
    ("web", "https://api.example.com/x 200 BODY - what a URL answers"),
];

/// A channel and its circumstances.
#[derive(Clone, Debug)]
pub(super) struct Scene {
    pub(super) channel: Login,
    pub(super) prefix: Option<Prefix>,
    pub(super) settings: Vec<(String, String)>,
    pub(super) secrets: Vec<(String, String)>,
    pub(super) balances: Vec<(Login, Amount)>,
    pub(super) seen: Vec<Login>,
    pub(super) is_provider_down: bool,
    pub(super) begins_at: SystemTime,
    pub(super) numbers: Vec<u64>,
    pub(super) seed: u64,
    pub(super) answers: HashMap<String, WebResponse>,
}

impl Scene {
    /// A channel in which nothing is out of the ordinary.
    pub(super) fn plain(channel: Login, begins_at: SystemTime, seed: u64) -> Scene {
        Scene {
            channel,
            prefix: None,
            settings: Vec::new(),
            secrets: Vec::new(),
            balances: Vec::new(),
            seen: Vec::new(),
            is_provider_down: false,
            begins_at,
            numbers: Vec::new(),
            seed,
            answers: HashMap::new(),
        }
    }

    /// The scene of a transcript, at noon of a day in 2026 unless it names another time.
    ///
    /// # Errors
    /// Names the key that is unknown, or the value that does not fit.
    pub(super) fn of(header: &ChannelHeader) -> anyhow::Result<Scene> {
        let mut scene = Scene::plain(header.login.clone(), midnight() + Duration::from_secs(12 * 3600), 1);
        for (key, value) in &header.pairs {
            scene.take(key, value).with_context(|| format!("#{}: {key}: {value}", header.login))?;
        }
        Ok(scene)
    }

    fn take(&mut self, key: &str, value: &str) -> anyhow::Result<()> {
        match key {
            "prefix" => self.prefix = Some(value.parse()?),
            "set" => self.settings.push(parse_pair(value)?),
            "secret" => self.secrets.push(parse_pair(value)?),
            "balances" => self.balances = list(value).map(parse_balance).collect::<anyhow::Result<_>>()?,
            "seen" => self.seen = list(value).map(|name| Ok(name.parse()?)).collect::<anyhow::Result<_>>()?,
            "provider" if value == "down" => self.is_provider_down = true,
            "provider" => bail!("a provider can only be down"),
            "time" => self.begins_at = midnight() + parse_time_of_day(value)?,
            "random" => self.numbers = list(value).map(parse_number).collect::<anyhow::Result<_>>()?,
            "seed" => self.seed = parse_number(value)?,
            "web" => {
                let (url, answer) = parse_answer(value)?;
                self.answers.insert(url, answer);
            }
            _ => bail!("there is no such key; the keys are\n{}", describe_keys()),
        }
        Ok(())
    }
}

/// One line a key.
pub(super) fn describe_keys() -> String {
    KEYS.iter().map(|(key, meaning)| format!("  {key}: {meaning}\n")).collect()
}

/// `key=value`, as `--set` takes it too.
pub(super) fn parse_pair(text: &str) -> anyhow::Result<(String, String)> {
    let (key, value) = text.split_once('=').context("expected KEY=VALUE")?;
    Ok((key.trim().to_owned(), value.trim().to_owned()))
}

fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

fn parse_number(text: &str) -> anyhow::Result<u64> {
    text.parse().with_context(|| format!("{text:?} is no number"))
}

/// `alice 5`, as `--balance` takes it too.
pub(super) fn parse_balance(text: &str) -> anyhow::Result<(Login, Amount)> {
    let (name, amount) = text.split_once(' ').context("expected a name and an amount, such as alice 5")?;
    Ok((name.parse()?, amount.trim().parse()?))
}

fn parse_time_of_day(text: &str) -> anyhow::Result<Duration> {
    let parts: Vec<u64> = text.split(':').map(parse_number).collect::<anyhow::Result<_>>()?;
    match parts.as_slice() {
        [hours @ 0..24, minutes @ 0..60, seconds @ 0..60] => {
            Ok(Duration::from_secs(hours * 3600 + minutes * 60 + seconds))
        }
        _ => bail!("expected a time of day, such as 12:00:00"),
    }
}

/// `URL STATUS BODY`, where the body may hold blanks.
fn parse_answer(text: &str) -> anyhow::Result<(String, WebResponse)> {
    let mut parts = text.splitn(3, ' ');
    let (url, status) = (parts.next().unwrap_or_default(), parts.next().context("expected URL STATUS BODY")?);
    let body = parts.next().unwrap_or_default().as_bytes().to_vec();
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    let status = status.parse().with_context(|| format!("{status:?} is no status, such as 200"))?;
    Ok((url.to_owned(), WebResponse { status, headers, body }))
}

/// Midnight of a day in 2026, the same in every transcript.
fn midnight() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000 / 86_400 * 86_400)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transcript::{Step, parse_step};

    fn scene(line: &str) -> anyhow::Result<Scene> {
        let Ok(Step::Channel(header)) = parse_step(line) else { panic!("{line} is no channel's line") };
        Scene::of(&header)
    }

    #[test]
    fn a_channels_line_sets_the_scene() {
        let scene = scene(
            "#shop   prefix: ?   set: sides=20   set: name=a b   balances: alice 5, bob 7.5   random: 3, 1   time: 23:59:59   \
             web: https://api.example.com/x 200 {\"a\": 1}",
        );
        let scene = scene.unwrap();
        assert_eq!(scene.settings, [("sides", "20"), ("name", "a b")].map(|(a, b)| (a.to_owned(), b.to_owned())));
        assert_eq!((scene.balances.len(), scene.numbers.as_slice()), (2, [3, 1].as_slice()));
        assert_eq!(scene.answers["https://api.example.com/x"].body, b"{\"a\": 1}");
        assert_eq!(scene.begins_at, midnight() + Duration::from_secs(86_399));
    }

    #[test]
    fn a_wrong_key_or_value_is_named_with_what_there_is() {
        let error = |line| format!("{:#}", scene(line).unwrap_err());
        let told = error("#shop   sets: sides=20");
        assert!(told.starts_with("#shop: sets: sides=20: there is no such key; the keys are\n"), "{told}");
        assert!(told.contains("  set: sides=20 - a setting of the module\n"), "{told}");
        assert_eq!(error("#shop   time: 24:00:00"), "#shop: time: 24:00:00: expected a time of day, such as 12:00:00");
        assert!(error("#shop   random: x").ends_with("\"x\" is no number: invalid digit found in string"));
        assert!(error("#shop   web: https://a.example").ends_with("expected URL STATUS BODY"));
    }
}
