//! Weighs every mention of a target in one file: a path and text in, graded references out. Pure.

use super::block::{self, Block, Blocks};
use super::language::LANGUAGES;
use super::place::FileClass;
use super::plan::{Hit, Plan, Prepared};
use super::scan::{self, Kind, Scan};
use super::sql::{self, Statement, Verb};
use super::{Access, Grade, Interest, Reference, SourceKind, Target, TargetKind};
use crate::source::LineIndex;

/// The table's name this many bytes around a member makes it likely.
const NEAR: usize = 800;
/// Receivers that say nothing of what they hold.
const NEUTRAL: &[&str] = &[
    "self",
    "this",
    "it",
    "row",
    "record",
    "obj",
    "object",
    "data",
    "attributes",
    "attrs",
    "params",
    "item",
    "item",
    "model",
    "entity",
    "instance",
    "result",
    "res",
    "rec",
    "input",
    "args",
    "values",
    "fields",
    "schema",
    "changeset",
    "dto",
];
/// Names so common that being near the table proves little.
const GENERIC: &[&str] = &[
    "id",
    "name",
    "type",
    "status",
    "state",
    "email",
    "title",
    "value",
    "key",
    "data",
    "code",
    "date",
    "count",
    "url",
    "position",
    "description",
    "created_at",
    "updated_at",
    "deleted_at",
    "user_id",
    "kind",
    "role",
    "active",
    "enabled",
    "label",
    "text",
    "content",
    "body",
    "slug",
    "version",
];

struct File<'a> {
    text: &'a str,
    language: usize,
    scan: Scan,
    /// Outside comments.
    hits: Vec<Hit>,
    blocks: Blocks,
    /// With offsets of the file.
    statements: Vec<Statement>,
}

struct Found {
    grade: Grade,
    access: Access,
    at: usize,
    sql: bool,
    why: String,
}

pub fn references(plan: &Plan, targets: &[Target], path: &str, text: &str, language: usize, class: FileClass) -> Vec<Reference> {
    let mut hits = plan.hits(text);
    if hits.is_empty() {
        return Vec::new();
    }
    let mut seen = vec![false; plan.words.len()];
    hits.iter().for_each(|hit| seen[hit.word] = true);
    let relevant = |target: &Prepared, want: &Target| {
        let table = target.tables.iter().any(|word| seen[*word]);
        seen[target.name] || (table && matches!(want.kind, TargetKind::Column | TargetKind::Table | TargetKind::View))
    };
    if !plan.targets.iter().zip(targets).any(|(target, want)| relevant(target, want)) {
        return Vec::new();
    }
    let scan = scan::scan(text, &LANGUAGES[language]);
    hits.retain(|hit| scan.region(hit.start).is_none_or(|region| region.kind != Kind::Comment));
    let near_table = plan.targets.iter().any(|target| target.tables.iter().any(|word| seen[*word]));
    let blocks = if near_table { block::blocks(&scan, language) } else { Blocks::default() };
    let statements = statements(text, &scan, language);
    let file = File { text, language, scan, hits, blocks, statements };
    let mut all = Vec::new();
    let lines = LineIndex::new(text);
    for (target, want) in plan.targets.iter().zip(targets).filter(|(target, want)| relevant(target, want)) {
        let mut found = match (want.kind, want.interest) {
            (TargetKind::Column, Interest::WritersOmitting) => writers(&file, target, want),
            (TargetKind::Column, Interest::AnyReference) => column(&file, target, want),
            (TargetKind::Table | TargetKind::View, _) => table(&file, target, want),
            (TargetKind::EnumValue, _) => enum_value(&file, target, want),
            (TargetKind::Routine | TargetKind::Flag, _) => named(&file, target, want),
        };
        found.sort_by_key(|found| (found.at, std::cmp::Reverse(found.grade)));
        found.dedup_by_key(|found| lines.line_of(found.at));
        all.extend(found.into_iter().map(|found| reference(want.id, path, text, &lines, class, found)));
    }
    all
}

