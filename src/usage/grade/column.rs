//! Where a file uses a column: its mentions weighed one by one, `SELECT *`, models that name every column, and INSERTs that leave it out.

use std::sync::LazyLock;

use regex::Regex;

use super::mention::{File, around, declaration, in_import, looks_like_condition, maps, names_model};
use super::{Access, Found, Grade};
use crate::usage::Target;
use crate::usage::block::Block;
use crate::usage::language::{LANGUAGES, compiled};
use crate::usage::plan::{Hit, Prepared};
use crate::usage::sql::Verb;

/// The table's name this many bytes around a member makes it likely.
pub const NEAR: usize = 800;
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

pub fn any(file: &File, target: &Prepared, want: &Target) -> Vec<Found> {
    let table = want.table.as_deref().unwrap_or("");
    let mut found = Vec::new();
    for hit in file.hits_of(&[target.name]) {
        if left_alone(file, hit.start) {
            continue;
        }
        let (grade, access, why) = match in_sql(file, target, hit, table) {
            Some(weighed) => weighed,
            None => in_code(file, target, hit, table, &want.name),
        };
        found.push(Found { grade, access, at: hit.start, sql: LANGUAGES[file.language].sql, why });
    }
    let named = found.iter().any(|found| found.grade >= Grade::Likely);
    found.extend(stars(file, target, table, named));
    found.extend(whole_row_models(file, target, table, &want.name));
    found
}

