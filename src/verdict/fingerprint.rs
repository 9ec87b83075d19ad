//! Names a finding so that it stays the same finding when lines move: rule, path, subject and the text under it in, 16 hex digits out.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use crate::finding::Finding;
use crate::source::SourceMap;

/// Sets the fingerprint of each finding. Equal findings in one file are numbered in order.
pub fn assign(findings: &mut [Finding], sources: &SourceMap) {
    let mut seen: HashMap<String, usize> = HashMap::new();
    for finding in findings {
        let text = finding.place.map(|place| sources.snippet(place)).unwrap_or_default();
        let words: Vec<&str> = text.split_whitespace().collect();
        let subject = &finding.subject;
        let key = format!(
            "{}\0{}\0{:?}\0{}\0{}\0{}",
            finding.rule,
            finding.path,
            subject.kind,
            subject.table.as_deref().unwrap_or_default(),
            subject.name,
            words.join(" ")
        );
        let count = seen.entry(key.clone()).or_default();
        let digest = Sha256::digest(format!("{key}\0{count}"));
        *count += 1;
        finding.fingerprint = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    }
}
