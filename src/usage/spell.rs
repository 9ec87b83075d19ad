//! How code spells a name of the database: a snake-case name in, its words, search patterns and model names out; whole-word checks.

/// Identifier parts before a name that leave it the same name: accessors, finders and constants of columns.
const CAMEL_PREFIXES: &[&str] = &["get", "set", "is", "has", "with", "Get", "Set", "Is", "Has", "With", "By", "m"];
const SNAKE_PREFIXES: &[&str] = &["get_", "set_", "is_", "has_", "col_", "column_", "field_", "attr_", "by_"];
/// Identifier parts after a name: attribute methods of ActiveRecord and Laravel.
const SNAKE_SUFFIXES: &[&str] =
    &["_changed", "_was", "_in_database", "_before_type_cast", "_previously_changed", "_will_change", "_eq", "_cont"];
/// Parts that make a model's name a name of the same table.
const MODEL_SUFFIXES: &[&str] = &["Entity", "Model", "Record", "Row", "Schema", "Table"];
const MODEL_PREFIXES: &[&str] = &["New", "Insertable", "Update", "Db"];
/// Finders whose name lists columns: `findByEmailAndStatus`, `find_by_email_and_status`.
const DERIVED: &[&str] = &[
    "find_by_",
    "find_all_by_",
    "find_or_create_by_",
    "where_",
    "findBy",
    "findAllBy",
    "findFirstBy",
    "findOneBy",
    "findDistinctBy",
    "existsBy",
    "countBy",
    "deleteBy",
    "removeBy",
    "readBy",
    "queryBy",
    "getBy",
    "streamBy",
    "FindBy",
    "whereBy",
    "where",
    "orderBy",
];
const IRREGULAR: &[(&str, &str)] = &[
    ("people", "person"),
    ("children", "child"),
    ("men", "man"),
    ("women", "woman"),
    ("mice", "mouse"),
    ("indices", "index"),
    ("matrices", "matrix"),
    ("vertices", "vertex"),
    ("criteria", "criterion"),
    ("media", "medium"),
    ("data", "datum"),
    ("quizzes", "quiz"),
    ("movies", "movie"),
    ("cookies", "cookie"),
    ("series", "series"),
    ("news", "news"),
    ("caches", "cache"),
    ("releases", "release"),
    ("cases", "case"),
    ("bases", "base"),
];

