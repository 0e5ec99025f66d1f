//! One request of the script, with what has to happen around it. Texts hold placeholders (see
//! [`super::placeholder`]) until they are sent, so that the name of a case is the same in every run.

use serde_json::Value;

/// Which version a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Version {
    /// No header.
    None,
    /// The older header, with this value.
    At(String),
    /// `OpenStack-API-Version`, with this value.
    Standard(String),
}

impl Version {
    /// `1.minor`.
    #[must_use]
    pub fn minor(minor: u16) -> Self {
        Self::At(format!("1.{minor}"))
    }
}

/// The newest version.
pub const LATEST: u16 = 115;

/// What a request carries.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// Nothing.
    None,
    /// JSON, with its content type.
    Json(Value),
    /// Anything else: its content type, its octets, and what a report calls it.
    Raw(&'static str, Vec<u8>, &'static str),
}

/// One request.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The method.
    pub method: &'static str,
    /// Path and query, from `/` on.
    pub path: String,
    /// The version header.
    pub version: Version,
    /// The body.
    pub body: Body,
    /// The `Accept` header.
    pub accept: &'static str,
}

impl Request {
    /// A request without a body at the newest version.
    pub fn new(method: &'static str, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            version: Version::minor(LATEST),
            body: Body::None,
            accept: "application/json",
        }
    }

    /// The same at `1.minor`.
    #[must_use]
    pub fn at(mut self, minor: u16) -> Self {
        self.version = Version::minor(minor);
        self
    }

    /// The same with this version header.
    #[must_use]
    pub fn version(mut self, version: Version) -> Self {
        self.version = version;
        self
    }

    /// The same with a JSON body.
    #[must_use]
    pub fn json(mut self, body: Value) -> Self {
        self.body = Body::Json(body);
        self
    }

    /// The same with a body of another kind.
    #[must_use]
    pub fn raw(
        mut self,
        kind: &'static str,
        bytes: impl Into<Vec<u8>>,
        label: &'static str,
    ) -> Self {
        self.body = Body::Raw(kind, bytes.into(), label);
        self
    }

    /// What a report calls it: `PUT /v1/nodes/$node/states/power @1.27 {"target":"power on"}`.
    #[must_use]
    pub fn name(&self) -> String {
        /// A body that is longer than this is cut, in characters.
        const SHOWN: usize = 200;
        let version = match &self.version {
            Version::None => "@none".to_owned(),
            Version::At(text) => format!("@{text}"),
            Version::Standard(text) => format!("@[{text}]"),
        };
        let body = match &self.body {
            Body::None => String::new(),
            Body::Json(value) => {
                let text = value.to_string();
                if text.chars().count() > SHOWN {
                    let length = text.len();
                    let start: String = text.chars().take(SHOWN).collect();
                    format!(" {start}… ({length} bytes)")
                } else {
                    format!(" {text}")
                }
            }
            Body::Raw(_, _, label) => format!(" [{label}]"),
        };
        let accept = if self.accept == "application/json" {
            String::new()
        } else {
            format!(" accept:{}", self.accept)
        };
        format!("{} {} {version}{accept}{body}", self.method, self.path)
    }
}

/// What happens after a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum After {
    /// Nothing.
    #[default]
    Nothing,
    /// What was made by it is deleted again.
    DeleteMade,
    /// The node of this placeholder comes to rest, and is compared.
    Settle(&'static str),
    /// The allocation of this placeholder is decided.
    Decide(&'static str),
}

/// A request whose answers are compared.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// Requests before it whose answers are not compared.
    pub before: Vec<Request>,
    /// The request.
    pub request: Request,
    /// What happens after it.
    pub after: After,
    /// Whether what it changed is undone, by the preparation of its chapter, before the next case.
    pub spoils: bool,
}

impl From<Request> for Case {
    fn from(request: Request) -> Self {
        Self {
            before: Vec::new(),
            request,
            after: After::Nothing,
            spoils: false,
        }
    }
}

impl Case {
    /// The same after these requests.
    #[must_use]
    pub fn before(mut self, requests: Vec<Request>) -> Self {
        self.before = requests;
        self
    }

    /// The same, and what was made by it is deleted again.
    #[must_use]
    pub fn passing(mut self) -> Self {
        self.after = After::DeleteMade;
        self
    }

    /// The same, and the node comes to rest after it.
    #[must_use]
    pub fn settling(mut self, node: &'static str) -> Self {
        self.after = After::Settle(node);
        self
    }

    /// The same, and the allocation is decided after it.
    #[must_use]
    pub fn deciding(mut self, allocation: &'static str) -> Self {
        self.after = After::Decide(allocation);
        self
    }

    /// The same, and everything is prepared anew after it.
    #[must_use]
    pub fn spoiling(mut self) -> Self {
        self.spoils = true;
        self
    }
}

/// Cases that share what they work on; no chapter sees anything of another one.
#[derive(Clone, Debug)]
pub struct Chapter {
    /// Its name: lower case, digits and `-`.
    pub name: &'static str,
    /// What makes the objects that the cases work on; compared too.
    pub preparation: Vec<Case>,
    /// The cases, each independent of those before it.
    pub cases: Vec<Case>,
}

impl Chapter {
    /// What a report calls one of its cases.
    #[must_use]
    pub fn case_name(&self, case: &Case) -> String {
        format!("{} | {}", self.name, case.request.name())
    }
}
