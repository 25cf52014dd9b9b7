//! What a sender promises: its contract.
//!
//! The presets are the files of `fixtures/senders`, compiled in; a folder of files of the same form adds to them or
//! overrides them:
//!
//! ```toml
//! name = "careful"             # how a scenario calls it; case, spaces and hyphens don't matter
//! about = "an example"
//! source = "where its facts stand"
//! assumed = ["what stands there isn't said by the source"]
//!
//! method = "POST"              # GET, POST, or "by url": a URL that ends in " POST" is posted to, others are got
//! body = "json"                # json, form, or query: in the URL's own --A--field--B-- or behind it
//! fields = ["lead_id"]         # which of an event's fields a form or a query has, in order; all of them if left out
//! success = "2xx"              # 2xx, 200, "2xx with a body", "any answer"
//! follow_redirects = 0         # how many
//! order = "parallel"           # or "in order": one at a time, the next when this one is delivered or given up
//! signature = "standard"       # none, standard, standard-v1a, svix, stripe, github, shopify, twilio, dialpad, didww
//! rotation_overlap = "24h"     # how long an old secret signs beside a new one
//! retry_after = true           # a longer wait that the receiver asks for is kept
//! gone_disables = true         # 410 disables the endpoint
//! keeps_url = false            # an event goes where the endpoint was when it happened
//! fallback = false             # after the last failure it's told once to the endpoint's fallback URL
//! url_overrides = false        # a URL's fragment overrides timeouts and retries: #ct=1000&rp=ct,rt (Twilio)
//!
//! [timeouts]
//! connect = "5s"
//! answer = "10s"               # from the connection on; may be left out
//! total = "15s"
//! all_tries = "1m"             # all attempts at one URL together; may be left out
//!
//! [headers]                    # {id} {type} {sequence} {occurred_at} {timestamp} {attempt} {retry} are filled in
//! User-Agent = "careful/1.0"
//!
//! [[retry]]                    # the first that names a failure counts it and says what follows
//! on = ["connection"]          # unresolved, refused, no connection, reset, cut, no answer, malformed, 3xx, 4xx, 429,
//! waits = ["1s", "2s"]         # 5xx, empty; connection is the first four, all is everything
//!
//! [[retry]]
//! on = ["all"]
//! first = "1m"                 # exponential; or step = "1s" for linear, or waits = [..]
//! factor = 2
//! most = "12h"
//! jitter = "half"              # none, half (from the half to the whole of a wait), full
//! retries = 20
//! within = "3d"
//!
//! [disable]
//! after = "5d"                 # of failures and nothing else, by a clock that starts once two of them lie
//! apart = "12h"                # so far apart
//! among = "24h"                # within so long; both may be left out: then the first failure starts it
//! exhausted = false            # one event that's given up disables the endpoint
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::de::DeValue;

use crate::http::{HeaderName, HeaderValue, Limits, SendError};
use crate::net::profile::{Fields, ProfileError, key, nearest, parse, suggestion, texts_of};

use super::schedule::{Jitter, Schedule, Waits, parse_duration};
use super::signature::Scheme;

mod overrides;

pub use overrides::BadOverride;

/// Which method requests have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MethodRule {
    /// GET.
    Get,
    /// POST.
    Post,
    /// What the endpoint's URL says: one that ends in ` POST` is posted to, every other is got.
    ByUrl,
}

/// How an event is written into a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyForm {
    /// As JSON, in the body.
    Json,
    /// As a form, in the body.
    Form,
    /// In the URL: where it has `--A--field--B--`, there and nowhere else, otherwise behind it. Posted, it's a form.
    Query,
}

/// Which answers are a success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Success {
    /// 200 to 299.
    Any2xx,
    /// 200 alone.
    Only200,
    /// 200 to 299 with something in the body.
    WithBody,
    /// Whatever is answered.
    AnyAnswer,
}

