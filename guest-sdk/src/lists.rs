//! Joins lists for a sentence.

/// Returns, for example, "a, b and c".
///
/// ```
/// let items = ["tea", "coffee", "milk"].map(str::to_owned);
/// assert_eq!(twitchy_sdk::lists::join_with_and(&items), "tea, coffee and milk");
/// ```
pub fn join_with_and(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => [&first.join(", "), " and ", last].concat(),
    }
}

/// Returns "a, b, c" if that has at most `most` characters. Otherwise returns as many items as fit, and the number of
/// the others: "a, b and 7 more".
///
/// ```
/// let items = ["tea", "coffee", "milk", "water"].map(str::to_owned);
/// assert_eq!(twitchy_sdk::lists::join_within(&items, 22), "tea, coffee and 2 more");
/// ```
pub fn join_within(items: &[String], most: usize) -> String {
    let whole = items.join(", ");
    if whole.chars().count() <= most {
        return whole;
    }
    // Room for the ending, with the longest possible number.
    let room = " and  more".len() + items.len().to_string().len();
    let mut text = String::new();
    for (index, item) in items.iter().enumerate() {
        let separator = if index == 0 { "" } else { ", " };
        let longer = [&text, separator, item].concat();
        if longer.chars().count() + room > most {
            return [&text, " and ", &(items.len() - index).to_string(), " more"].concat();
        }
        text = longer;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn the_last_of_several_follows_an_and() {
        assert_eq!(join_with_and(&[]), "");
        assert_eq!(join_with_and(&items("a")), "a");
        assert_eq!(join_with_and(&items("a b")), "a and b");
        assert_eq!(join_with_and(&items("a b c")), "a, b and c");
    }

    #[test]
    fn a_list_that_fits_is_whole() {
        assert_eq!(join_within(&items("a b c"), 7), "a, b, c");
        assert_eq!(join_within(&[], 7), "");
    }

    #[test]
    fn a_long_list_says_how_much_is_left() {
        let items: Vec<String> = (0..100).map(|number| format!("item{number}")).collect();
        for most in [20, 60, 100, 300] {
            let text = join_within(&items, most);
            assert!(text.chars().count() <= most, "{text}");
            let shown = text.matches("item").count();
            assert!(text.ends_with(&format!(" and {} more", 100 - shown)), "{text}");
        }
    }
}
