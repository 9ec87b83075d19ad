//! Base and head from flags, CI variables or a hook's input: words and environment in, two revisions and the reason out.

use std::collections::BTreeMap;
use std::path::PathBuf;

#[derive(Debug, Clone, Default)]
pub struct Request {
    pub path: PathBuf,
    pub base: Option<String>,
    pub head: Option<String>,
    pub deployed: Option<String>,
    pub env: BTreeMap<String, String>,
}
