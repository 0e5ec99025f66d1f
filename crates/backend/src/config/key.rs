//! Sections as data: the macro that makes a struct of keys, with documentation and defaults that
//! can be listed.

use toml::Value;

/// One key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name within the section.
    pub name: &'static str,
    /// What it does.
    pub doc: &'static str,
}

/// A section whose keys are set by name.
pub(super) trait Section {
    fn name(&self) -> &'static str;
    fn doc(&self) -> &'static str;
    fn keys(&self) -> &'static [Key];
    /// None when there is no such key; otherwise why the value does not fit.
    fn set(&mut self, key: &str, value: &Value) -> Option<Result<(), String>>;
    /// The value as TOML; none when it is not set.
    fn show(&self, key: &str) -> Option<String>;
}

macro_rules! section {
    (
        #[doc = $section_doc:literal]
        $section:literal $type:ident {
            $($(#[doc = $doc:literal])+ $key:ident: $value:ty = $default:expr;)*
        }
    ) => {
        #[doc = $section_doc]
        #[derive(Clone, Debug)]
        pub struct $type {
            $($(#[doc = $doc])+ pub $key: $value,)*
        }

        impl Default for $type {
            fn default() -> Self {
                Self { $($key: $default,)* }
            }
        }

        impl $crate::config::key::Section for $type {
            fn name(&self) -> &'static str {
                $section
            }
            fn doc(&self) -> &'static str {
                $section_doc.trim_ascii()
            }
            fn keys(&self) -> &'static [$crate::config::key::Key] {
                &[$($crate::config::key::Key {
                    name: stringify!($key),
                    doc: concat!($($doc, "\n"),+),
                }),*]
            }
            fn set(&mut self, key: &str, value: &toml::Value) -> Option<Result<(), String>> {
                use $crate::config::value::Setting;
                match key {
                    $(stringify!($key) => Some(match <$value as Setting>::read(value) {
                        Some(value) => {
                            self.$key = value;
                            Ok(())
                        }
                        None => Err(format!("must be {}", <$value as Setting>::expected())),
                    }),)*
                    _ => None,
                }
            }
            fn show(&self, key: &str) -> Option<String> {
                use $crate::config::value::Setting;
                match key {
                    $(stringify!($key) => Setting::show(&self.$key),)*
                    _ => None,
                }
            }
        }
    };
}
pub(super) use section;