fn reference(target: usize, path: &str, text: &str, lines: &LineIndex, class: FileClass, found: Found) -> Reference {
    let position = lines.position(text, found.at);
    let line = lines.line_span(text, position.line - 1).text(text).trim();
    let (source_kind, grade, why) = match class {
        // A mirror of the database lists every column whether or not anything uses it.
        FileClass::Schema { kind, live: false } => {
            (SourceKind::GeneratedSchema(kind), Grade::Possible, format!("{}; {kind} only mirrors the database", found.why))
        }
        FileClass::Schema { kind, live: true } => (SourceKind::GeneratedSchema(kind), found.grade, found.why),
        _ => (if found.sql { SourceKind::Sql } else { SourceKind::Code }, found.grade, found.why),
    };
    let (line_number, column) = (position.line, position.column);
    let text = line.chars().take(200).collect();
    Reference { target, grade, access: found.access, source_kind, path: path.to_owned(), line: line_number, column, text, why }
}

fn statements(text: &str, scan: &Scan, language: usize) -> Vec<Statement> {
    let groups = if LANGUAGES[language].sql { vec![(0, scan.uncommented.clone())] } else { sql::groups(text, &scan.regions) };
    let mut all = Vec::new();
    for (offset, joined) in groups {
        for mut statement in sql::statements(&joined) {
            statement.start += offset;
            statement.end += offset;
            statement.tables.iter_mut().for_each(|table| table.at += offset);
            statement.stars.iter_mut().for_each(|star| star.at += offset);
            statement.inserts.iter_mut().for_each(|insert| insert.at += offset);
            statement.set = statement.set.map(|(start, end)| (start + offset, end + offset));
            all.push(statement);
        }
    }
    all
}

impl File<'_> {
    fn hits_of(&self, words: &[usize]) -> impl Iterator<Item = &Hit> {
        self.hits.iter().filter(move |hit| words.contains(&hit.word))
    }

    fn hits_between(&self, words: &[usize], from: usize, to: usize) -> impl Iterator<Item = &Hit> {
        let (first, last) = (self.hits.partition_point(|hit| hit.start < from), self.hits.partition_point(|hit| hit.start < to));
        self.hits[first..last.max(first)].iter().filter(move |hit| words.contains(&hit.word))
    }

    fn statement_at(&self, at: usize) -> Option<&Statement> {
        let next = self.statements.partition_point(|statement| statement.start <= at);
        next.checked_sub(1).map(|i| &self.statements[i]).filter(|statement| at < statement.end)
    }

    /// The class around a place that is mapped to the table; `Err` when the class is another table's.
    fn mapped_block(&self, at: usize, target: &Prepared) -> Result<Option<&Block>, ()> {
        for block in self.blocks.around(at) {
            match &block.table {
                Some(table) if target.is_table(table) => return Ok(Some(block)),
                Some(_) => return Err(()),
                None if target.is_table(&block.name) => return Ok(Some(block)),
                None if block.marked && block.name != "Meta" => return Err(()),
                None => {}
            }
        }
        Ok(None)
    }

    /// The identifier before `.`, `::` or `->` in front of a place.
    fn receiver(&self, at: usize) -> Option<&str> {
        let before = self.text.get(..at)?;
        let before = before.trim_end_matches('"');
        let dots = ["?.", "&.", "!!.", "!.", ".", "::", "->"].iter().find_map(|dot| before.strip_suffix(dot))?;
        let dots = dots.trim_end_matches([')', '(', ']', '"']);
        let length = dots.bytes().rev().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
        dots.get(dots.len() - length..)
    }

    /// Whether a word in a string is all of it, or a part between quotes, colons and dots: `db:"email"`, `users.email`.
    fn stands_alone(&self, hit: &Hit) -> bool {
        let bytes = self.text.as_bytes();
        let edge =
            |b: Option<&u8>| b.is_none_or(|b| matches!(b, b'"' | b'\'' | b'`' | b':' | b'.' | b'=' | b',' | b'[' | b']' | b'-' | b';'));
        edge(hit.start.checked_sub(1).and_then(|i| bytes.get(i))) && edge(bytes.get(hit.end))
    }

    /// Used as a member, symbol, key or quoted name: not a local variable or prose.
    fn is_member(&self, hit: &Hit) -> bool {
        if self.scan.region(hit.start).is_some() {
            return self.stands_alone(hit);
        }
        let before = self.text[..hit.start].trim_end_matches('_');
        let after = self.text[hit.end..].trim_start_matches('?');
        let key = after.starts_with(':') && !after.starts_with("::") || after.trim_start().starts_with("=>");
        let accessor = self.text[..hit.start].ends_with(|c: char| c.is_ascii_lowercase());
        before.ends_with(['.', ':', '@']) || before.ends_with("->") || key || accessor
    }
}

