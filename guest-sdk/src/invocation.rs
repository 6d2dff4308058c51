//! Reading an [`Invocation`]: one call of a command.

use std::time::SystemTime;

use crate::{Argument, Arguments, Chatter, CommandError, Invocation, clock};

impl Invocation {
    /// The words after the command, to be parsed one by one.
    ///
    /// ```
    /// use twitchy_sdk::{CommandError, Invocation, Mention};
    ///
    /// fn whom(invocation: &Invocation) -> Result<Mention, CommandError> {
    ///     let mut arguments = invocation.arguments();
    ///     let whom = arguments.required("chatter")?;
    ///     arguments.end()?;
    ///     Ok(whom)
    /// }
    /// ```
    pub fn arguments(&self) -> Arguments<'_> {
        Arguments::new(&self.arguments)
    }

    /// This module's setting in this channel, or its default; `None` if no setting has that key and type.
    ///
    /// A setting of the kind chatter is text: "id:1234", or empty for nobody.
    ///
    /// ```
    /// use twitchy_sdk::Invocation;
    ///
    /// fn sides(invocation: &Invocation) -> u32 {
    ///     invocation.setting("sides").unwrap_or(6)
    /// }
    /// ```
    pub fn setting<T: Argument>(&self, key: &str) -> Option<T> {
        find_value(&self.settings, key).and_then(T::parse)
    }

    /// Like [`Invocation::setting`], for a setting that the module cannot do without.
    ///
    /// ```
    /// use std::time::Duration;
    /// use twitchy_sdk::{CommandError, Invocation};
    ///
    /// fn pause(invocation: &Invocation) -> Result<Duration, CommandError> {
    ///     invocation.required_setting("pause")
    /// }
    /// ```
    ///
    /// # Errors
    /// If no setting has that key and type, which is a mistake of the module: the log gets the key.
    pub fn required_setting<T: Argument>(&self, key: &str) -> Result<T, CommandError> {
        let wrong = || CommandError::unavailable(["the setting ", key, " is not declared as ", T::EXPECTED].concat());
        self.setting(key).ok_or_else(wrong)
    }

    /// A fact that was added to the contract later, by its documented key.
    ///
    /// ```
    /// use twitchy_sdk::Invocation;
    ///
    /// fn bits(invocation: &Invocation) -> u64 {
    ///     invocation.detail("bits").and_then(|bits| bits.parse().ok()).unwrap_or(0)
    /// }
    /// ```
    pub fn detail(&self, key: &str) -> Option<&str> {
        find_value(&self.details, key)
    }

    /// When the chatter wrote the message.
    ///
    /// ```
    /// use twitchy_sdk::{Invocation, clock};
    ///
    /// fn is_old(invocation: &Invocation) -> bool {
    ///     clock::now().duration_since(invocation.sent_at()).is_ok_and(|age| age.as_secs() > 60)
    /// }
    /// ```
    pub fn sent_at(&self) -> SystemTime {
        clock::from_millis(self.sent_at)
    }
}

impl Chatter {
    /// The name of this chatter for a capability, by the id that never changes: "id:1234".
    ///
    /// ```
    /// use twitchy_sdk::balances::{self, Balance, BalanceError};
    /// use twitchy_sdk::Chatter;
    ///
    /// fn owned(chatter: &Chatter) -> Result<Vec<Balance>, BalanceError> {
    ///     balances::find(&chatter.reference())
    /// }
    /// ```
    pub fn reference(&self) -> String {
        format!("id:{}", self.id)
    }
}

fn find_value<'a>(pairs: &'a [(String, String)], key: &str) -> Option<&'a str> {
    pairs.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
}
