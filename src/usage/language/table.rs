//! The languages, as data.

use super::{Language, Layout, Mapping, Place, Quote};

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
    unmapped: None,
    grammar: None,
    ignore_lists: &[],
    whole_row: None,
    dynamic_rows: false,
    code: true,
};
/// Configuration, build files and scripts that have no extension.
pub const HASH: Language = Language { name: "configuration", line_comments: &["#"], strings: &[DOUBLE, SINGLE], ..PLAIN };
const DOUBLE: Quote = quote("\"", "\"", false, true);
const SINGLE: Quote = quote("'", "'", false, true);

const LINES: Quote = quote("\"", "\"", true, true);
const LINES_SINGLE: Quote = quote("'", "'", true, true);
const TRIPLE: Quote = quote("\"\"\"", "\"\"\"", true, true);
const TRIPLE_SINGLE: Quote = quote("'''", "'''", true, true);
const SLASHED: Language = Language { line_comments: &["//"], block_comments: C_BLOCK, char_literals: true, ..PLAIN };

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

/// Keywords, predeclared types and functions.
const GO_WORDS: &str = r"^(?:(?:error|string|bool|byte|rune|any|u?int(?:8|16|32|64)?|float(?:32|64)|func|type|range|map|var|const|package|import|interface|struct|select|case|default|switch|go|defer|return|for|if|else|goto|break|continue|chan)\b|(?:len|cap|new|make|append|delete|copy|close|min|max|clear)\()";
/// Words that name nothing, and the one that does where it declares a type.
const SCRIPT_WORDS: &str =
    r"^(?:type\s+[A-Z]|(?:class|default|delete|new|return|case|switch|import|export|enum|function|const|let|var|void|typeof)\b)";