/// The text of the statement around a place: over brackets and continued lines, not over blocks of code.
fn around(code: &str, at: usize) -> (usize, usize) {
    let bytes = code.as_bytes();
    let continues = |line: &str| {
        line.trim_start().starts_with(['.', ')', ']', '|']) || line.trim_start().starts_with("->") || line.trim_start().starts_with("?.")
    };
    let open_ended = |line: &str| line.trim_end().ends_with([',', '(', '[', '.', '|', '\\', '=', '+']) || line.trim_end().ends_with("->");
    let line_end = |i: usize| bytes[i..].iter().position(|b| *b == b'\n').map_or(bytes.len(), |n| i + n);
    let line_start = |i: usize| bytes[..i].iter().rposition(|b| *b == b'\n').map_or(0, |n| n + 1);
    let (mut start, mut end) = (line_start(at), line_end(at));
    let balance = |start: usize, to: usize| {
        bytes[start..to]
            .iter()
            .fold(0i32, |depth, b| depth + i32::from(matches!(b, b'(' | b'[' | b'{')) - i32::from(matches!(b, b')' | b']' | b'}')))
    };
    for _ in 0..12 {
        let Some(previous) = start.checked_sub(1) else { break };
        let (from, line, own) = (line_start(previous), &code[line_start(previous)..previous], &code[start..end.min(line_end(start))]);
        let body = line.trim_end().ends_with("=> {") || line.trim_end().ends_with(") {") || line.trim_end().ends_with(';');
        let object = line.trim_end().ends_with('{') && !body;
        let unopened = balance(start, at) < 0;
        if body || !(continues(own) || open_ended(line) || object && line.contains('(') || unopened) {
            break;
        }
        start = from;
    }
    for _ in 0..12 {
        let next = end + 1;
        if next >= bytes.len() || code[start..end].trim_end().ends_with([';', '{']) && balance(start, end) <= 0 {
            break;
        }
        let line = &code[next..line_end(next)];
        if !(continues(line) || open_ended(&code[start..end]) || balance(start, end) > 0) {
            break;
        }
        end = line_end(next);
    }
    (start, end)
}

fn column(file: &File, target: &Prepared, want: &Target) -> Vec<Found> {
    let table = want.table.as_deref().unwrap_or("");
    let mut found = Vec::new();
    let mentions: Vec<&Hit> = file.hits_of(&[target.name]).collect();
    for hit in &mentions {
        if ignored(file, hit.start) {
            continue;
        }
        let (grade, access, why) = match in_sql(file, target, hit, table) {
            Some(weighed) => weighed,
            None => in_code(file, target, hit, table, &want.name),
        };
        found.push(Found { grade, access, at: hit.start, sql: LANGUAGES[file.language].sql, why });
    }
    found.extend(stars(file, target, table, !mentions.is_empty()));
    found.extend(whole_row_models(file, target, table, &want.name));
    found
}

/// `self.ignored_columns = %w[email]` takes the column out of the model.
fn ignored(file: &File, at: usize) -> bool {
    let mut from = at.saturating_sub(NEAR);
    while !file.scan.uncommented.is_char_boundary(from) {
        from -= 1;
    }
    let Some(start) = file.scan.uncommented[from..at].rfind("ignored_columns").map(|i| from + i) else { return false };
    let between = &file.scan.uncommented[start..at];
    !between.contains(']') && (between.matches('\n').count() == 0 || between.contains('['))
}

fn in_sql(file: &File, target: &Prepared, hit: &Hit, table: &str) -> Option<(Grade, Access, String)> {
    let statement = file.statement_at(hit.start)?;
    let is_sql = LANGUAGES[file.language].sql || file.scan.region(hit.start).is_some();
    let named = statement.tables.iter().any(|used| target.is_table(&used.name));
    if !is_sql || !named {
        let other = is_sql && !statement.tables.is_empty();
        return other.then(|| (Grade::Possible, Access::Unknown, "in a statement that does not name the table".to_owned()));
    }
    let access = match statement.verb {
        Verb::Define => return Some((Grade::Possible, Access::Unknown, "in a definition of the schema".to_owned())),
        Verb::Insert => Access::Write,
        Verb::Update if statement.set.is_some_and(|(start, end)| start <= hit.start && hit.start < end) => Access::Write,
        _ => Access::Read,
    };
    let other = file.receiver(hit.start).and_then(|receiver| statement.resolve(receiver)).is_some_and(|used| !target.is_table(&used.name));
    if other {
        return Some((Grade::Possible, access, "the column of another table in the same statement".to_owned()));
    }
    Some((Grade::Certain, access, format!("in an SQL statement on {table}")))
}

