//! The header of HTTP Basic authentication (RFC 7617).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cupola_api::Secret;
use http::{HeaderMap, header};

use super::Denied;

/// The longest user and password that are looked at; bcrypt takes 72 octets of a password.
const LONGEST: usize = 1024;

/// What a client says of itself.
#[derive(Debug)]
pub(super) struct Credentials {
    pub(super) user: String,
    pub(super) password: Secret,
}

/// Reads them.
pub(super) fn credentials(headers: &HeaderMap) -> Result<Credentials, Denied> {
    let value = headers.get(header::AUTHORIZATION).ok_or(Denied::Missing)?;
    let text = value.to_str().map_err(|_| Denied::Malformed)?;
    let (scheme, encoded) = text.trim().split_once(' ').ok_or(Denied::Malformed)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        let shown = scheme.chars().take(40).collect();
        return Err(Denied::Scheme(shown));
    }
    let encoded = encoded.trim();
    if encoded.len() > LONGEST {
        return Err(Denied::Malformed);
    }
    let octets = STANDARD.decode(encoded).map_err(|_| Denied::Malformed)?;
    let text = String::from_utf8(octets).map_err(|_| Denied::Malformed)?;
    let (user, password) = text.split_once(':').ok_or(Denied::Malformed)?;
    Ok(Credentials {
        user: user.to_owned(),
        password: Secret::new(password),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(value: &str) -> Result<(String, String), Denied> {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, value.parse().unwrap());
        let read = credentials(&headers)?;
        Ok((read.user, read.password.expose().to_owned()))
    }

    #[test]
    fn user_and_password_are_read() {
        // The example of RFC 7617, section 2.
        let pair = ("Aladdin".to_owned(), "open sesame".to_owned());
        assert_eq!(read("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), Ok(pair));
        let colons = STANDARD.encode("me:a:b");
        let pair = ("me".to_owned(), "a:b".to_owned());
        assert_eq!(read(&format!("basic {colons}")), Ok(pair));
    }

    #[test]
    fn the_rest_is_refused_as_upstream_does() {
        assert_eq!(credentials(&HeaderMap::new()).err(), Some(Denied::Missing));
        assert_eq!(read("Bearer abc"), Err(Denied::Scheme("Bearer".to_owned())));
        let no_colon = format!("Basic {}", STANDARD.encode("me"));
        for value in ["Basic", "Basic ???", &no_colon] {
            assert_eq!(read(value), Err(Denied::Malformed), "{value}");
        }
    }

    proptest! {
        #[test]
        fn any_header_is_safe(value in "[ -~]{0,60}") {
            let _ = read(&value);
        }

        #[test]
        fn any_pair_comes_through(user in "[^:]{0,20}", password in ".{0,40}") {
            let value = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
            prop_assert_eq!(read(&value), Ok((user, password)));
        }
    }
}
