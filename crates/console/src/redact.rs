//! What leaves the console in files for others: JSON and texts without secrets.
//!
//! The service masks what it knows to be secret. This masks it again, and what may be secret
//! without being called so: config drives, user data, credentials and signatures in URLs.

use cupola_api::secret::{MASK, is_secret_key};
use serde_json::Value;

/// Members that hold what an instance is given, which may be anything.
const PRIVATE: [&str; 5] = [
    "configdrive",
    "config_drive",
    "user_data",
    "userdata",
    "meta_data",
];
/// Words that make a URL's argument a credential.
const SIGNED: [&str; 5] = ["sig", "signature", "credential", "key", "expires"];

/// The value without secrets.
pub(crate) fn json(value: &mut Value) {
    walk(value);
}

fn walk(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                let key = key.to_ascii_lowercase();
                let is_private = PRIVATE.contains(&key.as_str()) || is_secret_key(&key);
                if is_private && !value.is_null() {
                    *value = Value::String(MASK.to_owned());
                } else {
                    walk(value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(walk),
        Value::String(text) => *text = self::text(text),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The text without credentials and signatures in its URLs.
pub(crate) fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        let end = after.find(|c: char| c.is_whitespace() || "\"'<>".contains(c));
        let (url, tail) = after.split_at(end.unwrap_or(after.len()));
        out.push_str(&url_text(url));
        rest = tail;
    }
    out.push_str(rest);
    out
}

/// What follows `://` in a URL.
fn url_text(url: &str) -> String {
    let path = url.find(['/', '?', '#']).unwrap_or(url.len());
    let (authority, path) = url.split_at(path);
    let authority = match authority.rsplit_once('@') {
        Some((_, host)) => format!("{MASK}@{host}"),
        None => authority.to_owned(),
    };
    let Some((path, query)) = path.split_once('?') else {
        return format!("{authority}{path}");
    };
    let arguments: Vec<String> = query.split('&').map(argument).collect();
    format!("{authority}{path}?{}", arguments.join("&"))
}

fn argument(text: &str) -> String {
    let Some((name, _)) = text.split_once('=') else {
        return text.to_owned();
    };
    let lower = name.to_ascii_lowercase();
    let is_signed = SIGNED.iter().any(|word| lower.contains(word));
    if is_signed || is_secret_key(&lower) {
        format!("{name}={MASK}")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json as make;

    #[test]
    fn nothing_secret_is_left() {
        let mut value = make!({
            "driver_info": {"ipmi_password": "canary", "ipmi_username": "admin"},
            "instance_info": {"configdrive": {"user_data": "canary"},
                "image_source": "https://me:canary@host/a.img?temp_url_sig=canary&size=1"},
            "extra": {"api_token": "canary", "list": [{"secret": "canary"}, "ftp://u:canary@h"]},
        });
        json(&mut value);
        let text = value.to_string();
        assert!(!text.contains("canary"), "{text}");
        assert!(text.contains("admin") && text.contains("size=1"), "{text}");
    }

    #[test]
    fn texts_keep_what_is_no_credential() {
        let error = "GET http://u:p@10.0.0.1/x.img?key=v failed: see https://docs.example/a?b=c.";
        assert_eq!(
            text(error),
            "GET http://******@10.0.0.1/x.img?key=****** failed: see https://docs.example/a?b=c."
        );
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in "[a-z:/@?&= é]{0,60}") {
            let once = super::text(&text);
            prop_assert_eq!(super::text(&once), once.clone());
        }
    }
}
