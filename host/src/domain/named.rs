//! Enums whose variants each have one name. One table defines the enum and the names, and for names that are also
//! parsed the list of variants and the parser, so that none of these can lack a variant.

macro_rules! named {
    ($(#[$about:meta])* pub enum $name:ident { $($(#[$of_case:meta])* $case:ident $text:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$of_case])* $case,)+
        }

        impl $name {
            pub fn as_str(self) -> &'static str {
                match self {
                    $($name::$case => $text,)+
                }
            }
        }
    };
    ($(#[$about:meta])* pub enum $name:ident, $error:ident $message:literal { $($(#[$of_case:meta])* $case:ident $text:literal,)+ }) => {
        named! { $(#[$about])* pub enum $name { $($(#[$of_case])* $case $text,)+ } }

        impl $name {
            pub const ALL: [$name; [$($text,)+].len()] = [$($name::$case,)+];
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        #[doc = concat!("The text is none of the names of [`", stringify!($name), "`].")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
        #[error($message)]
        pub struct $error;

        impl std::str::FromStr for $name {
            type Err = $error;

            fn from_str(text: &str) -> Result<Self, $error> {
                $name::ALL.into_iter().find(|case| case.as_str() == text).ok_or($error)
            }
        }
    };
}
pub(crate) use named;
