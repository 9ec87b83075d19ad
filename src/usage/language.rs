//! What is known of each language: a path in, how to read its comments, strings, blocks and mappings to tables out. Data only.

use std::sync::OnceLock;

use regex::Regex;

pub struct Quote {
    pub open: &'static str,
    pub close: &'static str,
    /// May run over line ends.
    pub lines: bool,
    /// A backslash takes the next byte along.
    pub escape: bool,
}

/// How the end of a class is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    Braces,
    /// The first line that is indented no deeper; also good for `class … end`.
    Indent,
    /// No classes: the whole file is SQL or a template.
    Flat,
}

/// Which block a mapping to a table speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The innermost class around it.
    Inside,
    /// The next class after it.
    Before,
    /// It opens a block of its own.
    Own,
    /// The class it names.
    Named,
    /// No class: the place itself uses the table.
    Here,
}

pub struct Mapping {
    /// Group `table`; for `Place::Named` also `model`.
    pub pattern: &'static str,
    pub place: Place,
}

pub struct Language {
    pub name: &'static str,
    pub extensions: &'static [&'static str],
    pub line_comments: &'static [&'static str],
    pub block_comments: &'static [(&'static str, &'static str)],
    pub strings: &'static [Quote],
    pub heredoc: Option<&'static str>,
    pub regex_literals: bool,
    pub char_literals: bool,
    pub layout: Layout,
    /// Group `name`: a class, struct or module.
    pub declaration: Option<&'static str>,
    /// In the head or body of a class: it is mapped to a table by its name.
    pub marker: Option<&'static str>,
    pub mappings: &'static [Mapping],
    /// The whole text is SQL, not only its strings.
    pub sql: bool,
}

const fn quote(open: &'static str, close: &'static str, lines: bool, escape: bool) -> Quote {
    Quote { open, close, lines, escape }
}

const fn map(pattern: &'static str, place: Place) -> Mapping {
    Mapping { pattern, place }
}

const C_BLOCK: &[(&str, &str)] = &[("/*", "*/")];
const PLAIN: Language = Language {
    name: "template",
    extensions: &[],
    line_comments: &[],
    block_comments: &[],
    strings: &[],
    heredoc: None,
    regex_literals: false,
    char_literals: false,
    layout: Layout::Flat,
    declaration: None,
    marker: None,
    mappings: &[],
    sql: false,
};
/// Configuration, build files and scripts that have no extension.
pub const HASH: Language = Language { name: "configuration", line_comments: &["#"], strings: &[DOUBLE, SINGLE], ..PLAIN };
const DOUBLE: Quote = quote("\"", "\"", false, true);
const SINGLE: Quote = quote("'", "'", false, true);