fn in_code(file: &File, target: &Prepared, hit: &Hit, table: &str, name: &str) -> (Grade, Access, String) {
    let access = if file.text[hit.end..].trim_start().starts_with("= ") { Access::Write } else { Access::Unknown };
    let possible = |why: &str| (Grade::Possible, access, why.to_owned());
    let quoted = file.scan.region(hit.start).is_some();
    let receiver = file.receiver(hit.start);
    if let Some(receiver) = receiver.filter(|receiver| target.is_table(receiver)) {
        let grade =
            if receiver.starts_with(|c: char| c.is_ascii_uppercase()) || receiver == table { Grade::Certain } else { Grade::Likely };
        return (grade, access, format!("a member of {receiver}"));
    }
    let of_model = |receiver: &str| receiver.rsplit('_').next().is_some_and(|last| target.is_table(last));
    if let Some(receiver) = receiver.filter(|receiver| of_model(receiver)) {
        return (Grade::Likely, access, format!("a member of {receiver}"));
    }
    let foreign = receiver.is_some_and(|receiver| receiver.len() > 3 && !NEUTRAL.contains(&receiver.to_ascii_lowercase().as_str()));
    match file.mapped_block(hit.start, target) {
        Err(()) => return possible("in a class of another table"),
        Ok(Some(block)) if !quoted || file.stands_alone(hit) => {
            let grade = if block.table.is_some() || block.marked { Grade::Certain } else { Grade::Likely };
            return (grade, access, format!("in {}, which maps to {table}", block.name));
        }
        _ => {}
    }
    if quoted && !file.stands_alone(hit) && !looks_like_condition(file, hit) {
        return possible("the bare word in a text");
    }
    let (start, end) = around(&file.scan.uncommented, hit.start);
    let model = file.hits_between(&target.tables, start, end).find(|other| names_model(file, other));
    if let Some(model) = model {
        return (Grade::Certain, access, format!("in one statement with {}", &file.text[model.start..model.end]));
    }
    let reach = if GENERIC.contains(&name) { NEAR / 4 } else { NEAR };
    let near = file.hits_between(&target.tables, hit.start.saturating_sub(reach), hit.start + reach).next().is_some();
    if near && !foreign && file.is_member(hit) {
        return (Grade::Likely, access, format!("a member, near {table}"));
    }
    possible("the bare word")
}

/// A fragment of SQL without its table: `where("email = ?")`.
fn looks_like_condition(file: &File, hit: &Hit) -> bool {
    let after = file.text[hit.end..].trim_start();
    let lower: String = after.chars().take(8).collect::<String>().to_ascii_lowercase();
    ["=", "<", ">", "!=", "in ", "in(", "is ", "like ", "ilike", "asc", "desc", "between"].iter().any(|op| lower.starts_with(op))
}

/// `User.`, `User::`, `&User{`, `User,` or `"users"`, `prisma.user.`: the model or table itself, not a variable.
fn names_model(file: &File, hit: &Hit) -> bool {
    let capital = file.text[hit.start..].starts_with(|c: char| c.is_ascii_uppercase());
    let quoted = file.scan.region(hit.start).is_some() && file.stands_alone(hit);
    let accessed = file
        .receiver(hit.start)
        .is_some_and(|receiver| ["prisma", "db", "tx", "client", "context", "_context", "schema"].contains(&receiver));
    let path = file.text[hit.end..].starts_with("::");
    let symbol = file.text[..hit.start].ends_with("[:");
    capital || quoted || accessed || path || symbol
}