/// Whether events to one endpoint wait for each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// They don't: a late retry can overtake.
    Parallel,
    /// One at a time.
    InOrder,
}

/// How an attempt can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Failure {
    /// The receiver's name has no address.
    Unresolved,
    /// Nobody listens there.
    Refused,
    /// No connection in time.
    NoConnection,
    /// The connection ended before an answer began.
    Reset,
    /// It ended in the middle of the answer.
    Cut,
    /// No answer in time.
    NoAnswer,
    /// What came is no HTTP, or the URL is no URL.
    Malformed,
    /// 300 to 399, where redirects aren't followed, or there are too many.
    Redirect,
    /// 400 to 499 but 429.
    ClientError,
    /// 429.
    TooMany,
    /// 500 to 599.
    ServerError,
    /// A status of success, but not all that success needs.
    Empty,
}

impl Failure {
    /// All of them.
    pub const ALL: [Failure; 12] = [
        Failure::Unresolved,
        Failure::Refused,
        Failure::NoConnection,
        Failure::Reset,
        Failure::Cut,
        Failure::NoAnswer,
        Failure::Malformed,
        Failure::Redirect,
        Failure::ClientError,
        Failure::TooMany,
        Failure::ServerError,
        Failure::Empty,
    ];

    /// Those that are trouble with the connection, before anything is answered.
    pub const CONNECTION: [Failure; 4] = [Failure::Unresolved, Failure::Refused, Failure::NoConnection, Failure::Reset];

    /// Its name in a sender's file.
    pub fn name(self) -> &'static str {
        match self {
            Failure::Unresolved => "unresolved",
            Failure::Refused => "refused",
            Failure::NoConnection => "no connection",
            Failure::Reset => "reset",
            Failure::Cut => "cut",
            Failure::NoAnswer => "no answer",
            Failure::Malformed => "malformed",
            Failure::Redirect => "3xx",
            Failure::ClientError => "4xx",
            Failure::TooMany => "429",
            Failure::ServerError => "5xx",
            Failure::Empty => "empty",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Which failures are tried again, and when. Each rule counts its own.
#[derive(Debug, Clone, PartialEq)]
pub struct RetryRule {
    /// After these.
    pub on: Vec<Failure>,
    /// At these times.
    pub schedule: Schedule,
}

/// When an endpoint is disabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DisableRule {
    /// After so long of failures and nothing else.
    pub after: Option<Duration>,
    /// The clock of that starts once two failures lie so far apart (first) within so long (second).
    pub clock: Option<(Duration, Duration)>,
    /// As soon as an event is given up.
    pub exhausted: bool,
}

/// What a sender promises.
#[derive(Debug, Clone, PartialEq)]
pub struct Contract {
    /// Its name, as its file spells it.
    pub name: String,
    /// Whose it is.
    pub about: String,
    /// Where its facts stand.
    pub source: String,
    /// What of it the source doesn't say.
    pub assumed: Vec<String>,
    /// The method.
    pub method: MethodRule,
    /// How an event is written.
    pub body: BodyForm,
    /// Which of an event's fields a form or a query has; all if there are none here.
    pub fields: Vec<String>,
    /// Time-outs.
    pub limits: Limits,
    /// How long all attempts at one URL may take together.
    pub budget: Option<Duration>,
    /// What counts as success.
    pub success: Success,
    /// How many redirects are followed.
    pub follow_redirects: u32,
    /// Which failures are tried again, and when.
    pub retries: Vec<RetryRule>,
    /// Whether a longer wait that the receiver asks for is kept.
    pub retry_after: bool,
    /// Whether 410 disables the endpoint.
    pub gone_disables: bool,
    /// What else disables it.
    pub disable: DisableRule,
    /// Whether events wait for each other.
    pub order: Order,
    /// Header fields, with placeholders.
    pub headers: Vec<(HeaderName, String)>,
    /// How requests are signed.
    pub signature: Scheme,
    /// How long an old secret signs beside a new one.
    pub rotation_overlap: Duration,
    /// Whether an event goes where the endpoint was when it happened.
    pub keeps_url: bool,
    /// Whether it's told to the fallback URL in the end.
    pub fallback: bool,
    /// Whether a URL's fragment overrides time-outs and retries: see [`Contract::at`].
    pub url_overrides: bool,
}

impl Contract {
    /// Reads a contract from a file's text; the file's name is for errors alone.
    ///
    /// # Errors
    /// It's none, and where.
    pub fn read(file: &Path, text: &str) -> Result<Contract, ContractError> {
        read(file, text).map(|(contract, _)| contract)
    }