const SCRIPT_MAPPINGS: &[Mapping] = &[
    map(r#"@Entity\(\s*['"`](?P<table>\w+)['"`]"#, Place::Before),
    map(r#"@(?:Entity|Table)\(\s*\{[^}]*?(?:name|tableName)\s*:\s*['"`](?P<table>\w+)['"`]"#, Place::Before),
    map(r#"\b(?:pg|mysql|sqlite|my)Table\(\s*['"`](?P<table>\w+)['"`]"#, Place::Own),
    map(r#"\.define\(\s*['"`](?P<table>\w+)['"`]"#, Place::Own),
    map(r#"\bnew EntitySchema[^(]*\(\s*\{[^}]*?(?:tableName|name)\s*:\s*['"`](?P<table>\w+)['"`]"#, Place::Own),
    map(r#"\.init\(\s*\{[\s\S]{0,4000}?\btableName\s*:\s*['"`](?P<table>\w+)['"`]"#, Place::Own),
    map(r#"\btableName\s*(?:\(\)\s*\{\s*return|[:=])\s*['"`](?P<table>\w+)['"`]"#, Place::Inside),
    map(r#"\b(?:knex|db|trx|tx)(?:<[^>]*>)?\(\s*['"`](?P<table>\w+)['"`]"#, Place::Here),
    map(
        r#"\.(?:from|into|table|join|leftJoin|innerJoin|selectFrom|insertInto|updateTable|deleteFrom)\(\s*['"`](?P<table>\w+)['"`]"#,
        Place::Here,
    ),
    map(r"\b(?:prisma|db|tx|client)\.(?P<table>\w+)\.(?:find|create|update|delete|upsert|count|aggregate|groupBy)", Place::Here),
    map(r"\bgetRepository\(\s*(?P<table>\w+)", Place::Here),
];

pub const LANGUAGES: &[Language] = &[
    Language {
        name: "Ruby",
        extensions: &["rb", "rake", "jbuilder", "ru"],
        line_comments: &["#"],
        block_comments: &[("=begin", "\n=end")],
        strings: &[quote("\"", "\"", true, true), quote("'", "'", true, true)],
        heredoc: Some("<<"),
        regex_literals: true,
        layout: Layout::Indent,
        declaration: Some(r"(?m)^[ \t]*(?:class|module)\s+(?:[A-Z]\w*::)*(?P<name>[A-Z]\w*)"),
        marker: Some(r"<\s*(?:::)?(?:\w+::)?(?:ApplicationRecord|ActiveRecord::Base|Base|Sequel::Model|\w+Record)\b"),
        mappings: &[
            map(r#"self\.table_name\s*=\s*['":]+(?:\w+\.)?(?P<table>\w+)"#, Place::Inside),
            map(r#"\bset_dataset\s*\(?\s*:(?P<table>\w+)"#, Place::Inside),
            map(r"<\s*Sequel::Model\(:(?P<table>\w+)", Place::Inside),
            map(r"\bDB\[:(?P<table>\w+)\]", Place::Here),
        ],
        ..PLAIN
    },
    Language {
        name: "Python",
        extensions: &["py", "pyi"],
        line_comments: &["#"],
        strings: &[quote("\"\"\"", "\"\"\"", true, true), quote("'''", "'''", true, true), DOUBLE, SINGLE],
        layout: Layout::Indent,
        declaration: Some(r"(?m)^[ \t]*class\s+(?P<name>\w+)"),
        marker: Some(r"\(\s*[^)]*\b(?:\w*Model|\w*Base|Document)\b|__tablename__|Mapped\[|\bColumn\("),
        mappings: &[
            map(r#"__tablename__\s*(?::\s*\w+\s*)?=\s*['"](?P<table>\w+)['"]"#, Place::Inside),
            map(r#"\bdb_table\s*=\s*['"](?:\w+\.)?(?P<table>\w+)['"]"#, Place::Inside),
            map(r#"\btable_name\s*=\s*['"](?P<table>\w+)['"]"#, Place::Inside),
            map(r#"\bTable\(\s*['"](?P<table>\w+)['"]"#, Place::Own),
            map(r"\b(?:select|query|insert|update|delete)\(\s*(?P<table>[A-Z]\w*)", Place::Here),
            map(r"\b(?P<table>[A-Z]\w*)\.objects\b", Place::Here),
        ],
        ..PLAIN
    },
    Language {
        name: "Go",
        extensions: &["go"],
        line_comments: &["//"],
        block_comments: C_BLOCK,
        strings: &[DOUBLE, quote("`", "`", true, false)],
        char_literals: true,
        layout: Layout::Braces,
        declaration: Some(r"(?m)^\s*(?:type\s+)?(?P<name>[A-Za-z]\w*)\s+struct\b"),
        marker: Some(r#"\b(?:gorm|db|bun|pg|xorm|boil):\\?"|gorm\.Model|\bent\.Schema\b"#),
        mappings: &[
            map(
                r#"func\s*\(\s*(?:\w+\s+)?\*?(?P<model>\w+)\s*\)\s*TableName\(\)\s*string\s*\{\s*return\s*["`](?:\w+\.)?(?P<table>\w+)["`]"#,
                Place::Named,
            ),
            map(r#"\bbun:"table:(?P<table>\w+)"#, Place::Inside),
            map(r#"entsql\.Annotation\{\s*Table:\s*"(?P<table>\w+)""#, Place::Inside),
            map(r#"\.(?:Table|From|Insert|Update|Delete|Into|Join|InsertInto)\(\s*["`](?P<table>\w+)["`]"#, Place::Here),
            map(r"\.Model\(&?(?:\w+\.)?(?P<table>[A-Z]\w*)\{", Place::Here),
        ],
        ..PLAIN
    },
    Language {
        name: "Java",
        extensions: &["java", "groovy", "scala"],
        line_comments: &["//"],
        block_comments: C_BLOCK,
        strings: &[quote("\"\"\"", "\"\"\"", true, true), DOUBLE],
        char_literals: true,
        layout: Layout::Braces,
        declaration: Some(r"\b(?:class|record|interface|enum|object)\s+(?P<name>[A-Z]\w*)"),
        marker: Some(r"@(?:\w+\.)*(?:Entity|Table|MappedSuperclass|MappedEntity)\b"),
        mappings: &[
            map(
                r#"@(?:\w+\.)*(?:Table|MappedEntity|TableName|Entity)\s*\([^)]*?(?:(?:name|value)\s*=\s*)?"(?:\w+\.)?(?P<table>\w+)""#,
                Place::Before,
            ),
            map(r"\b(?:Jpa|Crud|PagingAndSorting|Reactive\w*)Repository<\s*(?P<table>\w+)", Place::Here),
        ],
        ..PLAIN
    },
    Language {
        name: "Kotlin",
        extensions: &["kt", "kts"],
        line_comments: &["//"],
        block_comments: C_BLOCK,
        strings: &[quote("\"\"\"", "\"\"\"", true, false), DOUBLE],
        char_literals: true,
        layout: Layout::Braces,
        declaration: Some(r"\b(?:class|interface|object)\s+(?P<name>[A-Z]\w*)"),
        marker: Some(r"@(?:\w+\.)*(?:Entity|Table|MappedEntity)\b|:\s*(?:\w*Table|\w*Entity)\b"),
        mappings: &[
            map(
                r#"@(?:\w+\.)*(?:Table|Entity|MappedEntity)\s*\([^)]*?(?:(?:name|value|tableName)\s*=\s*)?"(?:\w+\.)?(?P<table>\w+)""#,
                Place::Before,
            ),
            map(r#"\b\w*Table\(\s*(?:name\s*=\s*)?"(?P<table>\w+)""#, Place::Inside),
            map(r"\b(?:Jpa|Crud|PagingAndSorting|Coroutine\w*|Reactive\w*)Repository<\s*(?P<table>\w+)", Place::Here),
        ],
        ..PLAIN
    },
    Language {
        name: "TypeScript",
        extensions: &["ts", "tsx", "mts", "cts"],
        line_comments: &["//"],
        block_comments: C_BLOCK,
        strings: &[DOUBLE, SINGLE, quote("`", "`", true, true)],
        regex_literals: true,
        layout: Layout::Braces,
        declaration: Some(r"\b(?:class|interface|type|enum)\s+(?P<name>[A-Z]\w*)"),
        marker: Some(r"@Entity\b|@Table\b|\bextends\s+(?:\w+\.)?(?:Model|BaseEntity|BaseModel)\b|@Column\b"),
        mappings: SCRIPT_MAPPINGS,
        ..PLAIN
    },
    Language {
        name: "JavaScript",
        extensions: &["js", "jsx", "mjs", "cjs", "vue", "svelte"],
        line_comments: &["//"],
        block_comments: C_BLOCK,
        strings: &[DOUBLE, SINGLE, quote("`", "`", true, true)],
        regex_literals: true,
        layout: Layout::Braces,
        declaration: Some(r"\bclass\s+(?P<name>[A-Z]\w*)"),
        marker: Some(r"\bextends\s+(?:\w+\.)?(?:Model|BaseModel|BaseEntity)\b"),
        mappings: SCRIPT_MAPPINGS,
        ..PLAIN
    },
    Language {
        name: "Rust",
        extensions: &["rs"],
        line_comments: &["//"],
        block_comments: C_BLOCK,
        strings: &[
            quote("r###\"", "\"###", true, false),
            quote("r##\"", "\"##", true, false),
            quote("r#\"", "\"#", true, false),
            quote("r\"", "\"", true, false),
            quote("\"", "\"", true, true),
        ],
        char_literals: true,
        layout: Layout::Braces,
        declaration: Some(r"\b(?:struct|impl|enum)\s+(?:<[^>]*>\s*)?(?P<name>[A-Z]\w*)"),
        marker: Some(r"derive\([^)]*\b(?:Queryable|Selectable|Insertable|AsChangeset|FromRow|DeriveEntityModel|Identifiable)\b"),
        mappings: &[
            map(r#"#\[diesel\([^\]]*?table_name\s*=\s*"?(?:\w+::)*(?P<table>\w+)"#, Place::Before),
            map(r#"#\[table_name\s*=\s*"(?P<table>\w+)""#, Place::Before),
            map(r#"#\[sea_orm\([^\]]*?table_name\s*=\s*"(?P<table>\w+)""#, Place::Before),
            map(r"\btable!\s*\{\s*(?:use [^;]*;\s*)*(?:#\[[^\]]*\]\s*)*(?:\w+\.)?(?P<table>\w+)\s*\(", Place::Own),
            map(r"\b(?P<table>[a-z]\w*)::(?:table|dsl|all_columns)\b", Place::Here),
        ],
        ..PLAIN
    },
    Language {
        name: "PHP",
        extensions: &["php"],
        line_comments: &["//", "#"],
        block_comments: C_BLOCK,
        strings: &[quote("\"", "\"", true, true), quote("'", "'", true, true)],
        heredoc: Some("<<<"),
        layout: Layout::Braces,
        declaration: Some(r"\b(?:class|trait|enum)\s+(?P<name>[A-Z]\w*)"),
        marker: Some(r"\bextends\s+(?:\\?\w+\\)*(?:Model|Authenticatable|Pivot|Eloquent)\b|ORM\\(?:Entity|Table)|#\[Entity"),
        mappings: &[
            map(r#"(?:protected|public)\s+(?:\?string\s+|string\s+)?\$table\s*=\s*['"](?:\w+\.)?(?P<table>\w+)['"]"#, Place::Inside),
            map(r#"(?:ORM\\)?Table\(\s*(?:name\s*[:=]\s*)?['"]`?(?P<table>\w+)"#, Place::Before),
            map(r#"(?:::|->)(?:table|from|join|leftJoin|insertInto)\(\s*['"](?P<table>\w+)['"]"#, Place::Here),
        ],
        ..PLAIN
    },
    Language {
        name: "C#",
        extensions: &["cs", "vb", "fs"],
        line_comments: &["//"],
        block_comments: C_BLOCK,
        strings: &[
            quote("\"\"\"", "\"\"\"", true, false),
            quote("$@\"", "\"", true, false),
            quote("@$\"", "\"", true, false),
            quote("@\"", "\"", true, false),
            DOUBLE,
        ],
        char_literals: true,
        layout: Layout::Braces,
        declaration: Some(r"\b(?:class|record|struct|interface|enum)\s+(?P<name>[A-Z]\w*)"),
        marker: Some(r"\[(?:Table|Key|Column)\b|:\s*(?:\w*Entity|EntityBase|BaseEntity)\b"),
        mappings: &[
            map(r#"\[Table\(\s*"(?P<table>\w+)""#, Place::Before),
            map(r#"\.ToTable\(\s*"(?P<table>\w+)""#, Place::Own),
            map(r"\bEntityTypeConfiguration<\s*(?P<table>\w+)\s*>", Place::Inside),
            map(r"\bDbSet<\s*(?P<model>\w+)\s*>\s*(?P<table>\w+)", Place::Named),
        ],
        ..PLAIN
    },
    Language {
        name: "Elixir",
        extensions: &["ex", "exs"],
        line_comments: &["#"],
        strings: &[quote("\"\"\"", "\"\"\"", true, true), quote("\"", "\"", true, true)],
        layout: Layout::Indent,
        declaration: Some(r"(?m)^[ \t]*defmodule\s+(?:[A-Z]\w*\.)*(?P<name>[A-Z]\w*)"),
        marker: Some(r"\buse\s+(?:Ecto\.Schema|\w+(?:\.\w+)*\.Schema)\b"),
        mappings: &[
            map(r#"\bschema\s*\(?\s*"(?P<table>\w+)""#, Place::Inside),
            map(r#"\b(?:from|join:?)\s*\(?\s*\w+\s+in\s+"(?P<table>\w+)""#, Place::Here),
            map(r"\b(?:from|join:?)\s*\(?\s*\w+\s+in\s+(?:\w+\.)*(?P<table>[A-Z]\w*)", Place::Here),
        ],
        ..PLAIN
    },
    Language {
        name: "Prisma",
        extensions: &["prisma"],
        line_comments: &["//"],
        strings: &[DOUBLE],
        layout: Layout::Braces,
        declaration: Some(r"(?m)^\s*(?:model|view|enum|type)\s+(?P<name>\w+)"),
        marker: Some(r"(?m)^\s*(?:model|view|enum)\s"),
        mappings: &[map(r#"@@map\(\s*(?:name:\s*)?"(?P<table>\w+)""#, Place::Inside)],
        ..PLAIN
    },
    Language {
        name: "SQL",
        extensions: &["sql", "psql", "pgsql", "ddl", "hql"],
        line_comments: &["--"],
        block_comments: C_BLOCK,
        sql: true,
        ..PLAIN
    },
    Language { name: "XML", extensions: &["xml"], block_comments: &[("<!--", "-->")], sql: true, ..PLAIN },
    Language {
        name: "Shell",
        extensions: &["sh", "bash", "zsh"],
        line_comments: &["#"],
        strings: &[quote("\"", "\"", true, true), quote("'", "'", true, false)],
        heredoc: Some("<<"),
        ..PLAIN
    },
    Language {
        name: "template",
        extensions: &[
            "erb", "haml", "slim", "html", "jinja", "jinja2", "j2", "twig", "cshtml", "razor", "eex", "heex", "leex", "ejs", "hbs",
            "gohtml", "tmpl",
        ],
        block_comments: &[("<!--", "-->"), ("<%#", "%>"), ("{#", "#}")],
        ..PLAIN
    },
];

/// The patterns of one language, compiled once.
pub struct Compiled {
    pub declaration: Option<Regex>,
    pub marker: Option<Regex>,
    pub mappings: Vec<(Regex, Place)>,
}

pub fn language_of(path: &str) -> Option<usize> {
    let file = path.rsplit('/').next().unwrap_or(path);
    let extension = file.rsplit_once('.')?.1.to_ascii_lowercase();
    LANGUAGES.iter().position(|language| language.extensions.contains(&extension.as_str()))
}

pub fn compiled(language: usize) -> &'static Compiled {
    static ALL: OnceLock<Vec<Compiled>> = OnceLock::new();
    let all = ALL.get_or_init(|| {
        // The patterns are constants of this file; a test compiles each of them.
        let regex = |pattern: &str| Regex::new(pattern).expect("a constant pattern");
        LANGUAGES
            .iter()
            .map(|language| Compiled {
                declaration: language.declaration.map(regex),
                marker: language.marker.map(regex),
                mappings: language.mappings.iter().map(|mapping| (regex(mapping.pattern), mapping.place)).collect(),
            })
            .collect()
    });
    &all[language]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_compile_and_name_their_groups() {
        for (i, language) in LANGUAGES.iter().enumerate() {
            let compiled = compiled(i);
            assert_eq!(compiled.declaration.is_some(), language.declaration.is_some());
            for (regex, place) in &compiled.mappings {
                assert!(regex.capture_names().flatten().any(|name| name == "table"), "{regex}");
                assert_eq!(*place == Place::Named, regex.capture_names().flatten().any(|name| name == "model"), "{regex}");
            }
        }
    }

    #[test]
    fn a_language_is_known_by_its_extension() {
        let name = |path| language_of(path).map(|i| LANGUAGES[i].name);
        assert_eq!(name("a/b.TSX"), Some("TypeScript"));
        assert_eq!(name("lib/x.tar.rb"), Some("Ruby"));
        assert_eq!(name("README.md"), None);
        assert_eq!(name("Makefile"), None);
    }
}
