//! One declaration of a table generates its struct, defaults, reader and part of `config.example.toml`.

/// Declares the table `[name]`. The doc comments are written for operators, because they are copied into the example
/// file. A default is written as in the file. `as` names the function that reads a key whose notation differs from its
/// type's.
macro_rules! section {
    (
        $(#[doc = $about:literal])*
        [$name:ident] $config:ident {
            $($(#[doc = $doc:literal])* $key:ident: $type:ty $(as $read:path)? = $default:tt,)*
        }
    ) => {
        $(#[doc = $about])*
        #[derive(Clone, Debug, PartialEq)]
        #[allow(rustdoc::bare_urls, reason = "the example has no markup")]
        pub struct $config {
            $($(#[doc = $doc])* pub $key: $type,)*
        }

        impl Default for $config {
            fn default() -> Self {
                Self { $($key: read_default(stringify!($default), section!(@read $type $(, $read)?)),)* }
            }
        }

        impl $config {
            /// Reads the table. `check` reports values that contradict each other.
            pub(in crate::config) fn read(
                file: &mut Section<'_, '_>,
                check: impl FnOnce(&Self, &mut Section<'_, '_>),
            ) -> Self {
                let (mut section, mut config) = (file.section(stringify!($name)), Self::default());
                $(if let Some(value) = section.find_with(stringify!($key), section!(@read $type $(, $read)?)) {
                    config.$key = value;
                })*
                check(&config, &mut section);
                section.finish();
                config
            }

            /// The table as it stands in the example file.
            #[cfg(test)]
            pub(in crate::config) const EXAMPLE: &str = concat!(
                $("#", $about, "\n",)* "[", stringify!($name), "]\n",
                $("\n", $("#", $doc, "\n",)* "#", stringify!($key), " = ", stringify!($default), "\n",)*
            );
        }
    };
    (@read $type:ty) => { <$type as ReadKey>::read_key };
    (@read $type:ty, $read:path) => { |value, reject| read_as($read, value, reject) };
}
