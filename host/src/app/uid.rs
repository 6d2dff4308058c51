//! The names of system users for the audit.

use nix::unistd::{Uid, User, geteuid};

/// `root (uid 0)`, or `uid 1234` if the system knows no name. May block on a directory service: not for async workers.
pub fn describe_uid(uid: u32) -> String {
    match User::from_uid(Uid::from_raw(uid)) {
        Ok(Some(entry)) => format!("{} (uid {uid})", entry.name),
        _ => format!("uid {uid}"),
    }
}

/// The system user that this process runs as, by name.
pub fn describe_own_uid() -> String {
    describe_uid(own_uid())
}

/// The number of the system user that this process runs as.
pub(super) fn own_uid() -> u32 {
    geteuid().as_raw()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_without_a_name_is_shown_as_it_is() {
        assert_eq!(describe_uid(4_000_000_123), "uid 4000000123");
        assert!(describe_uid(0).ends_with("(uid 0)"));
    }
}
