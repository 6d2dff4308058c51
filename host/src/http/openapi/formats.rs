//! Formats of texts in requests and answers. A field or parameter names its `format`, and the document adds the
//! pattern. Every text that matches the pattern is well-formed for the host.

use serde_json::Value;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

macro_rules! twitch_id {
    () => {
        "(0|[1-9][0-9]{0,18})"
    };
}

/// Semantic Versioning's own regular expression, with numbers that fit 64 bits.
macro_rules! version {
    () => {
        concat!(
            r"(0|[1-9][0-9]{0,18})\.(0|[1-9][0-9]{0,18})\.(0|[1-9][0-9]{0,18})",
            r"(-(0|[1-9][0-9]{0,18}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)(\.(0|[1-9][0-9]{0,18}|[0-9]*[A-Za-z-][0-9A-Za-z-]*))*)?",
            r"(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?"
        )
    };
}

/// Each format's regular expression. Digits are spelled out, because `\d` matches more than 0 to 9 in some dialects.
const FORMATS: &[(&str, &str)] = &[
    ("amount", r"^[0-9]{1,20}(\.[0-9]{1,8})?$"),
    (
        "capability",
        "^(balances|channels|chatters|clock|coins|commands|http|log|payments|random|settings|storage|streams|treasury|words)$",
    ),
    ("chatter-role", "^(everyone|subscriber|vip|moderator|broadcaster)$"),
    ("key-id", "^[0-9a-f]{12}$"),
    ("key-role", "^(everyone|subscriber|vip|moderator)$"),
    ("key-scope", concat!("^(operator|channel:", twitch_id!(), ")$")),
    ("login", "^[A-Za-z0-9_]{1,25}$"),
    ("module-name", "^[a-z][a-z0-9-]{0,31}$"),
    ("pinned-version", concat!("^(latest|", version!(), ")$")),
    (
        "span",
        concat!(
            "^([0-9]{1,4}d([0-9]{1,5}h)?([0-9]{1,6}m)?([0-9]{1,8}s)?|[0-9]{1,5}h([0-9]{1,6}m)?([0-9]{1,8}s)?",
            "|[0-9]{1,6}m([0-9]{1,8}s)?|[0-9]{1,8}s)$"
        ),
    ),
    ("twitch-id", concat!("^", twitch_id!(), "$")),
    ("twitch-ids", concat!("^", twitch_id!(), "(,", twitch_id!(), ")*$")),
    ("version", concat!("^", version!(), "$")),
];

/// Arbitrary bytes, with the format `binary`, which generators of clients know.
pub(in crate::http) struct Binary;

impl PartialSchema for Binary {
    fn schema() -> RefOr<Schema> {
        let binary = SchemaFormat::KnownFormat(KnownFormat::Binary);
        ObjectBuilder::new().schema_type(Type::String).format(Some(binary)).into()
    }
}

impl ToSchema for Binary {}

/// Adds the pattern of each format, anywhere in `document`.
pub(in crate::http) fn add_patterns(document: &mut Value) {
    match document {
        Value::Array(items) => items.iter_mut().for_each(add_patterns),
        Value::Object(fields) => {
            let pattern = fields.get("format").and_then(Value::as_str).and_then(find_pattern);
            if let Some(pattern) = pattern {
                fields.insert("pattern".to_owned(), pattern.into());
            }
            fields.values_mut().for_each(add_patterns);
        }
        _ => {}
    }
}

fn find_pattern(format: &str) -> Option<&'static str> {
    FORMATS.iter().find(|(name, _)| *name == format).map(|(_, pattern)| *pattern)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::string::string_regex;
    use proptest::test_runner::TestRunner;

    use super::*;
    use crate::domain::amount::Amount;
    use crate::domain::id::{ChannelId, Login, ModuleName};
    use crate::domain::manifest::Capability;
    use crate::domain::principal::{KeyId, KeyScope};
    use crate::domain::role::Role;
    use crate::domain::span::parse_span;

    fn is_taken(format: &str, text: &str) -> bool {
        match format {
            "amount" => text.parse::<Amount>().is_ok_and(|amount| amount >= Amount::ZERO),
            "capability" => text.parse::<Capability>().is_ok(),
            "chatter-role" => text.parse::<Role>().is_ok(),
            "key-id" => text.parse::<KeyId>().is_ok(),
            "key-role" => text.parse::<Role>().is_ok_and(|role| role <= Role::Moderator),
            "key-scope" => text.parse::<KeyScope>().is_ok(),
            "login" => text.parse::<Login>().is_ok(),
            "module-name" => text.parse::<ModuleName>().is_ok(),
            "pinned-version" => text == "latest" || text.parse::<semver::Version>().is_ok(),
            "span" => parse_span(text).is_some(),
            "twitch-id" => text.parse::<ChannelId>().is_ok(),
            "twitch-ids" => text.split(',').all(|id| id.parse::<ChannelId>().is_ok()),
            "version" => text.parse::<semver::Version>().is_ok(),
            _ => panic!("{format} has no parser here"),
        }
    }

    #[test]
    fn every_text_of_a_format_is_taken() {
        for (format, pattern) in FORMATS {
            let texts = string_regex(pattern.trim_start_matches('^').trim_end_matches('$')).unwrap();
            let tried = TestRunner::deterministic().run(&texts, |text| {
                prop_assert!(is_taken(format, &text), "{} takes no {:?}", format, text);
                Ok(())
            });
            tried.unwrap();
        }
    }

    #[test]
    fn every_capability_and_role_has_its_word() {
        let choices = |format| {
            let pattern = find_pattern(format).unwrap();
            pattern.trim_start_matches("^(").trim_end_matches(")$").to_owned()
        };
        assert_eq!(choices("capability"), Capability::ALL.map(Capability::as_str).join("|"));
        assert_eq!(choices("chatter-role"), Role::ALL.map(Role::as_str).join("|"));
    }

    #[test]
    fn a_format_is_found_wherever_it_stands() {
        let mut document = serde_json::json!({ "a": [{ "format": "key-id" }], "format": { "format": "date-time" } });
        add_patterns(&mut document);
        let expected = serde_json::json!({
            "a": [{ "format": "key-id", "pattern": "^[0-9a-f]{12}$" }], "format": { "format": "date-time" }
        });
        assert_eq!(document, expected);
    }
}