    /// What an answer is by this contract.
    ///
    /// # Errors
    /// No success.
    pub fn judge(&self, status: u16, has_body: bool) -> Result<(), Failure> {
        match (self.success, status) {
            (Success::AnyAnswer, _) | (Success::Any2xx, 200..=299) | (Success::Only200, 200) => Ok(()),
            (Success::WithBody, 200..=299) if has_body => Ok(()),
            (_, 300..=399) => Err(Failure::Redirect),
            (_, 429) => Err(Failure::TooMany),
            (_, 400..=499) => Err(Failure::ClientError),
            (_, 200..=299) => Err(Failure::Empty),
            _ => Err(Failure::ServerError),
        }
    }

    /// The failure that an error is.
    pub fn failure(error: &SendError) -> Failure {
        use crate::http::Waiting;
        match error {
            SendError::Unresolved(_) => Failure::Unresolved,
            SendError::Refused(_) => Failure::Refused,
            SendError::NoAnswer { waiting: Waiting::Connection, .. } | SendError::Unable(_) => Failure::NoConnection,
            SendError::NoAnswer { waiting: Waiting::Answer, .. } => Failure::NoAnswer,
            SendError::Reset | SendError::Closed => Failure::Reset,
            SendError::Cut => Failure::Cut,
            SendError::Malformed(_) | SendError::BadUrl(_) => Failure::Malformed,
        }
    }

    /// Which of its rules counts a failure.
    pub fn rule_for(&self, failure: Failure) -> Option<usize> {
        self.retries.iter().position(|rule| rule.on.contains(&failure))
    }
}

/// Why a folder's contracts can't be used.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct ContractError(#[from] ProfileError);

/// There is no contract of that name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no sender {asked:?}; {}", suggestion(nearest, "there are"))]
pub struct UnknownContract {
    /// The name that was asked for.
    pub asked: String,
    /// The names nearest to it, or all names if none is near.
    pub nearest: Vec<String>,
}

/// A set of contracts, by name.
///
/// ```
/// use busyhour::webhook::contract::Contracts;
///
/// let contracts = Contracts::builtin();
/// assert_eq!(contracts.get("Standard")?.retries[0].schedule.to_string(), "5s 5m 30m 2h 5h 10h 14h 20h 24h");
/// let error = contracts.get("vicidial dispos").unwrap_err().to_string();
/// assert_eq!(error, "there is no sender \"vicidial dispos\"; did you mean \"vicidial-dispo\"?");
/// # Ok::<(), busyhour::webhook::contract::UnknownContract>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Contracts {
    by_key: BTreeMap<String, Contract>,
}

const BUILTIN: [(&str, &str); 11] = [
    ("dialpad.toml", include_str!("../../../fixtures/senders/dialpad.toml")),
    ("didww.toml", include_str!("../../../fixtures/senders/didww.toml")),
    ("github.toml", include_str!("../../../fixtures/senders/github.toml")),
    ("shopify.toml", include_str!("../../../fixtures/senders/shopify.toml")),
    ("standard.toml", include_str!("../../../fixtures/senders/standard.toml")),
    ("standard-v1a.toml", include_str!("../../../fixtures/senders/standard-v1a.toml")),
    ("stripe.toml", include_str!("../../../fixtures/senders/stripe.toml")),
    ("svix.toml", include_str!("../../../fixtures/senders/svix.toml")),
    ("twilio.toml", include_str!("../../../fixtures/senders/twilio.toml")),
    ("vicidial-dispo.toml", include_str!("../../../fixtures/senders/vicidial-dispo.toml")),
    ("vicidial-no-agent.toml", include_str!("../../../fixtures/senders/vicidial-no-agent.toml")),
];

