//! Strict parsing of a request's JSON, at any depth: a struct is read only from an object without unknown fields.
//!
//! serde also reads a struct from a list of its fields in order, whose meaning changes when a field is added, and which
//! the OpenAPI document does not describe. It also ignores unknown fields, so a mistyped one would count as left out.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

/// Wraps a deserializer and every value in it, so that a struct is read from an object or fails.
///
/// Only for self-describing formats, such as JSON. Enums are passed on unchecked, because ours have no data.
pub(in crate::http) struct Strict<T>(pub(super) T);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Strict<D> {
    type Error = D::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(KnownFields { known, inner: Strict(visitor) })
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_any(Strict(visitor))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_option(Strict(visitor))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_newtype_struct(name, Strict(visitor))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_enum(name, variants, visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

macro_rules! visit_scalars {
    ($($visit:ident: $scalar:ty,)*) => {
        $(fn $visit<E: Error>(self, value: $scalar) -> Result<V::Value, E> {
            self.0.$visit(value)
        })*
    };
}

/// Forwards every kind of JSON value.
impl<'de, V: Visitor<'de>> Visitor<'de> for Strict<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    visit_scalars! {
        visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64, visit_str: &str, visit_borrowed_str: &'de str,
        visit_string: String,
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.0.visit_unit()
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.0.visit_none()
    }

    fn visit_some<D: Deserializer<'de>>(self, value: D) -> Result<V::Value, D::Error> {
        self.0.visit_some(Strict(value))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, value: D) -> Result<V::Value, D::Error> {
        self.0.visit_newtype_struct(Strict(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<V::Value, A::Error> {
        self.0.visit_seq(Strict(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(Strict(fields))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Strict<A> {
    type Error = A::Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, A::Error> {
        self.0.next_element_seed(Strict(seed))
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Strict<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        self.0.next_key_seed(seed)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, A::Error> {
        self.0.next_value_seed(Strict(seed))
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Strict<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(Strict(deserializer))
    }
}

/// Wraps an object's visitor, and then its fields, to refuse unknown ones.
struct KnownFields<T> {
    known: &'static [&'static str],
    inner: T,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for KnownFields<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<V::Value, A::Error> {
        self.inner.visit_map(KnownFields { known: self.known, inner: fields })
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for KnownFields<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        let Some(name) = self.inner.next_key::<String>()? else { return Ok(None) };
        if !self.known.contains(&name.as_str()) {
            return Err(A::Error::unknown_field(&name, self.known));
        }
        seed.deserialize(name.into_deserializer()).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, A::Error> {
        self.inner.next_value_seed(seed)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Outer {
        one: Inner,
        #[serde(default)]
        maybe: Option<Box<Inner>>,
        #[serde(default)]
        many: Vec<Inner>,
        #[serde(default)]
        named: BTreeMap<String, Inner>,
        #[serde(default)]
        pair: Option<(u8, Inner)>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Inner {
        number: u8,
    }

    fn read(text: &str) -> Result<Outer, String> {
        let mut reader = serde_json::Deserializer::from_str(text);
        Outer::deserialize(Strict(&mut reader)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_list_is_no_object_at_any_depth() {
        let inner = || Inner { number: 1 };
        let whole = r#"{"one": {"number": 1}, "maybe": {"number": 1}, "many": [{"number": 1}],
                        "named": {"a": {"number": 1}}, "pair": [2, {"number": 1}]}"#;
        let (named, pair) = (BTreeMap::from([("a".to_owned(), inner())]), Some((2, inner())));
        let expected = Outer { one: inner(), maybe: Some(Box::new(inner())), many: vec![inner()], named, pair };
        assert_eq!(read(whole), Ok(expected));
        for list in [
            r#"[{"number": 1}]"#,
            r#"{"one": [1]}"#,
            r#"{"one": {"number": 1}, "maybe": [1]}"#,
            r#"{"one": {"number": 1}, "many": [[1]]}"#,
            r#"{"one": {"number": 1}, "named": {"a": [1]}}"#,
            r#"{"one": {"number": 1}, "pair": [2, [1]]}"#,
        ] {
            let told = read(list).unwrap_err();
            assert!(told.starts_with("invalid type: sequence, expected struct "), "{list}: {told}");
        }
    }

    #[test]
    fn a_field_that_the_shape_lacks_is_refused_at_any_depth() {
        for unknown in [
            r#"{"one": {"number": 1}, "two": 2}"#,
            r#"{"one": {"number": 1, "two": 2}}"#,
            r#"{"one": {"number": 1}, "named": {"a": {"two": 2, "number": 1}}}"#,
        ] {
            let told = read(unknown).unwrap_err();
            assert!(told.starts_with("unknown field `two`, expected "), "{unknown}: {told}");
        }
    }

    #[test]
    fn all_else_is_read_as_before() {
        assert_eq!(read(r#"{"one": {"number": 1}, "maybe": null}"#).unwrap().maybe, None);
        assert!(read(r#"{"one": {"number": 1}, "one": {"number": 2}}"#).unwrap_err().contains("duplicate field `one`"));
        assert!(read(r#"{"one": {"number": "x"}}"#).unwrap_err().contains("invalid type: string \"x\", expected u8"));
    }
}