fn stars(file: &File, target: &Prepared, table: &str, named: bool) -> Vec<Found> {
    let mut found = Vec::new();
    for statement in file.statements.iter().filter(|statement| statement.verb != Verb::Define) {
        for star in &statement.stars {
            let of_table = match &star.qualifier {
                Some(qualifier) => statement.resolve(qualifier).is_some_and(|used| target.is_table(&used.name)),
                None => statement.tables.iter().any(|used| target.is_table(&used.name)),
            };
            if of_table {
                let grade = if named { Grade::Certain } else { Grade::Likely };
                let sql = LANGUAGES[file.language].sql;
                found.push(Found { grade, access: Access::Read, at: star.at, sql, why: format!("reads every column of {table}") });
            }
        }
    }
    found
}

/// ActiveRecord loads the columns of its table once and names them in every INSERT and UPDATE.
fn whole_row_models(file: &File, target: &Prepared, table: &str, name: &str) -> Vec<Found> {
    if LANGUAGES[file.language].name != "Ruby" {
        return Vec::new();
    }
    let mapped = file.blocks.blocks.iter().filter(|block| block.marked && maps(block, target));
    let ignores = |block: &&Block| {
        file.hits_of(&[target.name]).any(|hit| block.start <= hit.start && hit.start < block.end && ignored(file, hit.start))
    };
    mapped
        .filter(|block| !ignores(block))
        .map(|block| Found {
            grade: Grade::Likely,
            access: Access::ReadWrite,
            at: block.at,
            sql: false,
            why: format!("ActiveRecord caches every column of {table}; {name} is not in ignored_columns"),
        })
        .collect()
}

fn maps(block: &Block, target: &Prepared) -> bool {
    block.table.as_deref().map_or_else(|| target.is_table(&block.name), |table| target.is_table(table))
}

fn writers(file: &File, target: &Prepared, want: &Target) -> Vec<Found> {
    let mut found = Vec::new();
    let table = want.table.as_deref().unwrap_or("");
    for insert in file.statements.iter().flat_map(|statement| &statement.inserts).filter(|insert| target.is_table(&insert.table)) {
        if insert.columns.as_ref().is_none_or(|columns| !columns.contains(&target.sql_name)) {
            let why = format!("inserts into {table} without {}", want.name);
            found.push(Found { grade: Grade::Certain, access: Access::Write, at: insert.at, sql: LANGUAGES[file.language].sql, why });
        }
    }
    for block in file.blocks.blocks.iter().filter(|block| (block.marked || block.table.is_some()) && maps(block, target)) {
        let names_it = file.hits_of(&[target.name]).any(|hit| block.start <= hit.start && hit.start < block.end);
        if !names_it {
            let why = format!("{} maps to {table} and does not know {}", block.name, want.name);
            found.push(Found { grade: Grade::Likely, access: Access::Write, at: block.at, sql: false, why });
        }
    }
    found
}

fn table(file: &File, target: &Prepared, want: &Target) -> Vec<Found> {
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
        let grade = if model { Grade::Likely } else { Grade::Possible };
        push(
            grade,
            Access::Unknown,
            hit.start,
            false,
            if model { format!("uses the model of {name}") } else { "the bare word".to_owned() },
        );
    }
    found
}

fn enum_value(file: &File, target: &Prepared, want: &Target) -> Vec<Found> {
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

/// Functions of the database and flags: called in SQL, or named by a whole string.
fn named(file: &File, target: &Prepared, want: &Target) -> Vec<Found> {
    let words = [target.name];
    let found = file.hits_of(&words).map(|hit| {
        let statement = file.statement_at(hit.start);
        let called = file.text[hit.end..].trim_start_matches('"').trim_start().starts_with('(');
        let quoted = file.scan.region(hit.start).is_some();
        let (grade, why) = match statement {
            Some(statement) if statement.verb != Verb::Define && (called || statement.verb == Verb::Call) => {
                (Grade::Certain, "called in SQL")
            }
            _ if want.kind == TargetKind::Flag && quoted && file.stands_alone(hit) => (Grade::Certain, "names the flag"),
            _ if quoted && file.stands_alone(hit) => (Grade::Likely, "a string that is exactly the name"),
            _ if want.kind == TargetKind::Flag || (called && file.receiver(hit.start).is_some()) => {
                (Grade::Likely, "a member of this name")
            }
            _ => (Grade::Possible, "the bare word"),
        };
        Found { grade, access: Access::Unknown, at: hit.start, sql: LANGUAGES[file.language].sql, why: why.to_owned() }
    });
    found.collect()
}