impl Contracts {
    /// The presets.
    pub fn builtin() -> Contracts {
        let read = |(file, text): (&str, &str)| {
            let (contract, _) = read(Path::new(file), text).unwrap_or_else(|error| panic!("a preset: {error}"));
            (key(&contract.name), contract)
        };
        Contracts { by_key: BUILTIN.into_iter().map(read).collect() }
    }

    /// Adds the contracts of a folder: each of its `*.toml` files, in the order of their names. One of the name of a
    /// contract that is there already overrides it. Says how many there were; after an error nothing has changed.
    ///
    /// # Errors
    /// The folder or a file can't be read, a file is no contract, or two of its files have the same name in them.
    pub fn with_folder(&mut self, folder: &Path) -> Result<usize, ContractError> {
        self.with_texts(&texts_of(folder)?)
    }

    fn with_texts(&mut self, texts: &[(PathBuf, String)]) -> Result<usize, ContractError> {
        let mut read_so_far: BTreeMap<String, (&Path, Contract)> = BTreeMap::new();
        for (file, text) in texts {
            let (contract, line) = read(file, text)?;
            if let Some((other, _)) = read_so_far.get(&key(&contract.name)) {
                let what = format!("{} is called {:?}, too", other.display(), contract.name);
                return Err(ProfileError::Field { file: file.clone(), line, field: "name".to_owned(), what }.into());
            }
            read_so_far.insert(key(&contract.name), (file, contract));
        }
        let count = read_so_far.len();
        self.by_key.extend(read_so_far.into_iter().map(|(key, (_, contract))| (key, contract)));
        Ok(count)
    }

    /// The contract of that name; case, spaces and hyphens don't matter.
    ///
    /// # Errors
    /// There is none; the error names the nearest.
    pub fn get(&self, name: &str) -> Result<&Contract, UnknownContract> {
        self.by_key.get(&key(name)).ok_or_else(|| UnknownContract {
            asked: name.to_owned(),
            nearest: nearest(name, &self.by_key.values().map(|contract| contract.name.as_str()).collect::<Vec<_>>()),
        })
    }

    /// All of them, in a fixed order.
    pub fn iter(&self) -> impl Iterator<Item = &Contract> {
        self.by_key.values()
    }
}

const ROOT: [&str; 20] = [
    "name",
    "about",
    "source",
    "assumed",
    "method",
    "body",
    "fields",
    "success",
    "follow_redirects",
    "order",
    "signature",
    "rotation_overlap",
    "retry_after",
    "gone_disables",
    "keeps_url",
    "fallback",
    "url_overrides",
    "timeouts",
    "headers",
    "retry",
];

/// A field's place and value.
type Spot<'a> = (&'a str, usize, &'a DeValue<'a>);

/// One of some words, and what each means.
fn word<T: Copy>(fields: &Fields<'_>, (field, at, value): Spot<'_>, words: &[(&str, T)]) -> Result<T, ProfileError> {
    let text = text(fields, (field, at, value))?;
    let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    let found = words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
    found.ok_or_else(|| {
        fields.wrong(field, at, format!("{text:?} is unknown; {}", suggestion(&nearest(text, &known), "there are")))
    })
}

fn text<'a>(fields: &Fields<'_>, (field, at, value): Spot<'a>) -> Result<&'a str, ProfileError> {
    value.as_str().ok_or_else(|| fields.wrong_type(field, at, "a string", value))
}

