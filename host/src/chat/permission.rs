//! Who may call what.

use crate::domain::role::Role;

/// Whether a chatter who holds the role `held` may call a command for `required`.
///
/// Roles are a ladder and a chatter stands on the highest rung that their badges reach, so nothing but the order
/// decides: who a role belongs to is settled where badges are read.
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
