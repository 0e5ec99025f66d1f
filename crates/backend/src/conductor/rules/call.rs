//! The action `api-call` of inspection rules: one GET, tried again while the other side is busy. What
//! is answered is not looked at. When calls are made is not decided here.

use std::fmt;
use std::time::Duration;

use cupola_api::node::Object;
use cupola_api::trust::{Trust, root_cause};
use reqwest::Proxy;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use url::Url;

use super::format::shown;

/// How long one try may take, in seconds, where the rule does not say.
const TIMEOUT: f64 = 5.0;
/// How often it is tried again where the rule does not say.
const RETRIES: u32 = 3;
/// What the pauses grow from, in seconds, where the rule does not say.
const BACKOFF: f64 = 0.3;
/// The longest pause between two tries, in seconds.
const LONGEST_PAUSE: f64 = 120.0;
/// All tries and pauses of one call, in seconds: the node is held meanwhile.
const DEADLINE: f64 = 300.0;
/// Answers of a service that may do better the next time.
const BUSY: [u16; 5] = [429, 500, 502, 503, 504];

/// One call as a rule wants it.
#[derive(Clone, PartialEq)]
pub(super) struct Call {
    url: Url,
    headers: HeaderMap,
    /// Schemes, and through what their URLs are asked.
    proxies: Vec<(String, Url)>,
    timeout: Duration,
    retries: u32,
    /// Seconds.
    backoff: f64,
}

// Paths, arguments and headers may hold tokens.
impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Call({})", self.origin())
    }
}

impl Call {
    /// Reads the arguments of the action.
    ///
    /// # Errors
    /// Which of them is wrong.
    pub(super) fn read(args: &Object) -> Result<Self, String> {
        let url = address("url", args.get("url").unwrap_or(&Value::Null))?;
        let timeout = number(args, "timeout", TIMEOUT)?;
        if timeout <= 0.0 {
            return Err("argument timeout must be greater than zero; write seconds".to_owned());
        }
        let mut headers = HeaderMap::new();
        for (name, value) in members(args, "headers")? {
            let bad = || {
                format!(
                    "header {name:?} cannot be sent; a name has letters, digits and dashes, a value is one line"
                )
            };
            let key = HeaderName::try_from(name).map_err(|_| bad())?;
            let mut value = HeaderValue::try_from(shown(value)).map_err(|_| bad())?;
            value.set_sensitive(true);
            headers.insert(key, value);
        }
        let mut proxies = Vec::new();
        for (scheme, proxy) in members(args, "proxies")? {
            if !matches!(scheme.as_str(), "http" | "https") {
                return Err(format!(
                    "argument proxies has {scheme:?}; write http or https, and the URL of the proxy"
                ));
            }
            proxies.push((scheme.clone(), address("proxies", proxy)?));
        }
        Ok(Self {
            url,
            headers,
            proxies,
            timeout: Duration::from_secs_f64(timeout.min(DEADLINE)),
            retries: count(args, "retries", RETRIES)?,
            backoff: number(args, "backoff_factor", BACKOFF)?,
        })
    }

    /// Makes the call.
    ///
    /// # Errors
    /// Who did not take it, and why. The path and the arguments of the URL are not told.
    pub(super) async fn make(&self) -> Result<(), String> {
        let all = tokio::time::timeout(Duration::from_secs_f64(DEADLINE), self.tries());
        let done = all.await.unwrap_or_else(|_| {
            let text = format!("did not take the call within {DEADLINE} seconds");
            Err(text)
        });
        done.map_err(|reason| {
            let origin = self.origin();
            format!("{origin} {reason}; see that it takes it, or take it out of the rule")
        })
    }

    async fn tries(&self) -> Result<(), String> {
        let http = self.client()?;
        let mut again = 0;
        loop {
            let request = http.get(self.url.clone()).headers(self.headers.clone());
            let (failure, is_final) = match request.send().await {
                Ok(answer) => {
                    let status = answer.status();
                    if !status.is_client_error() && !status.is_server_error() {
                        return Ok(());
                    }
                    let text = format!("answered the call with {status}");
                    (text, !BUSY.contains(&status.as_u16()))
                }
                Err(error) if error.is_timeout() => {
                    let seconds = self.timeout.as_secs_f64();
                    (format!("did not answer within {seconds} seconds"), false)
                }
                Err(error) => {
                    let reason = root_cause(&error.without_url());
                    (format!("could not be called: {reason}"), false)
                }
            };
            if is_final || again >= self.retries {
                let tries = match again {
                    0 => String::new(),
                    more => format!(", {} times", u64::from(more) + 1),
                };
                return Err(format!("{failure}{tries}"));
            }
            again += 1;
            tokio::time::sleep(self.pause(again)).await;
        }
    }

    /// The first try follows at once, the others after pauses that double.
    fn pause(&self, again: u32) -> Duration {
        if again < 2 {
            return Duration::ZERO;
        }
        let doubled = 2_f64.powf(f64::from(again) - 1.0);
        Duration::from_secs_f64((self.backoff * doubled).min(LONGEST_PAUSE))
    }

    fn client(&self) -> Result<reqwest::Client, String> {
        let unusable = |error: reqwest::Error| {
            let reason = root_cause(&error.without_url());
            format!("cannot be called: {reason}")
        };
        let builder = Trust::System.builder().map_err(|error| error.to_string())?;
        let mut builder = builder
            .user_agent(concat!("cupola/", env!("CARGO_PKG_VERSION")))
            .timeout(self.timeout);
        for (scheme, proxy) in &self.proxies {
            let proxy = match scheme.as_str() {
                "http" => Proxy::http(proxy.clone()),
                _ => Proxy::https(proxy.clone()),
            };
            builder = builder.proxy(proxy.map_err(unusable)?);
        }
        builder.build().map_err(unusable)
    }

    fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }
}

fn address(argument: &str, value: &Value) -> Result<Url, String> {
    let url: Url = shown(value).parse().map_err(|error| {
        format!("argument {argument} has no URL: {error}; write one such as https://host/path")
    })?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        other => Err(format!(
            "argument {argument} has a URL of {other}; only http and https are called"
        )),
    }
}

/// The members of an argument that is an object, or not given.
fn members<'a>(
    args: &'a Object,
    argument: &str,
) -> Result<impl Iterator<Item = (&'a String, &'a Value)>, String> {
    let members = match args.get(argument) {
        None | Some(Value::Null) => None,
        Some(Value::Object(members)) => Some(members),
        Some(_) => return Err(format!("argument {argument} is no object; write it as one")),
    };
    Ok(members.into_iter().flatten())
}

/// A number, or a text with one: what is filled in by a loop is text.
fn number(args: &Object, argument: &str, default: f64) -> Result<f64, String> {
    let number = match args.get(argument) {
        None | Some(Value::Null) => Some(default),
        Some(value) => shown(value).trim().parse::<f64>().ok(),
    };
    let number = number.filter(|number| number.is_finite() && *number >= 0.0);
    number.ok_or_else(|| {
        format!("argument {argument} is no number of zero or more; write one such as {default}")
    })
}

fn count(args: &Object, argument: &str, default: u32) -> Result<u32, String> {
    let count = match args.get(argument) {
        None | Some(Value::Null) => Some(default),
        Some(value) => shown(value).trim().parse().ok(),
    };
    count.ok_or_else(|| {
        format!("argument {argument} is no count of zero or more; write one such as {default}")
    })
}

#[cfg(test)]
#[path = "call/tests.rs"]
mod tests;