fn flag(fields: &Fields<'_>, (field, at, value): Spot<'_>) -> Result<bool, ProfileError> {
    value.as_bool().ok_or_else(|| fields.wrong_type(field, at, "true or false", value))
}

fn duration(fields: &Fields<'_>, spot: Spot<'_>) -> Result<Duration, ProfileError> {
    let text = text(fields, spot)?;
    let why = || format!("{text:?} is no duration: they're written as 200ms, 5s, 30m, 2h, 1h30m or 3d");
    parse_duration(text).ok_or_else(|| fields.wrong(spot.0, spot.1, why()))
}

fn texts<'a>(fields: &Fields<'_>, (field, at, value): Spot<'a>) -> Result<Vec<Spot<'a>>, ProfileError> {
    let list = value.as_array().ok_or_else(|| fields.wrong_type(field, at, "a list", value))?;
    Ok(list.iter().map(|item| (field, item.span().start, item.get_ref())).collect())
}

fn whole(fields: &Fields<'_>, (field, at, value): Spot<'_>, most: u32) -> Result<u32, ProfileError> {
    if !value.is_integer() {
        return Err(fields.wrong_type(field, at, "a whole number", value));
    }
    Ok(fields.number(field, at, value, (0.0, f64::from(most)))? as u32)
}

fn read(file: &Path, content: &str) -> Result<(Contract, usize), ContractError> {
    let document = parse(file, content)?;
    let root = Fields { file, text: content, path: String::new(), table: document.get_ref(), starts: 0 };
    let (mut name, mut limits, mut fields_at) = (None, None, None);
    let mut signed_at = 0;
    let mut contract = Contract {
        name: String::new(),
        about: String::new(),
        source: String::new(),
        assumed: Vec::new(),
        method: MethodRule::Post,
        body: BodyForm::Json,
        fields: Vec::new(),
        limits: Limits::default(),
        budget: None,
        success: Success::Any2xx,
        follow_redirects: 0,
        retries: Vec::new(),
        retry_after: false,
        gone_disables: false,
        disable: DisableRule::default(),
        order: Order::Parallel,
        headers: Vec::new(),
        signature: Scheme::None,
        rotation_overlap: Duration::ZERO,
        keeps_url: false,
        fallback: false,
        url_overrides: false,
    };
    for spot @ (field, at, value) in root.in_order() {
        let list = || -> Result<Vec<String>, ProfileError> {
            texts(&root, spot)?.into_iter().map(|item| text(&root, item).map(str::to_owned)).collect()
        };
        match field {
            "name" => name = Some((root.name(at, value)?, at)),
            "about" => contract.about = text(&root, spot)?.to_owned(),
            "source" => contract.source = text(&root, spot)?.to_owned(),
            "assumed" => contract.assumed = list()?,
            "method" => {
                let words = [("GET", MethodRule::Get), ("POST", MethodRule::Post), ("by url", MethodRule::ByUrl)];
                contract.method = word(&root, spot, &words)?;
            }
            "body" => {
                let words = [("json", BodyForm::Json), ("form", BodyForm::Form), ("query", BodyForm::Query)];
                contract.body = word(&root, spot, &words)?;
            }
            "fields" => (contract.fields, fields_at) = (list()?, Some(at)),
            "success" => {
                let words = [
                    ("2xx", Success::Any2xx),
                    ("200", Success::Only200),
                    ("2xx with a body", Success::WithBody),
                    ("any answer", Success::AnyAnswer),
                ];
                contract.success = word(&root, spot, &words)?;
            }
            "follow_redirects" => contract.follow_redirects = whole(&root, spot, 100)?,
            "order" => {
                contract.order = word(&root, spot, &[("parallel", Order::Parallel), ("in order", Order::InOrder)])?;
            }
            "signature" => {
                signed_at = at;
                contract.signature = word(&root, spot, &Scheme::ALL.map(|scheme| (scheme.name(), scheme)))?;
            }
            "rotation_overlap" => contract.rotation_overlap = duration(&root, spot)?,
            "retry_after" => contract.retry_after = flag(&root, spot)?,
            "gone_disables" => contract.gone_disables = flag(&root, spot)?,
            "keeps_url" => contract.keeps_url = flag(&root, spot)?,
            "fallback" => contract.fallback = flag(&root, spot)?,
            "url_overrides" => contract.url_overrides = flag(&root, spot)?,
            "timeouts" => {
                let (each, together) = timeouts(&root.table_in(field, at, value)?)?;
                (limits, contract.budget) = (Some(each), together);
            }
            "headers" => contract.headers = headers(&root.table_in(field, at, value)?)?,
            "disable" => contract.disable = disable(&root.table_in(field, at, value)?)?,
            "retry" => {
                for (field, at, value) in texts(&root, spot)? {
                    contract.retries.push(retry(&root.table_in(field, at, value)?)?);
                }
            }
            _ => return Err(root.unknown(field, at, &[&ROOT[..], &["disable"]].concat()).into()),
        }
    }
    let missing = |field: &str, what: &str| root.wrong(field, 0, format!("is missing: {what}"));
    let (name, at) = name.ok_or_else(|| missing("name", "how do scenarios call it?"))?;
    contract.name = name;
    contract.limits = limits.ok_or_else(|| missing("timeouts", "a sender has the table [timeouts]"))?;
    if let Some(at) = fields_at.filter(|_| contract.body == BodyForm::Json) {
        return Err(root.wrong("fields", at, "JSON has all fields".to_owned()).into());
    }
    if contract.signature == Scheme::Didww && contract.body == BodyForm::Json {
        let what = format!("{} signs parameters: the body is a form or a query", contract.signature);
        return Err(root.wrong("signature", signed_at, what).into());
    }
    if contract.signature == Scheme::Dialpad && contract.body != BodyForm::Json {
        let what = "dialpad's token has JSON in it: the body is json".to_owned();
        return Err(root.wrong("signature", signed_at, what).into());
    }
    if contract.method == MethodRule::Get && contract.body != BodyForm::Query {
        return Err(missing("body", "what is got is in the URL: body = \"query\"").into());
    }
    Ok((contract, root.line(at)))
}

