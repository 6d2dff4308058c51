//! The stored forms of domain types. A value that does not parse is an error of its row.

use std::error::Error;
use std::fmt::Display;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use rusqlite::ToSql;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::domain::amount::Amount;
use crate::domain::audit::ActorKind;
use crate::domain::effect::{Holder, Revision};
use crate::domain::id::{AccountId, ChannelId, ChatterId, Login, ModuleDigest, ModuleName};
use crate::domain::prefix::Prefix;
use crate::domain::principal::{CallerId, KeyId};
use crate::domain::role::Role;
use crate::store::json_text::Text;

/// The key of a bot account's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BotKey(u64);

macro_rules! number_column {
    ($($name:ty),+) => {$(
        impl ToSql for $name {
            // SQLite's integers are signed; a Twitch id of 19 digits needs all 64 bits.
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(self.0.cast_signed().into())
            }
        }

        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                i64::column_result(value).map(|number| Self(number.cast_unsigned()))
            }
        }
    )+};
}
number_column!(AccountId, BotKey, ChannelId, ChatterId, Revision);

macro_rules! text_column {
    ($write:ident: $($name:ty),+) => {$(
        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(self.$write().into())
            }
        }

        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                value.as_str()?.parse().map_err(FromSqlError::other)
            }
        }
    )+};
}
text_column!(as_str: ActorKind, KeyId, Login, ModuleName, Prefix, Role);
// Decimal text keeps an amount exact, whatever the currency.
text_column!(to_string: Amount, CallerId);

/// A foreign type, in its only spelling.
impl<T: Display> ToSql for Text<T> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.to_string().into())
    }
}

impl<T: FromStr<Err: Error + Send + Sync + 'static>> FromSql for Text<T> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_str()?.parse().map(Text).map_err(FromSqlError::other)
    }
}

impl ToSql for ModuleDigest {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.as_slice().into())
    }
}

impl FromSql for ModuleDigest {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_blob()?.try_into().map(Self).map_err(FromSqlError::other)
    }
}

/// A moment, stored as milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct At(pub(crate) SystemTime);

impl ToSql for At {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let milliseconds = match self.0.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => Span(after).milliseconds(),
            Err(before) => -Span(before.duration()).milliseconds(),
        };
        Ok(milliseconds.into())
    }
}

impl FromSql for At {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let milliseconds = i64::column_result(value)?;
        let distance = Duration::from_millis(milliseconds.unsigned_abs());
        let epoch = SystemTime::UNIX_EPOCH;
        let at = if milliseconds < 0 { epoch.checked_sub(distance) } else { epoch.checked_add(distance) };
        at.map(At).ok_or(FromSqlError::OutOfRange(milliseconds))
    }
}

/// A span, stored in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) Duration);

impl Span {
    fn milliseconds(self) -> i64 {
        i64::try_from(self.0.as_millis()).unwrap_or(i64::MAX)
    }
}

impl ToSql for Span {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.milliseconds().into())
    }
}

impl FromSql for Span {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let milliseconds = i64::column_result(value)?;
        let milliseconds = u64::try_from(milliseconds).map_err(|_| FromSqlError::OutOfRange(milliseconds))?;
        Ok(Span(Duration::from_millis(milliseconds)))
    }
}

/// A small list or structure, stored as JSON text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Json<T>(pub(crate) T);

impl<T: Serialize> ToSql for Json<T> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let text =
            serde_json::to_string(&self.0).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        Ok(text.into())
    }
}

impl<T: DeserializeOwned> FromSql for Json<T> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        serde_json::from_str(value.as_str()?).map(Json).map_err(FromSqlError::other)
    }
}

/// A holder's columns `kind` and `chatter_id`.
pub(crate) fn holder_columns(holder: Holder) -> (&'static str, ChatterId) {
    match holder {
        Holder::Chatter(chatter) => ("chatter", chatter),
        Holder::Till => ("till", ChatterId(0)),
        Holder::Mint => ("mint", ChatterId(0)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn through_column<T: ToSql + FromSql>(value: &T) -> T {
        rusqlite::Connection::open_in_memory().unwrap().query_row("SELECT ?1", [value], |row| row.get(0)).unwrap()
    }

    proptest! {
        #[test]
        fn what_is_written_to_a_column_is_read_back(
            id in any::<u64>(), milliseconds in any::<u32>(), digest in any::<[u8; 32]>()
        ) {
            let span = Duration::from_millis(milliseconds.into());
            prop_assert_eq!(through_column(&ChannelId(id)), ChannelId(id));
            prop_assert_eq!(through_column(&ModuleDigest(digest)), ModuleDigest(digest));
            prop_assert_eq!(through_column(&Span(span)), Span(span));
            for at in [SystemTime::UNIX_EPOCH + span, SystemTime::UNIX_EPOCH - span] {
                prop_assert_eq!(through_column(&At(at)), At(at));
            }
        }
    }

    #[test]
    fn a_column_with_nonsense_is_an_error() {
        assert!(Login::column_result(ValueRef::Text(b"a b")).is_err());
        assert!(Role::column_result(ValueRef::Text(b"king")).is_err());
        assert!(ModuleDigest::column_result(ValueRef::Blob(&[1, 2, 3])).is_err());
        assert!(Span::column_result(ValueRef::Integer(-1)).is_err());
        assert!(At::column_result(ValueRef::Null).is_err());
    }
}
