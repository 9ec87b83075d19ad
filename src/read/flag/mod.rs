//! A file in, its feature flags out: per flag what an untargeted user gets, and the path that decides it.

mod appconfig;
mod configcat;
pub mod decide;
mod declared;
mod firebase;
mod flagd;
mod flagsmith;
mod flipper;
mod flipt;
mod gitlab;
mod goff;
mod growthbook;
mod jsonlogic;
mod kubernetes;
mod launchdarkly;
mod lifecycle;
mod manifest;
mod map;
mod microsoft;
mod registry;
mod scope;
mod sniff;
mod terraform;
mod unleash;
mod worth;

use std::collections::BTreeMap;

use serde::Serialize;

use super::Unread;
use super::toml;
use super::tree::{self, Node, Syntax};
use crate::settings::FlagSource;
use crate::source::{FileId, Place, Span};
use decide::{Decision, resolve};
pub use registry::is_code;
pub use scope::{is_production, is_shipped, of_path};
pub use sniff::claims;

/// What an untargeted user gets.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    Off,
    /// Off, but some users are targeted with on.
    OffTargeted,
    /// On for this share of all users.
    Partial {
        percent: f64,
    },
    /// On for everyone from a day that has not come.
    Scheduled {
        from: String,
    },
    On,
    /// The fallback that the code passes decides.
    CodeDefault,
    /// Serves texts, numbers or objects.
    NotBoolean,
    /// Could not be told.
    Unknown,
}

impl State {
    pub fn describe(&self) -> String {
        match self {
            State::Off => "off".to_owned(),
            State::OffTargeted => "off except for targeted users".to_owned(),
            State::Partial { percent } => format!("on for {percent} %"),
            State::Scheduled { from } => format!("on for everyone from {from}"),
            State::On => "on for everyone".to_owned(),
            State::CodeDefault => "left to the code's fallback".to_owned(),
            State::NotBoolean => "not a boolean".to_owned(),
            State::Unknown => "unknown".to_owned(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    Flagd,
    OpenFeatureManifest,
    Flipt,
    GoFeatureFlag,
    GitLab,
    Unleash,
    LaunchDarkly,
    Terraform,
    Microsoft,
    Firebase,
    AppConfig,
    GrowthBook,
    Flagsmith,
    ConfigCat,
    Flipper,
    Waffle,
    LifecycleList,
    /// A map named after feature flags, or a file of booleans that is.
    Map,
    /// An object literal in code.
    Registry,
    /// Named by the policy.
    Declared,
}

impl Format {
    /// As a person says it.
    pub fn title(self) -> &'static str {
        match self {
            Format::Flagd => "flagd",
            Format::OpenFeatureManifest => "OpenFeature manifest",
            Format::Flipt => "Flipt",
            Format::GoFeatureFlag => "GO Feature Flag",
            Format::GitLab => "GitLab-style flag file",
            Format::Unleash => "Unleash",
            Format::LaunchDarkly => "LaunchDarkly",
            Format::Terraform => "Terraform",
            Format::Microsoft => "Microsoft FeatureManagement",
            Format::Firebase => "Firebase Remote Config",
            Format::AppConfig => "AWS AppConfig",
            Format::GrowthBook => "GrowthBook",
            Format::Flagsmith => "Flagsmith",
            Format::ConfigCat => "ConfigCat",
            Format::Flipper => "Flipper",
            Format::Waffle => "django-waffle",
            Format::LifecycleList => "feature list with stages",
            Format::Map => "map of flags",
            Format::Registry => "flag registry in code",
            Format::Declared => "declared flag source",
        }
    }
}

/// What the flag is for, told by a declared field, never by its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    Release,
    /// Kill switches, permissions and the like: on is their normal state. With the declared type.
    Operational(String),
    /// Its stage says whether it may be on. With the stage.
    Lifecycle(String),
}

/// Something that makes the definition mean other than it says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Flaw {
    pub kind: FlawKind,
    pub place: Place,
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FlawKind {
    /// Refers to a variant, variation or segment that is not there.
    Undefined,
    /// An unquoted `on`, `off`, `yes` or `no`.
    AmbiguousBoolean,
    DuplicateKey,
    /// The way that should serve off serves on.
    OffServesOn,
}

/// One flag in one environment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Flag {
    pub key: String,
    pub format: Format,
    /// Empty when nothing names one.
    pub environment: String,
    /// Its name.
    pub place: Place,
    pub state: State,
    /// What decides the state.
    pub decided_at: Place,
    /// `defaultVariant is \`on\``.
    pub reason: String,
    /// What to write over `decided_at` so that it is off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub off: Option<String>,
    /// Paths on which targeted users get on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reach: Vec<String>,
    /// The default is on, and every rule serves on too.
    pub moot: bool,
    pub purpose: Purpose,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub flaws: Vec<Flaw>,
    /// Declared fields with plain texts: owner, expiry, description.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
    /// The definition without its name, to know a rename by.
    #[serde(skip)]
    pub body: String,
}