/// Those of an attempt, and of all attempts together.
fn timeouts(fields: &Fields<'_>) -> Result<(Limits, Option<Duration>), ProfileError> {
    let (mut connect, mut answer, mut total, mut all_tries) = (None, None, None, None);
    for spot @ (field, at, _) in fields.in_order() {
        let value = || duration(fields, spot).map(Some);
        match field {
            "connect" => connect = value()?,
            "answer" => answer = value()?,
            "total" => total = value()?,
            "all_tries" => all_tries = value()?,
            _ => return Err(fields.unknown(field, at, &["connect", "answer", "total", "all_tries"])),
        }
    }
    let missing = |field| move || fields.wrong(field, fields.starts, "is missing".to_owned());
    let total = total.ok_or_else(missing("total"))?;
    Ok((Limits { connect: connect.unwrap_or(total), answer, total }, all_tries))
}

fn headers(fields: &Fields<'_>) -> Result<Vec<(HeaderName, String)>, ProfileError> {
    let mut headers = Vec::new();
    for spot @ (field, at, _) in fields.in_order() {
        let name = HeaderName::from_bytes(field.as_bytes());
        let name = name.map_err(|_| fields.wrong(field, at, "is no name of a header field".to_owned()))?;
        let value = text(fields, spot)?;
        HeaderValue::from_str(value)
            .map_err(|_| fields.wrong(field, at, format!("{value:?} can't stand in a header field")))?;
        headers.push((name, value.to_owned()));
    }
    Ok(headers)
}

