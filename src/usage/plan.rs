//! What to search for, prepared once: targets in, one automaton over every spelling of their names and tables out.

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, AhoCorasickKind};

use super::{Target, TargetKind, spell};

/// Mentions weighed in one file.
const MAX_HITS: usize = 50_000;

/// Bytes of patterns whose full table takes some megabytes.
const MAX_DFA_BYTES: usize = 64 * 1024;

#[derive(Debug)]
pub struct Word {
    pub parts: Vec<String>,
    /// Names a table or model, not a column.
    pub model: bool,
}

#[derive(Debug)]
pub struct Prepared {
    pub name: usize,
    /// Words that stand for the table: itself and its model.
    pub tables: Vec<usize>,
    /// Names of the table without separators, lower case.
    pub table_keys: Vec<String>,
    /// Lower case, as SQL has it.
    pub sql_name: String,
}

#[derive(Debug)]
pub struct Plan {
    pub matcher: AhoCorasick,
    /// Words a pattern stands for.
    pub uses: Vec<Vec<usize>>,
    pub words: Vec<Word>,
    pub targets: Vec<Prepared>,
}

#[derive(Debug, Clone, Copy)]
pub struct Hit {
    pub word: usize,
    pub start: usize,
    pub end: usize,
}

impl Prepared {
    /// Whether a table or model name of code is this table: `OrderItem`, `order_items`, `OrderItemEntity`, `NewOrderItem`.
    pub fn is_table(&self, spelled: &str) -> bool {
        let key = squash(spelled);
        let bare = ["entity", "model", "record", "row", "schema"].iter().find_map(|end| key.strip_suffix(end));
        let old = ["new", "insertable", "update"].iter().find_map(|start| key.strip_prefix(start));
        [Some(key.as_str()), bare, old].into_iter().flatten().any(|key| self.table_keys.iter().any(|table| table == key))
    }
}

fn squash(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

impl Plan {
    /// Fails when the names do not fit an automaton, which only happens past its limits of memory.
    pub fn new(targets: &[Target]) -> Result<Plan, aho_corasick::BuildError> {
        let mut words: Vec<Word> = Vec::new();
        let mut word = |name: &str, model: bool| {
            let parts = spell::parts(name);
            let known = words.iter().position(|word| word.parts == parts && word.model == model);
            known.unwrap_or_else(|| {
                words.push(Word { parts, model });
                words.len() - 1
            })
        };
        let prepared = targets
            .iter()
            .map(|target| {
                let relation = matches!(target.kind, TargetKind::Table | TargetKind::View);
                let table = if relation { Some(&target.name) } else { target.table.as_ref() };
                let mut names: Vec<String> =
                    table.into_iter().flat_map(|table| [table.clone(), spell::singular(&spell::parts(table).join("_"))]).collect();
                names.dedup();
                Prepared {
                    name: word(&target.name, relation),
                    tables: names.iter().map(|name| word(name, true)).collect(),
                    table_keys: names.iter().map(|name| squash(name)).collect(),
                    sql_name: target.name.to_ascii_lowercase(),
                }
            })
            .collect();
        let mut patterns: Vec<String> = Vec::new();
        let mut uses: Vec<Vec<usize>> = Vec::new();
        for (id, word) in words.iter().enumerate() {
            for pattern in spell::patterns(&word.parts.join("_")) {
                match patterns.iter().position(|known| *known == pattern) {
                    Some(known) => uses[known].push(id),
                    None => {
                        patterns.push(pattern);
                        uses.push(vec![id]);
                    }
                }
            }
        }
        // The fastest automaton, where its tables stay small.
        let small = patterns.iter().map(String::len).sum::<usize>() < MAX_DFA_BYTES;
        let kind = small.then_some(AhoCorasickKind::DFA);
        let matcher = AhoCorasickBuilder::new().ascii_case_insensitive(true).kind(kind).build(&patterns)?;
        Ok(Plan { matcher, uses, words, targets: prepared })
    }

    /// Whole-word occurrences of every word, in order of place.
    pub fn hits(&self, text: &str) -> Vec<Hit> {
        let mut hits = Vec::new();
        for found in self.matcher.find_overlapping_iter(text) {
            if hits.len() >= MAX_HITS {
                break;
            }
            for &word in &self.uses[found.pattern().as_usize()] {
                let is = &self.words[word];
                if spell::is_whole(text, found.start(), found.end(), &is.parts, is.model) {
                    hits.push(Hit { word, start: found.start(), end: found.end() });
                }
            }
        }
        hits.sort_by_key(|hit| (hit.start, hit.word));
        hits
    }
}
