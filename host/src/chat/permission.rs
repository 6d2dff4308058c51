//! Which role may call which command.

use crate::domain::role::Role;

/// Whether a chatter with the role `held` may call a command that requires the role `required`.
///
/// Roles are ordered, and a chatter has the highest one that their badges give. Which one that is, is decided where
/// badges are parsed.
pub(super) fn may_call(held: Role, required: Role) -> bool {
    held >= required
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_may_call_what_is_for_it_and_for_less_trusted_ones() {
        let callable = |held| Role::ALL.into_iter().filter(move |required| may_call(held, *required)).count();

        assert_eq!(Role::ALL.map(callable), [1, 2, 3, 4, 5]);
        assert!(may_call(Role::Vip, Role::Subscriber));
        assert!(!may_call(Role::Moderator, Role::Broadcaster));
    }
}