const C_WORDS: &str =
    r"^(?:class|default|case|package|public|private|protected|new|return|switch|void|import|enum|interface|static|final)\b";

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
        ignore_lists: &["ignored_columns"],
        whole_row: Some((r"<\s*(?:::)?(?:ApplicationRecord|ActiveRecord::Base|\w+Record)\b", "ActiveRecord")),
        dynamic_rows: true,
        grammar: Some(r"^(?:end|begin|class|module|def|next|then|when|case|if|unless|else|do|return|not|and|or)\b"),
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
        unmapped: Some(r"@(?:cached_|classmethod\s*@)?property\b"),
        ignore_lists: &["exclude_properties"],
        grammar: Some(r"^(?:class|from|import|is|not|and|or|pass|return|del|global|lambda|with|for|if|else)\b"),
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
                r#"func\s*\(\s*(?:\w+\s+)?\*?(?P<model>\w+)\s*\)\s*TableName\(\)\s*string\s*\{\s*(?:if\s[^{]*\{[^}]*\}\s*)?return\s*["`](?:\w+\.)?(?P<table>\w+)["`]"#,
                Place::Named,
            ),
            map(r#"\bbun:"table:(?P<table>\w+)"#, Place::Inside),
            map(r#"entsql\.Annotation\{\s*Table:\s*"(?P<table>\w+)""#, Place::Inside),
            map(r#"\.(?:Table|From|Insert|Update|Delete|Into|Join|InsertInto)\(\s*["`](?P<table>\w+)["`]"#, Place::Here),
            map(r"\.Model\(&?(?:\w+\.)?(?P<table>[A-Z]\w*)\{", Place::Here),
        ],
        unmapped: Some(r#"\b(?:gorm|db|bun|pg|xorm|sql):"-[:";,]"#),
        grammar: Some(GO_WORDS),
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
        unmapped: Some(r"@(?:\w+\.)*(?:Transient|Ignore)\b|\btransient\b|@TableField\([^)]*exist\s*=\s*false"),
        grammar: Some(C_WORDS),
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
        marker: Some(r"@(?:\w+\.)*(?:Entity|Table|MappedEntity)\b|\b(?:object|class)\s+\w+[^{\n]*:\s*(?:\w*Table|\w*Entity)\b"),
        mappings: &[
            map(
                r#"@(?:\w+\.)*(?:Table|Entity|MappedEntity)\s*\([^)]*?(?:(?:name|value|tableName)\s*=\s*)?"(?:\w+\.)?(?P<table>\w+)""#,
                Place::Before,
            ),
            map(r#"\b\w*Table\(\s*(?:name\s*=\s*)?"(?P<table>\w+)""#, Place::Inside),
            map(r"\b(?:Jpa|Crud|PagingAndSorting|Coroutine\w*|Reactive\w*)Repository<\s*(?P<table>\w+)", Place::Here),
        ],
        unmapped: Some(r"@(?:\w+\.)*(?:Transient|Ignore)\b|\btransient\b|@TableField\([^)]*exist\s*=\s*false"),
        grammar: Some(C_WORDS),
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
        declaration: Some(
            r"(?m)(?:\b(?:class|interface|enum)\s+(?P<name>[A-Z]\w*)|^\s*(?:export\s+)?(?:declare\s+)?type\s+(?P<alias>[A-Z]\w*)\s*(?:<[^=]*>)?\s*=)",
        ),
        marker: Some(r"@Entity\b|@Table\b|\bextends\s+(?:\w+\.)?(?:Model|BaseEntity|BaseModel)\b|@Column\b"),
        mappings: SCRIPT_MAPPINGS,
        unmapped: Some(r"\bpersist:\s*false|\bDataTypes\.VIRTUAL\b"),
        dynamic_rows: true,
        grammar: Some(SCRIPT_WORDS),
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
        unmapped: Some(r"\bpersist:\s*false|\bDataTypes\.VIRTUAL\b"),
        dynamic_rows: true,
        grammar: Some(SCRIPT_WORDS),
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
        unmapped: Some(r"#\[(?:sea_orm|sqlx)\([^\]]*\b(?:ignore|skip)\b"),
        grammar: Some(r"^type\s+[A-Z]"),
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
        dynamic_rows: true,
        grammar: Some(r"^(?:class|default|case|public|private|return|new|function|use|namespace|abstract|final|static)\b"),
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
        unmapped: Some(r"\[(?:\w+\.)*NotMapped\b|\.Ignore\("),
        grammar: Some(C_WORDS),
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
        unmapped: Some(r"\bvirtual:\s*true"),
        ..PLAIN
    },
    Language {
        name: "Prisma",
        extensions: &["prisma"],
        line_comments: &["//"],
        strings: &[DOUBLE],
        layout: Layout::Braces,
        declaration: Some(r"(?m)^\s*(?:model|view|enum|type)\s+(?P<name>\w+)\s*\{"),
        marker: Some(r"(?m)^\s*(?:model|view|enum)\s"),
        mappings: &[map(r#"@@map\(\s*(?:name:\s*)?"(?P<table>\w+)""#, Place::Inside)],
        unmapped: Some(r"(?:^|\s)@ignore\b"),
        ..PLAIN
    },
    Language {
        name: "SQL",
        extensions: &["sql", "psql", "pgsql", "ddl", "hql"],
        line_comments: &["--"],
        block_comments: C_BLOCK,
        sql: true,
        dynamic_rows: true,
        code: false,
        ..PLAIN
    },
    Language { name: "XML", extensions: &["xml"], block_comments: &[("<!--", "-->")], sql: true, code: false, ..PLAIN },
    Language {
        name: "Shell",
        extensions: &["sh", "bash", "zsh"],
        line_comments: &["#"],
        strings: &[quote("\"", "\"", true, true), quote("'", "'", true, false)],
        heredoc: Some("<<"),
        code: false,
        ..PLAIN
    },
    Language {
        name: "template",
        extensions: &[
            "erb", "haml", "slim", "html", "jinja", "jinja2", "j2", "twig", "cshtml", "razor", "eex", "heex", "leex", "ejs", "hbs",
            "gohtml", "tmpl",
        ],
        block_comments: &[("<!--", "-->"), ("<%#", "%>"), ("{#", "#}")],
        code: false,
        ..PLAIN
    },
    // Languages without a mapping of their own: SQL in strings, members and symbols near the table still tell.
    Language { name: "Clojure", extensions: &["clj", "cljs", "cljc", "bb"], line_comments: &[";"], strings: &[LINES], ..PLAIN },
    Language {
        name: "C and C++",
        extensions: &["c", "h", "cc", "cpp", "cxx", "hpp", "hh", "m", "mm", "ino"],
        strings: &[DOUBLE],
        ..SLASHED
    },
    Language { name: "Dart", extensions: &["dart"], strings: &[TRIPLE, TRIPLE_SINGLE, DOUBLE, SINGLE], char_literals: false, ..SLASHED },
    Language { name: "Swift", extensions: &["swift"], strings: &[TRIPLE, DOUBLE], ..SLASHED },
    Language { name: "Zig", extensions: &["zig"], strings: &[DOUBLE], ..SLASHED },
    Language { name: "D", extensions: &["d"], strings: &[DOUBLE], ..SLASHED },
    Language { name: "Apex", extensions: &["cls", "trigger"], strings: &[SINGLE], char_literals: false, ..SLASHED },
    Language { name: "Crystal", extensions: &["cr"], line_comments: &["#"], strings: &[LINES], heredoc: Some("<<"), ..PLAIN },
    Language {
        name: "Perl",
        extensions: &["pl", "pm", "t", "psgi"],
        line_comments: &["#"],
        strings: &[LINES, LINES_SINGLE],
        heredoc: Some("<<"),
        ..PLAIN
    },
    Language { name: "R", extensions: &["r", "rmd"], line_comments: &["#"], strings: &[LINES, LINES_SINGLE], ..PLAIN },
    Language { name: "Julia", extensions: &["jl"], line_comments: &["#"], strings: &[TRIPLE, DOUBLE], ..PLAIN },
    Language { name: "Nim", extensions: &["nim"], line_comments: &["#"], strings: &[TRIPLE, DOUBLE], ..PLAIN },
    Language { name: "CoffeeScript", extensions: &["coffee"], line_comments: &["#"], strings: &[TRIPLE, DOUBLE, SINGLE], ..PLAIN },
    Language { name: "PowerShell", extensions: &["ps1", "psm1"], line_comments: &["#"], strings: &[LINES, LINES_SINGLE], ..PLAIN },
    Language {
        name: "Lua",
        extensions: &["lua", "luau"],
        line_comments: &["--"],
        strings: &[quote("[[", "]]", true, false), DOUBLE, SINGLE],
        ..PLAIN
    },
    Language {
        name: "Haskell",
        extensions: &["hs", "lhs", "purs", "persistentmodels"],
        line_comments: &["--"],
        block_comments: &[("{-", "-}")],
        strings: &[DOUBLE],
        ..PLAIN
    },
    Language {
        name: "Elm",
        extensions: &["elm"],
        line_comments: &["--"],
        block_comments: &[("{-", "-}")],
        strings: &[TRIPLE, DOUBLE],
        ..PLAIN
    },
    Language {
        name: "OCaml",
        extensions: &["ml", "mli", "re", "res"],
        block_comments: &[("(*", "*)")],
        strings: &[quote("{|", "|}", true, false), LINES],
        ..PLAIN
    },
    Language {
        name: "F# scripts",
        extensions: &["fsx"],
        line_comments: &["//"],
        block_comments: &[("(*", "*)")],
        strings: &[TRIPLE, DOUBLE],
        ..PLAIN
    },
    Language { name: "Erlang", extensions: &["erl", "hrl"], line_comments: &["%"], strings: &[LINES], ..PLAIN },
    Language { name: "Gleam", extensions: &["gleam"], line_comments: &["//"], strings: &[LINES], ..PLAIN },
    Language { name: "Lisp", extensions: &["lisp", "lsp", "el", "scm", "rkt", "fnl"], line_comments: &[";"], strings: &[LINES], ..PLAIN },
    Language {
        name: "Delphi",
        extensions: &["pas", "dpr"],
        line_comments: &["//"],
        block_comments: &[("{", "}"), ("(*", "*)")],
        strings: &[SINGLE],
        ..PLAIN
    },
    Language { name: "COBOL", extensions: &["cob", "cbl", "cpy"], line_comments: &["*>"], strings: &[DOUBLE, SINGLE], ..PLAIN },
    Language { name: "ColdFusion", extensions: &["cfm", "cfc"], block_comments: &[("<!---", "--->")], strings: &[DOUBLE, SINGLE], ..PLAIN },
    Language {
        name: "GraphQL",
        extensions: &["graphql", "gql", "graphqls"],
        line_comments: &["#"],
        strings: &[TRIPLE, DOUBLE],
        code: false,
        ..PLAIN
    },
    Language { name: "notebook", extensions: &["ipynb"], strings: &[DOUBLE], ..PLAIN },
];