/// The lower-case words of a name: `lastLoginAt`, `last_login_at` and `LAST-LOGIN-AT` are three of each.
pub fn parts(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before_lower = false;
    for c in name.chars() {
        let separator = !c.is_alphanumeric();
        if (separator || (c.is_uppercase() && before_lower)) && words.last().is_some_and(|w| !w.is_empty()) {
            words.push(String::new());
        }
        if !separator && let Some(word) = words.last_mut() {
            word.extend(c.to_lowercase());
        }
        before_lower = c.is_lowercase() || c.is_ascii_digit();
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Lower-case texts to search for, case ignored.
pub fn patterns(name: &str) -> Vec<String> {
    let words = parts(name);
    let mut all = vec![name.to_ascii_lowercase(), words.join("_"), words.concat(), words.join("-")];
    all.sort();
    all.dedup();
    all.retain(|pattern| !pattern.is_empty());
    all
}

/// `order_items` → `order_item`; a word that is not a plural stays.
pub fn singular(name: &str) -> String {
    let (head, last) = match name.rfind('_') {
        Some(i) => name.split_at(i + 1),
        None => ("", name),
    };
    if let Some((_, one)) = IRREGULAR.iter().find(|(many, _)| *many == last) {
        return format!("{head}{one}");
    }
    let one = match last {
        _ if last.ends_with("ies") && last.len() > 4 => format!("{}y", &last[..last.len() - 3]),
        _ if ["sses", "shes", "ches", "xes", "zes", "uses"].iter().any(|end| last.ends_with(end)) && last != "uses" => {
            last[..last.len() - 2].to_owned()
        }
        _ if last.ends_with("ss") || last.ends_with("us") || last.ends_with("is") || last.len() < 3 => last.to_owned(),
        _ => last.strip_suffix('s').unwrap_or(last).to_owned(),
    };
    format!("{head}{one}")
}

/// Whether `text[start..end]`, which matched a pattern of `words`, is that name and not part of another.
pub fn is_whole(text: &str, start: usize, end: usize, words: &[String], model: bool) -> bool {
    let bytes = text.as_bytes();
    let Some(found) = text.get(start..end) else { return false };
    let ident = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_' || *b >= 0x80;
    let from = start - bytes[..start].iter().rev().take(120).take_while(|b| ident(b)).count();
    let to = end + bytes[end..].iter().take(120).take_while(|b| ident(b)).count();
    let (Some(prefix), Some(suffix)) = (text.get(from..start), text.get(end..to)) else { return false };
    if !humps_fit(found, words) {
        return false;
    }
    let derived = DERIVED.iter().any(|finder| prefix.starts_with(finder));
    left_fits(prefix, found, model, derived) && right_fits(suffix, found, model, derived)
}

/// A name written without separators needs a capital where each further word starts, or nothing but its own letters.
fn humps_fit(found: &str, words: &[String]) -> bool {
    if words.len() < 2 || found.contains(['_', '-', ' ']) || found.bytes().all(|b| !b.is_ascii_lowercase()) {
        return true;
    }
    let mut at = 0;
    words.iter().take(words.len() - 1).all(|word| {
        at += word.len();
        found.as_bytes().get(at).is_some_and(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
    })
}

fn left_fits(prefix: &str, found: &str, model: bool, derived: bool) -> bool {
    if prefix.bytes().all(|b| b == b'_') || prefix.ends_with("__") {
        return true;
    }
    let hump =
        found.starts_with(|c: char| c.is_ascii_uppercase()) && prefix.ends_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    let lower = prefix.to_ascii_lowercase();
    if hump {
        return derived || CAMEL_PREFIXES.contains(&prefix) || (model && MODEL_PREFIXES.contains(&prefix));
    }
    prefix.ends_with('_') && (derived || SNAKE_PREFIXES.contains(&lower.as_str()))
}

fn right_fits(suffix: &str, found: &str, model: bool, derived: bool) -> bool {
    if suffix.is_empty() || suffix.starts_with("__") {
        return true;
    }
    let hump =
        suffix.starts_with(|c: char| c.is_ascii_uppercase()) && found.ends_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    if hump {
        return derived || (model && MODEL_SUFFIXES.contains(&suffix));
    }
    suffix.starts_with('_') && (derived || SNAKE_SUFFIXES.contains(&suffix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str, found: &str) -> bool {
        let start = text.find(found).unwrap();
        is_whole(text, start, start + found.len(), &parts("last_login"), false)
    }

    #[test]
    fn plurals_become_models() {
        let cases =
            [("users", "user"), ("categories", "category"), ("order_items", "order_item"), ("people", "person"), ("addresses", "address")];
        for (many, one) in cases {
            assert_eq!(singular(many), one);
        }
        assert_eq!(singular("status"), "status");
        assert_eq!(singular("boxes"), "box");
    }

    #[test]
    fn every_spelling_of_a_name_is_the_name_and_longer_names_are_not() {
        for text in ["last_login", "lastLogin", "LastLogin", "LAST_LOGIN", "last-login", "find_by_last_login_and_x", "getLastLogin()"] {
            let found = patterns("last_login").into_iter().find(|p| text.to_ascii_lowercase().contains(p.as_str())).unwrap();
            let start = text.to_ascii_lowercase().find(&found).unwrap();
            assert!(is_whole(text, start, start + found.len(), &parts("last_login"), false), "{text}");
        }
        assert!(!whole("last_login_at", "last_login"));
        assert!(!whole("lastLoginAt", "lastLogin"));
        assert!(!whole("user_last_login", "last_login"));
        assert!(!whole("blastlogin", "lastlogin"));
        assert_eq!(parts("userID"), ["user", "id"]);
    }
}
