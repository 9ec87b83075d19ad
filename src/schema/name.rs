//! Names as SQL text spells them, folded as the engine folds them: an identifier's text in, a comparable name out.

use std::fmt;

use serde::Serialize;

use crate::source::Span;

/// One identifier after case folding, with the bytes it was read from. Two names are equal when their text is.
#[derive(Debug, Clone, Serialize)]
#[serde(into = "String")]
pub struct Name {
    pub text: String,
    pub span: Span,
}

impl Name {
    pub fn new(text: impl Into<String>, span: Span) -> Self {
        Name { text: text.into(), span }
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl From<Name> for String {
    fn from(name: Name) -> String {
        name.text
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Name {}

impl PartialEq<str> for Name {
    fn eq(&self, other: &str) -> bool {
        self.text == other
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A possibly qualified name as a statement spells it; `Catalog::resolve` turns it into a `QName`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RelName {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<Name>,
    pub name: Name,
}

impl RelName {
    pub fn span(&self) -> Span {
        match &self.schema {
            Some(schema) => schema.span.cover(self.name.span),
            None => self.name.span,
        }
    }
}

impl fmt::Display for RelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.schema {
            Some(schema) => write!(f, "{schema}.{}", self.name),
            None => write!(f, "{}", self.name),
        }
    }
}

/// A resolved name: the key of an object in the catalog.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QName {
    pub schema: String,
    pub name: String,
}

impl QName {
    pub fn new(schema: impl Into<String>, name: impl Into<String>) -> Self {
        QName { schema: schema.into(), name: name.into() }
    }

    /// How a person would write it: the schema is left out when it is `public`.
    pub fn short(&self) -> String {
        if self.schema == "public" { quoted(&self.name) } else { format!("{}.{}", quoted(&self.schema), quoted(&self.name)) }
    }
}

impl fmt::Display for QName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.name)
    }
}

impl Serialize for QName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// An identifier as it has to be written in SQL: quoted only when folding would change it.
pub fn quoted(ident: &str) -> String {
    let plain = ident.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && ident.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '$');
    if plain { ident.to_owned() } else { format!("\"{}\"", ident.replace('"', "\"\"")) }
}

/// PostgreSQL's folding: unquoted identifiers go to lower case, quoted ones lose their quotes, both are cut at 63 bytes.
pub fn fold_postgres(raw: &str) -> String {
    let folded = match raw.strip_prefix('"').and_then(|r| r.strip_suffix('"')) {
        Some(inner) => inner.replace("\"\"", "\""),
        None => raw.to_ascii_lowercase(),
    };
    let mut end = folded.len().min(63);
    while !folded.is_char_boundary(end) {
        end -= 1;
    }
    folded[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_follows_postgres() {
        assert_eq!(fold_postgres("Users"), "users");
        assert_eq!(fold_postgres("\"Users\"\"x\""), "Users\"x");
        assert_eq!(fold_postgres(&"a".repeat(80)).len(), 63);
        assert_eq!(quoted("order_items"), "order_items");
        assert_eq!(quoted("OrderItem"), "\"OrderItem\"");
    }
}
