//! Names that people give to things, and that other people read.

use super::prefix::is_invisible;

/// Whether a text can serve as a name: one line of 1 to `longest` characters, at least one of them visible, and none
/// that changes how the others are drawn. `\u{202e}` alone would make `evil` appear reversed.
pub fn is_label(text: &str, longest: usize) -> bool {
    let is_shown = |character: char| !character.is_whitespace() && !is_invisible(character);
    (1..=longest).contains(&text.chars().count()) && text.chars().any(is_shown) && !text.chars().any(misleads)
}

fn misleads(character: char) -> bool {
    // Joiners and variation selectors belong to words of some languages, and to emoji.
    let is_joiner = matches!(character, '\u{200C}' | '\u{200D}' | '\u{FE00}'..='\u{FE0F}');
    let ends_line = character.is_control() || matches!(character, '\u{2028}' | '\u{2029}');
    ends_line || is_invisible(character) && !is_joiner
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_what_it_looks_like() {
        for good in [
            "a",
            "the shop's site",
            "\u{5E9}\u{5DC}\u{5D5}\u{5DD}",
            "\u{2764}\u{FE0F}",
            "\u{1F468}\u{200D}\u{1F469}",
            "0123456789",
        ] {
            assert!(is_label(good, 10 + 5), "{good:?}");
        }
        for bad in [
            "",
            " ",
            "\u{200D}",
            "a\nb",
            "a\u{7f}",
            "a\u{85}b",
            "a\u{2028}b",
            "\u{202e}golive",
            "\u{2066}a\u{2069}",
            "a\u{200f}",
            "a\u{200b}b",
            "a\u{feff}",
            "a\u{e0041}",
            "0123456789012345",
        ] {
            assert!(!is_label(bad, 15), "{bad:?}");
        }
    }
}
