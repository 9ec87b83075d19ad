//! Type names: what a statement writes in, one canonical spelling out, so that `int` and `integer` compare equal.

use std::fmt;

use serde::Serialize;

use super::name::RelName;
use crate::source::Span;

/// A type as written, canonical: aliases resolved (`int` → `integer`, `varchar` → `character varying`), modifiers kept.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TypeName {
    /// Canonical name of a built-in type as `format_type` prints it (`integer`, `character varying`,
    /// `timestamp with time zone`), else the user's name as folded.
    pub base: String,
    /// Schema, when one is written and is not `pg_catalog`.
    pub schema: Option<String>,
    /// `(50)`, `(10, 2)`.
    pub modifiers: Vec<i64>,
    /// Number of array dimensions.
    pub array: usize,
    /// `serial`, `bigserial`, `smallserial`: `base` is then the integer type.
    pub serial: bool,
    /// `SETOF`, in a routine's signature.
    pub setof: bool,
    #[serde(skip)]
    pub span: Span,
}

impl TypeName {
    /// A plain type from its name as written; aliases are resolved.
    pub fn named(written: &str, modifiers: Vec<i64>, span: Span) -> Self {
        let lower = written.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
        let (base, serial) = canonical(&lower);
        let mut modifiers = modifiers;
        if matches!(base, "character" | "bit") && modifiers.is_empty() {
            modifiers.push(1); // The standard's default length.
        }
        TypeName { base: base.to_owned(), schema: None, modifiers, array: 0, serial, setof: false, span }
    }

    /// A user's type: kept as folded, no alias applies.
    pub fn user(name: &RelName) -> Self {
        TypeName {
            base: name.name.text.clone(),
            schema: name.schema.as_ref().map(|s| s.text.clone()),
            modifiers: Vec::new(),
            array: 0,
            serial: false,
            setof: false,
            span: name.span(),
        }
    }

    /// Equal as types, wherever they were written.
    pub fn same_as(&self, other: &TypeName) -> bool {
        self.base == other.base && self.schema == other.schema && self.modifiers == other.modifiers && self.array == other.array
    }

    pub fn is_plain(&self, base: &str) -> bool {
        self.base == base && self.array == 0
    }
}

impl fmt::Display for TypeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "{schema}.")?;
        }
        // The modifier of `timestamp(3) with time zone` stands in the middle.
        let (head, tail) = match self.base.split_once(' ') {
            Some((head @ ("timestamp" | "time"), tail)) if !self.modifiers.is_empty() => (head, Some(tail)),
            _ => (self.base.as_str(), None),
        };
        f.write_str(head)?;
        if !self.modifiers.is_empty() {
            let list: Vec<String> = self.modifiers.iter().map(i64::to_string).collect();
            write!(f, "({})", list.join(","))?;
        }
        if let Some(tail) = tail {
            write!(f, " {tail}")?;
        }
        for _ in 0..self.array {
            f.write_str("[]")?;
        }
        Ok(())
    }
}

/// PostgreSQL's aliases (manual, table 8.1). The flag says that the name is a serial pseudo-type.
fn canonical(lower: &str) -> (&str, bool) {
    let base = match lower {
        "int" | "int4" | "integer" => "integer",
        "int8" | "bigint" => "bigint",
        "int2" | "smallint" => "smallint",
        "serial" | "serial4" => return ("integer", true),
        "bigserial" | "serial8" => return ("bigint", true),
        "smallserial" | "serial2" => return ("smallint", true),
        "varchar" | "character varying" | "char varying" | "national character varying" | "nchar varying" => "character varying",
        "char" | "character" | "bpchar" | "nchar" | "national character" | "national char" => "character",
        "bool" | "boolean" => "boolean",
        "decimal" | "dec" | "numeric" => "numeric",
        "float8" | "float" | "double precision" => "double precision",
        "float4" | "real" => "real",
        "timestamptz" | "timestamp with time zone" => "timestamp with time zone",
        "timestamp" | "timestamp without time zone" => "timestamp without time zone",
        "timetz" | "time with time zone" => "time with time zone",
        "time" | "time without time zone" => "time without time zone",
        "varbit" | "bit varying" => "bit varying",
        other => other,
    };
    (base, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_compare_equal_and_print_as_postgres_does() {
        let ty = |s: &str, m: &[i64]| TypeName::named(s, m.to_vec(), Span::default());
        assert!(ty("INT4", &[]).same_as(&ty("integer", &[])));
        assert!(ty("bigserial", &[]).serial);
        assert_eq!(ty("varchar", &[50]).to_string(), "character varying(50)");
        assert_eq!(ty("timestamptz", &[3]).to_string(), "timestamp(3) with time zone");
        assert_eq!(ty("char", &[]).to_string(), "character(1)");
    }
}
