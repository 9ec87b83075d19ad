//! Where a file uses a table, a view, an enum value, a function or a flag.

use super::column::NEAR;
use super::mention::{File, around, maps, names_model};
use super::{Access, Found, Grade};
use crate::usage::language::LANGUAGES;
use crate::usage::plan::{Hit, Prepared};
use crate::usage::sql::Verb;
use crate::usage::{Target, TargetKind};

pub fn table(file: &File, target: &Prepared, want: &Target) -> Vec<Found> {
    let mut found = Vec::new();
    let name = &want.name;
    let mut push = |grade, access, at, sql, why: String| found.push(Found { grade, access, at, sql, why });
    for statement in &file.statements {
        let (grade, access) = match statement.verb {
            Verb::Define => (Grade::Possible, Access::Unknown),
            Verb::Read | Verb::Call => (Grade::Certain, Access::Read),
            Verb::Insert | Verb::Update | Verb::Delete => (Grade::Certain, Access::Write),
        };
        for used in statement.tables.iter().filter(|used| target.is_table(&used.name)) {
            push(grade, access, used.at, LANGUAGES[file.language].sql, format!("an SQL statement names {name}"));
        }
    }
    for block in file.blocks.blocks.iter().filter(|block| maps(block, target)) {
        let grade = if block.marked || block.table.is_some() { Grade::Certain } else { Grade::Likely };
        push(grade, Access::ReadWrite, block.at, false, format!("{} maps to {name}", block.name));
    }
    for mention in file.blocks.mentions.iter().filter(|mention| target.is_table(&mention.table)) {
        push(Grade::Certain, Access::Unknown, mention.at, false, format!("queries {name}"));
    }
    for hit in file.hits_of(&target.tables).chain(file.hits_of(&[target.name])) {
        let after = &file.text[hit.end..];
        let capital = file.text[hit.start..].starts_with(|c: char| c.is_ascii_uppercase());
        let quoted = file.scan.region(hit.start).is_some();
        let model = !quoted && (capital && (after.starts_with('.') || after.starts_with("::")) || names_model(file, hit) && !capital);
        // A partition helper, a cast to regclass: the statement finds the table by this text.
        let literal = file.text[..hit.start].ends_with('\'') && after.starts_with('\'');
        let told = literal && file.statement_at(hit.start).is_some_and(|statement| statement.verb != Verb::Define);
        // `const EVENTS_TABLE = "schema_events"`, to be put into a statement elsewhere.
        // In a class that is mapped to the table it is the mapping, which is told already.
        let mapping = file.blocks.around(hit.start).any(|block| maps(block, target));
        let called_table = || line_around(file.text, hit).any(|part| part.to_ascii_lowercase().contains("table"));
        let as_table = quoted && !mapping && file.stands_alone(hit) && called_table();
        let (grade, why) = match (model, told || as_table) {
            (true, _) => (Grade::Likely, format!("uses the model of {name}")),
            (_, true) => (Grade::Likely, format!("a text that is the name {name}")),
            _ => (Grade::Possible, "the bare word".to_owned()),
        };
        push(grade, Access::Unknown, hit.start, false, why);
    }
    found
}

/// What stands before and after a mention on its line.
fn line_around<'a>(text: &'a str, hit: &Hit) -> impl Iterator<Item = &'a str> {
    [text[..hit.start].rsplit('\n').next(), text[hit.end..].split('\n').next()].into_iter().flatten()
}

pub fn enum_value(file: &File, target: &Prepared, want: &Target) -> Vec<Found> {
    let of = want.table.as_deref().unwrap_or("its type");
    let weigh = |hit: &Hit| {
        if file.blocks.around(hit.start).any(|block| target.is_table(&block.name))
            || file.receiver(hit.start).is_some_and(|r| target.is_table(r))
        {
            return (Grade::Certain, format!("a value of {of}"));
        }
        let (start, end) = around(&file.scan.uncommented, hit.start);
        let same = file.hits_between(&target.tables, start, end).next().is_some();
        let in_sql = file.statement_at(hit.start).is_some_and(|statement| statement.verb != Verb::Define);
        let near = file.hits_between(&target.tables, hit.start.saturating_sub(NEAR), hit.start + NEAR).next().is_some();
        match (same, near, in_sql || file.is_member(hit)) {
            (true, _, true) => (Grade::Certain, format!("in one statement with {of}")),
            (_, true, true) => (Grade::Likely, format!("near {of}")),
            _ => (Grade::Possible, "the bare word".to_owned()),
        }
    };
    let words = [target.name];
    let found = file.hits_of(&words).map(|hit| {
        let (grade, why) = weigh(hit);
        Found { grade, access: Access::Unknown, at: hit.start, sql: LANGUAGES[file.language].sql, why }
    });
    found.collect()
}

/// Functions and types of the database, and flags: called or cast to in SQL, or named by a whole string.
pub fn named(file: &File, target: &Prepared, want: &Target) -> Vec<Found> {
    let flag = want.kind == TargetKind::Flag;
    let weigh = |hit: &Hit| {
        let statement = file.statement_at(hit.start).filter(|statement| statement.verb != Verb::Define);
        let called = file.text[hit.end..].trim_start_matches('"').trim_start().starts_with('(');
        let exact = file.scan.region(hit.start).is_some() && file.stands_alone(hit);
        // The database knows them by their own spelling only.
        let spelled = file.text[hit.start..hit.end].eq_ignore_ascii_case(&want.name);
        match statement {
            Some(_) if want.kind == TargetKind::Type && spelled => (Grade::Certain, "a type in SQL"),
            Some(statement) if called || statement.verb == Verb::Call => (Grade::Certain, "called in SQL"),
            _ if flag && exact => (Grade::Certain, "names the flag"),
            _ if exact && spelled => (Grade::Likely, "a string that is exactly the name"),
            _ if flag || (called && want.kind == TargetKind::Routine && file.receiver(hit.start).is_some()) => {
                (Grade::Likely, "a member of this name")
            }
            _ => (Grade::Possible, "the bare word"),
        }
    };
    let words = [target.name];
    let found = file.hits_of(&words).map(|hit| {
        let (grade, why) = weigh(hit);
        Found { grade, access: Access::Unknown, at: hit.start, sql: LANGUAGES[file.language].sql, why: why.to_owned() }
    });
    found.collect()
}
