//! Reading an [`Invocation`]: one call of a command.

use std::time::SystemTime;

use crate::{Argument, Arguments, Chatter, Invocation, clock};

impl Invocation {
    /// The words after the command, to be taken one by one.
    pub fn arguments(&self) -> Arguments<'_> {
        Arguments::new(&self.arguments)
    }

    /// This module's own setting in this channel, where it has that key and kind; its default where nobody changed it.
    pub fn setting<T: Argument>(&self, key: &str) -> Option<T> {
        find_value(&self.settings, key).and_then(T::parse)
    }

    /// A fact that came to the contract later, by its documented key.
    pub fn detail(&self, key: &str) -> Option<&str> {
        find_value(&self.details, key)
    }

    /// When the chatter wrote it.
    pub fn sent_at(&self) -> SystemTime {
        clock::from_millis(self.sent_at)
    }
}

impl Chatter {
    /// Names this chatter to a capability, by the id that never changes: "id:1234".
    pub fn reference(&self) -> String {
        format!("id:{}", self.id)
    }
}

fn find_value<'a>(pairs: &'a [(String, String)], key: &str) -> Option<&'a str> {
    pairs.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
}