/// The model says that the column is none of its own: `self.ignored_columns = %w[email]`, `@Transient`, `gorm:"-"`.
fn left_alone(file: &File, at: usize) -> bool {
    let text = &file.scan.uncommented;
    let mut from = at.saturating_sub(NEAR);
    while !text.is_char_boundary(from) {
        from -= 1;
    }
    let listed = |opener: &&str| {
        let Some(start) = text[from..at].rfind(opener).map(|i| from + i) else { return false };
        let between = &text[start..at];
        !between.contains(']') && (between.matches('\n').count() == 0 || between.contains('['))
    };
    if LANGUAGES[file.language].ignore_lists.iter().any(listed) {
        return true;
    }
    let (start, end) = declaration(text, at);
    compiled(file.language).unmapped.as_ref().is_some_and(|unmapped| unmapped.is_match(&text[start..end]))
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
    if quoted && !file.stands_alone(hit) && !looks_like_condition(file, hit) && !file.in_column_list(hit) {
        return possible("the bare word in a text");
    }
    if in_import(&file.scan.uncommented, hit.start) {
        return possible("in an import");
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

fn stars(file: &File, target: &Prepared, table: &str, named: bool) -> Vec<Found> {
    let mut found = Vec::new();
    for statement in file.statements.iter().filter(|statement| statement.verb != Verb::Define) {
        for star in &statement.stars {
            let of_table = match &star.qualifier {
                Some(qualifier) => statement.resolve(qualifier).is_some_and(|used| target.is_table(&used.name)),
                None => statement.tables.iter().any(|used| target.is_table(&used.name)),
            };
            if of_table {
                let grade = match (named, LANGUAGES[file.language].dynamic_rows) {
                    (true, _) => Grade::Certain,
                    (false, false) => Grade::Likely,
                    (false, true) => Grade::Possible,
                };
                let sql = LANGUAGES[file.language].sql;
                found.push(Found { grade, access: Access::Read, at: star.at, sql, why: format!("reads every column of {table}") });
            }
        }
    }
    found
}

/// Frameworks that load the columns of a table once and name them in every INSERT and UPDATE.
fn whole_row_models(file: &File, target: &Prepared, table: &str, name: &str) -> Vec<Found> {
    let (Some((_, framework)), Some(whole_row)) = (LANGUAGES[file.language].whole_row, &compiled(file.language).whole_row) else {
        return Vec::new();
    };
    let head = |block: &&Block| whole_row.is_match(file.scan.code[block.at..block.end].lines().next().unwrap_or(""));
    let ignores = |block: &&Block| {
        file.hits_of(&[target.name]).any(|hit| block.start <= hit.start && hit.start < block.end && left_alone(file, hit.start))
    };
    file.blocks
        .blocks
        .iter()
        .filter(|block| maps(block, target))
        .filter(head)
        .filter(|block| !ignores(block))
        .map(|block| Found {
            grade: Grade::Likely,
            access: Access::ReadWrite,
            at: block.at,
            sql: false,
            why: format!("{framework} caches every column of {table}; {name} is not in {}", LANGUAGES[file.language].ignore_lists[0]),
        })
        .collect()
}

/// Writers of the table that leave a required column out. One that names it is only possible: it may still store NULL.
pub fn writers(file: &File, target: &Prepared, want: &Target) -> Vec<Found> {
    let mut found = Vec::new();
    let table = want.table.as_deref().unwrap_or("");
    let sql = LANGUAGES[file.language].sql;
    let named = |from: usize, to: usize| file.hits_between(&[target.name], from, to).next().is_some();
    let mut push = |fills: bool, grade, at, sql, what: String| {
        let (grade, why) = if fills { (Grade::Possible, format!("{what} and fills {}", want.name)) } else { (grade, what) };
        found.push(Found { grade, access: Access::Write, at, sql, why });
    };
    for insert in file.statements.iter().flat_map(|statement| &statement.inserts).filter(|insert| target.is_table(&insert.table)) {
        let fills = insert.columns.as_ref().is_some_and(|columns| columns.contains(&target.sql_name));
        let what = if fills { format!("inserts into {table}") } else { format!("inserts into {table} without {}", want.name) };
        push(fills, Grade::Certain, insert.at, sql, what);
    }
    let models = file.blocks.blocks.iter().filter(|block| (block.marked || block.table.is_some()) && maps(block, target));
    for block in models.filter(|block| !named(block.start, block.end)) {
        push(false, Grade::Likely, block.at, false, format!("{} maps to {table} and does not know {}", block.name, want.name));
    }
    for (name, at) in creations(&file.scan.uncommented).into_iter().filter(|(name, _)| target.is_table(name)) {
        let (_, end) = around(&file.scan.uncommented, at);
        // Builders and setters fill it in the lines after.
        let fills = named(at.saturating_sub(NEAR / 4), end + NEAR / 2);
        let what = if fills { format!("creates a {name}") } else { format!("creates a {name} without {}", want.name) };
        push(fills, Grade::Likely, at, false, what);
    }
    found
}

/// Calls that create a row, in whatever language: `User.create(`, `prisma.user.upsert(`, `insert_into(users`, `&User{`, `new User(`.
fn creations(text: &str) -> Vec<(&str, usize)> {
    static FORMS: LazyLock<Regex> = LazyLock::new(|| {
        let forms = [
            r"\b(?P<a>[A-Za-z]\w*)(?:\.objects)?(?:\.|::)(?:create|insert|bulk_create|bulk_insert|createMany|create_many|upsert|insert_all|find_or_create_by)!?\s*[({]",
            r"\b(?i:insert_into|insertinto|into|insert)\(\s*(?:\w+::)*?['\x22`&]?(?P<b>\w+)(?:::table)?['\x22`]?\s*[),{]",
            r"(?:\bnew\s+|&|%)(?P<c>[A-Z]\w*)\s*[({]",
            r"\b\w+(?:<[^>()]*>)?\(\s*['\x22`](?P<d>\w+)['\x22`]\s*\)\s*(?:\.|->|::)\s*(?:insert|upsert|create)\w*\(",
        ];
        Regex::new(&forms.join("|")).expect("a constant pattern")
    });
    FORMS
        .captures_iter(text)
        .filter_map(|capture| ["a", "b", "c", "d"].iter().find_map(|group| capture.name(group)))
        .map(|name| (name.as_str(), name.start()))
        .collect()
}
