//! Reading an [`Invocation`]: one call of a command.

use std::time::SystemTime;

use crate::{Argument, Arguments, Chatter, Invocation, clock};

impl Invocation {
    /// The words after the command, to be parsed one by one.
    pub fn arguments(&self) -> Arguments<'_> {
        Arguments::new(&self.arguments)
    }

    /// This module's setting in this channel, or its default; `None` if no setting has that key and type.
    pub fn setting<T: Argument>(&self, key: &str) -> Option<T> {
        find_value(&self.settings, key).and_then(T::parse)
    }

    /// A fact that was added to the contract later, by its documented key.
    pub fn detail(&self, key: &str) -> Option<&str> {
        find_value(&self.details, key)
    }

    /// When the chatter wrote the message.
    pub fn sent_at(&self) -> SystemTime {
        clock::from_millis(self.sent_at)
    }
}

impl Chatter {
    /// The name of this chatter for a capability, by the id that never changes: "id:1234".
    pub fn reference(&self) -> String {
        format!("id:{}", self.id)
    }
}

fn find_value<'a>(pairs: &'a [(String, String)], key: &str) -> Option<&'a str> {
    pairs.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
}