/// The flags of one file.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct FlagFile {
    pub flags: Vec<Flag>,
    pub unread: Vec<Unread>,
}

/// What every format's reader works on.
pub(crate) struct Reading<'a> {
    pub path: &'a str,
    pub text: &'a str,
    pub source: FileId,
    /// `YYYY-MM-DD`.
    pub today: &'a str,
    /// What the path says.
    pub environment: String,
    pub file: FlagFile,
}

/// One flag before it is resolved.
pub(crate) struct Draft<'n> {
    pub format: Format,
    pub name: &'n Node,
    pub key: String,
    /// Empty: the path's.
    pub environment: String,
    pub decision: Decision,
    pub purpose: Purpose,
    pub flaws: Vec<Flaw>,
    /// The definition.
    pub body: &'n Node,
}

impl<'n> Draft<'n> {
    pub fn new(format: Format, name: &'n Node, body: &'n Node, decision: Decision) -> Self {
        let key = name.as_str().unwrap_or_default().to_owned();
        Draft { format, name, key, environment: String::new(), decision, purpose: Purpose::Release, flaws: Vec::new(), body }
    }
}

impl Reading<'_> {
    pub fn place(&self, span: Span) -> Place {
        Place { file: self.source, span }
    }

    pub fn unread(&mut self, span: Span, reason: impl Into<String>) {
        let place = Some(self.place(span));
        self.file.unread.push(Unread { path: self.path.to_owned(), place, reason: reason.into() });
    }

    pub fn flaw(&self, kind: FlawKind, span: Span, message: impl Into<String>) -> Flaw {
        Flaw { kind, place: self.place(span), message: message.into() }
    }

    pub fn push(&mut self, draft: Draft<'_>) {
        let resolved = resolve(&draft.decision, self.today);
        let environment = if draft.environment.is_empty() { self.environment.clone() } else { draft.environment };
        let mut flaws = draft.flaws;
        for (first, again) in draft.body.duplicates().into_iter().take(5) {
            let key = first.as_str().unwrap_or_default();
            flaws.push(self.flaw(FlawKind::DuplicateKey, again.span, format!("`{key}` is written twice; most readers take the last")));
        }
        let yaml = self.path.ends_with(".yaml") || self.path.ends_with(".yml");
        if let Some(word) = ambiguous(draft.body).filter(|_| yaml) {
            let text = word.as_str().unwrap_or_default();
            let message = format!("the unquoted `{text}` is a boolean to YAML 1.1 readers and a text to YAML 1.2 readers");
            flaws.push(self.flaw(FlawKind::AmbiguousBoolean, word.span, message));
        }
        self.file.flags.push(Flag {
            key: draft.key,
            format: draft.format,
            environment,
            place: self.place(draft.name.span),
            state: resolved.state,
            decided_at: self.place(resolved.span),
            reason: resolved.reason,
            off: resolved.off,
            reach: resolved.reach,
            moot: resolved.moot,
            purpose: draft.purpose,
            flaws,
            fields: fields(draft.body),
            body: draft.body.span.text(self.text).split_whitespace().collect::<Vec<_>>().join(" "),
        });
    }
}