fn disable(fields: &Fields<'_>) -> Result<DisableRule, ProfileError> {
    let mut rule = DisableRule::default();
    let (mut apart, mut among) = (None, None);
    for spot @ (field, at, _) in fields.in_order() {
        match field {
            "after" => rule.after = Some(duration(fields, spot)?),
            "apart" => apart = Some(duration(fields, spot)?),
            "among" => among = Some(duration(fields, spot)?),
            "exhausted" => rule.exhausted = flag(fields, spot)?,
            _ => return Err(fields.unknown(field, at, &["after", "apart", "among", "exhausted"])),
        }
    }
    rule.clock = apart.zip(among);
    match (apart, among) {
        (Some(_), None) => Err(fields.wrong("among", fields.starts, "is missing beside apart".to_owned())),
        (None, Some(_)) => Err(fields.wrong("apart", fields.starts, "is missing beside among".to_owned())),
        (Some(apart), Some(among)) if apart > among => {
            Err(fields.wrong("apart", fields.starts, "is longer than among: no two failures lie so".to_owned()))
        }
        _ => Ok(rule),
    }
}

const RETRY: [&str; 9] = ["on", "waits", "first", "factor", "most", "step", "jitter", "retries", "within"];

fn retry(fields: &Fields<'_>) -> Result<RetryRule, ProfileError> {
    let (mut on, mut waits, mut first, mut step, mut most) = (None, None, None, None, None);
    let (mut factor, mut jitter, mut retries, mut within) = (2.0, Jitter::None, None, None);
    for spot @ (field, at, value) in fields.in_order() {
        match field {
            "on" => on = Some(failures(fields, spot)?),
            "waits" => {
                let list: Result<Vec<Duration>, _> =
                    texts(fields, spot)?.into_iter().map(|item| duration(fields, item)).collect();
                waits = Some(list?);
            }
            "first" => first = Some(duration(fields, spot)?),
            "factor" => factor = fields.number(field, at, value, (1.0, 100.0))?,
            "most" => most = Some(duration(fields, spot)?),
            "step" => step = Some(duration(fields, spot)?),
            "jitter" => {
                let words = [("none", Jitter::None), ("half", Jitter::Half), ("full", Jitter::Full)];
                jitter = word(fields, spot, &words)?;
            }
            "retries" => retries = Some(whole(fields, spot, 1_000_000)?),
            "within" => within = Some(duration(fields, spot)?),
            _ => return Err(fields.unknown(field, at, &RETRY)),
        }
    }
    let wrong = |field: &str, what: &str| fields.wrong(field, fields.starts, what.to_owned());
    let on = on.ok_or_else(|| wrong("on", "is missing: which failures are tried again?"))?;
    let longest = most.unwrap_or(Duration::from_secs(u64::from(u32::MAX)));
    let waits = match (waits, first, step) {
        (Some(waits), None, None) => Waits::List(waits),
        (None, Some(first), None) => Waits::Exponential { first, factor, most: longest },
        (None, None, Some(step)) => Waits::Linear { step, most: longest },
        _ => return Err(wrong("waits", "there must be one of waits, first and step")),
    };
    let schedule = Schedule { waits, jitter, retries, within };
    if !schedule.ends() {
        return Err(wrong("within", "is missing, and so is retries: this goes on for ever"));
    }
    Ok(RetryRule { on, schedule })
}

fn failures(fields: &Fields<'_>, spot: Spot<'_>) -> Result<Vec<Failure>, ProfileError> {
    let singles: Vec<[Failure; 1]> = Failure::ALL.iter().map(|failure| [*failure]).collect();
    let mut words: Vec<(&str, &[Failure])> =
        singles.iter().map(|single| (single[0].name(), single.as_slice())).collect();
    words.extend([("connection", &Failure::CONNECTION[..]), ("all", &Failure::ALL[..])]);
    let mut named = Vec::new();
    for item in texts(fields, spot)? {
        named.extend_from_slice(word(fields, item, &words)?);
    }
    Ok(named)
}

#[cfg(test)]
mod tests;
