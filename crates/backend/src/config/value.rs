//! How a key's value is read from TOML and shown in the reference; one implementation per type.
//! Reasons never repeat the value: it may be a secret.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::PathBuf;
use std::time::Duration;

use cupola_api::Secret;
use ipnet::Ipv4Net;
use toml::Value;
use url::Url;

/// A type that a key can have.
pub(super) trait Setting: Sized {
    /// What a person is told to write: `must be …`.
    fn expected() -> String;
    fn read(value: &Value) -> Option<Self>;
    /// As TOML; none when it is not set.
    fn show(&self) -> Option<String>;
}

/// A text from the environment or the command line as the TOML value that it looks like.
pub(super) fn guess(text: &str) -> Value {
    let parsed: Option<toml::Table> = format!("value = {text}").parse().ok();
    parsed
        .filter(|table| table.len() == 1)
        .and_then(|mut table| table.remove("value"))
        .unwrap_or_else(|| Value::String(text.to_owned()))
}

macro_rules! parsed {
    ($($type:ty: $expected:literal;)*) => {$(
        impl Setting for $type {
            fn expected() -> String {
                $expected.to_owned()
            }
            fn read(value: &Value) -> Option<Self> {
                value.as_str()?.parse().ok()
            }
            fn show(&self) -> Option<String> {
                Some(Value::String(self.to_string()).to_string())
            }
        }
    )*};
}

parsed! {
    String: "a text";
    SocketAddr: "an address with a port, such as \"127.0.0.1:6385\"";
    SocketAddrV4: "an IPv4 address with a port, such as \"192.0.2.1:69\"";
    Ipv4Addr: "an IPv4 address, such as \"192.0.2.1\"";
    Ipv4Net: "an IPv4 network, such as \"192.0.2.0/24\"";
    Url: "a URL, such as \"http://192.0.2.1:6385\"";
}

macro_rules! whole {
    ($($type:ty),*) => {$(
        impl Setting for $type {
            fn expected() -> String {
                format!("a whole number from {} to {}", Self::MIN, Self::MAX)
            }
            fn read(value: &Value) -> Option<Self> {
                value.as_integer()?.try_into().ok()
            }
            fn show(&self) -> Option<String> {
                Some(self.to_string())
            }
        }
    )*};
}

whole!(u8, u16, u32, i64);

impl Setting for usize {
    fn expected() -> String {
        "a whole number, 0 or more".to_owned()
    }
    fn read(value: &Value) -> Option<Self> {
        value.as_integer()?.try_into().ok()
    }
    fn show(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl Setting for bool {
    fn expected() -> String {
        "true or false".to_owned()
    }
    fn read(value: &Value) -> Option<Self> {
        value.as_bool()
    }
    fn show(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl Setting for f64 {
    fn expected() -> String {
        "a number".to_owned()
    }
    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Integer(number) => i32::try_from(*number).ok().map(Self::from),
            Value::Float(number) => Some(*number),
            Value::String(_)
            | Value::Boolean(_)
            | Value::Datetime(_)
            | Value::Array(_)
            | Value::Table(_) => None,
        }
    }
    fn show(&self) -> Option<String> {
        Some(format!("{self:?}"))
    }
}

impl Setting for Duration {
    fn expected() -> String {
        "a number of seconds, 0 or more".to_owned()
    }
    fn read(value: &Value) -> Option<Self> {
        Self::try_from_secs_f64(f64::read(value)?).ok()
    }
    fn show(&self) -> Option<String> {
        Some(self.as_secs_f64().to_string())
    }
}

impl Setting for PathBuf {
    fn expected() -> String {
        "a path".to_owned()
    }
    fn read(value: &Value) -> Option<Self> {
        value.as_str().filter(|s| !s.is_empty()).map(Self::from)
    }
    fn show(&self) -> Option<String> {
        Some(Value::String(self.display().to_string()).to_string())
    }
}

impl Setting for Secret {
    fn expected() -> String {
        "a text".to_owned()
    }
    fn read(value: &Value) -> Option<Self> {
        value.as_str().map(Self::from)
    }
    fn show(&self) -> Option<String> {
        None
    }
}

impl<T: Setting> Setting for Option<T> {
    fn expected() -> String {
        T::expected()
    }
    fn read(value: &Value) -> Option<Self> {
        T::read(value).map(Some)
    }
    fn show(&self) -> Option<String> {
        self.as_ref()?.show()
    }
}

impl<T: Setting> Setting for Vec<T> {
    fn expected() -> String {
        format!("a list; each of it {}", T::expected())
    }
    fn read(value: &Value) -> Option<Self> {
        value.as_array()?.iter().map(T::read).collect()
    }
    fn show(&self) -> Option<String> {
        let items: Vec<String> = self.iter().filter_map(T::show).collect();
        Some(format!("[{}]", items.join(", ")))
    }
}

/// An enum of texts as the type of a key.
macro_rules! choice {
    ($(#[$doc:meta])* $type:ident { $($(#[$vdoc:meta])* $variant:ident => $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $type { $($(#[$vdoc])* $variant,)* }

        impl $type {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// As it is written.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }
        }

        impl $crate::config::value::Setting for $type {
            fn expected() -> String {
                let all: Vec<_> = Self::ALL.iter().map(|v| v.as_str()).collect();
                format!("one of: {}", all.join(", "))
            }
            fn read(value: &toml::Value) -> Option<Self> {
                let text = value.as_str()?;
                Self::ALL.iter().copied().find(|v| v.as_str() == text)
            }
            fn show(&self) -> Option<String> {
                Some(format!("\"{}\"", self.as_str()))
            }
        }
    };
}
pub(super) use choice;