/// Plain texts of the definition and of its `metadata`, by key.
fn fields(body: &Node) -> BTreeMap<String, String> {
    let nested = ["metadata", "_deprecation", "custom_properties"].iter().filter_map(|key| body.get(key)).flat_map(Node::entries);
    let texts = body.entries().iter().chain(nested).filter_map(|(key, value)| Some((key.as_str()?, value.as_str()?)));
    texts.filter(|(_, value)| value.len() <= 200).map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// Types that are on by nature, as the formats' documentation names them.
pub(crate) fn purpose(declared: Option<&str>) -> Purpose {
    match declared {
        Some(kind)
            if [
                "ops",
                "operational",
                "kill-switch",
                "kill_switch",
                "killswitch",
                "permission",
                "licensed",
                "circuit_breaker",
                "opt_out",
            ]
            .contains(&kind.to_ascii_lowercase().as_str()) =>
        {
            Purpose::Operational(kind.to_owned())
        }
        _ => Purpose::Release,
    }
}

/// Reads the flags of one file. Nothing that looks like a flag and cannot be understood is left out of `unread`.
pub fn read_flags(path: &str, text: &str, source: FileId, declared: &[FlagSource], today: &str) -> FlagFile {
    let mut reading = Reading { path, text, source, today, environment: scope::of_path(path), file: FlagFile::default() };
    if path.ends_with(".tf") {
        terraform::read(&mut reading);
        return reading.file;
    }
    if path.ends_with(".toml") {
        match toml::parse(text) {
            Ok(root) => goff::read(&mut reading, &root),
            Err((span, message)) => reading.unread(span, format!("it does not parse: {message}")),
        }
        return reading.file;
    }
    if registry::is_code(path) {
        registry::read(&mut reading);
        return reading.file;
    }
    let syntax = Syntax::of(path, text);
    let tree = tree::parse(text, syntax);
    for (span, message) in &tree.errors {
        reading.unread(*span, format!("it does not parse: {message}"));
    }
    let source = declared.iter().find(|source| source.matches(path));
    for document in &tree.documents {
        match source {
            Some(source) => declared::read(&mut reading, document, source),
            None => document_flags(&mut reading, document),
        }
    }
    last_wins(&mut reading.file.flags);
    // A file that does not parse, has no flag and is not called after flags is some other file.
    let name = path.to_ascii_lowercase();
    let named = ["flag", "feature", "toggle", "appsettings", "remoteconfig"].iter().any(|word| name.contains(word));
    if reading.file.flags.is_empty() && !named && source.is_none() {
        reading.file.unread.clear();
    }
    reading.file
}

/// Of a flag that is defined twice, the last definition counts, as loaders have it; it says so.
fn last_wins(flags: &mut Vec<Flag>) {
    let mut last: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut dropped = vec![false; flags.len()];
    for (at, flag) in flags.iter_mut().enumerate() {
        if let Some(first) = last.insert((flag.environment.clone(), flag.key.clone()), at) {
            dropped[first] = true;
            let message = "the whole flag is defined twice in this file; most readers take the last".to_owned();
            let place = flag.place;
            flag.flaws.push(Flaw { kind: FlawKind::DuplicateKey, place, message });
        }
    }
    let mut dropped = dropped.into_iter();
    flags.retain(|_| !dropped.next().unwrap_or(false));
}

/// The first unquoted word below a node that YAML 1.1 and 1.2 read differently.
fn ambiguous(node: &Node) -> Option<&Node> {
    // Single letters are left: they are names of axes and people more often than answers.
    if node.yaml11_bool().is_some() {
        return node.as_str().is_some_and(|word| word.len() > 1).then_some(node);
    }
    let entries = node.entries().iter().find_map(|(key, value)| ambiguous(key).or_else(|| ambiguous(value)));
    entries.or_else(|| node.items().iter().find_map(ambiguous))
}

fn document_flags(reading: &mut Reading<'_>, root: &Node) {
    match sniff::format(root, reading.path) {
        None => map::maps(root, reading.path).into_iter().for_each(|map| map::read(reading, map)),
        Some(sniff::Shape::Kubernetes) => kubernetes::read(reading, root),
        Some(sniff::Shape::Flags(format)) => match format {
            Format::Flagd => flagd::read(reading, root),
            Format::OpenFeatureManifest => manifest::read(reading, root),
            Format::Flipt => flipt::read(reading, root),
            Format::GoFeatureFlag => goff::read(reading, root),
            Format::GitLab => gitlab::read(reading, root),
            Format::Unleash => unleash::read(reading, root),
            Format::LaunchDarkly => launchdarkly::read(reading, root),
            Format::Microsoft => microsoft::read(reading, root),
            Format::Firebase => firebase::read(reading, root),
            Format::AppConfig => appconfig::read(reading, root),
            Format::GrowthBook => growthbook::read(reading, root),
            Format::Flagsmith => flagsmith::read(reading, root),
            Format::ConfigCat => configcat::read(reading, root),
            Format::Flipper => flipper::read(reading, root),
            Format::Waffle => flipper::read_waffle(reading, root),
            Format::LifecycleList => lifecycle::read(reading, root),
            Format::Terraform | Format::Map | Format::Registry | Format::Declared => {}
        },
    }
}
