//! The known name that a mistyped name was most likely meant to be.

/// The name in `known` that `typed` most likely misspells; `None` if it resembles none.
pub fn find_nearest<'k>(typed: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let length = typed.chars().count();
    let most = 2.max(length / 3);
    known
        .into_iter()
        // A distance is never less than the difference in length. This check makes a stranger's long word cheap.
        .filter(|known| known.chars().count().abs_diff(length) <= most)
        .map(|known| (strsim::osa_distance(typed, known), known))
        // Otherwise a name of one or two letters would resemble every other name.
        .filter(|(distance, known)| *distance <= most && *distance < known.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_the_name_that_was_meant() {
        let known = ["balance", "help", "hug", "me"];
        for (typed, nearest) in [
            ("balnce", Some("balance")),
            ("hgu", Some("hug")),
            ("halp", Some("help")),
            ("xy", None),
            ("settings", None),
        ] {
            assert_eq!(find_nearest(typed, known), nearest, "{typed}");
        }
    }
}
