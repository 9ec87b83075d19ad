//! An expression's node in, the facts the physics asks for out: volatility, columns, functions, what it proves.

use squawk_syntax::ast::{self, AstNode};
use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::cursor::fold_quoted;
use super::types;
use super::volatility;
use crate::schema::op::{Expr, Volatility};
use crate::source::Span;

/// `origin` is where the parsed text begins in the file.
pub(super) fn facts(node: &SyntaxNode, origin: usize) -> Expr {
    let mut columns = Vec::new();
    let mut functions = Vec::new();
    let mut volatility = Volatility::Immutable;
    for descendant in node.descendants() {
        match descendant.kind() {
            SyntaxKind::CALL_EXPR => {
                if let Some(name) = called(&descendant) {
                    volatility = volatility.max(volatility_of(&name));
                    push_new(&mut functions, name.join("."));
                }
            }
            SyntaxKind::NAME_REF if is_session_value(&descendant) => {
                volatility = volatility.max(Volatility::Stable);
                push_new(&mut functions, text_of(&descendant).to_lowercase());
            }
            SyntaxKind::NAME_REF | SyntaxKind::FIELD_EXPR => {
                if let Some(path) = column_path(&descendant)
                    && let Some(column) = path.last()
                {
                    push_new(&mut columns, column.clone());
                }
            }
            _ => {}
        }
    }
    let bare = strip(node, true);
    let is_literal = bare.kind() == SyntaxKind::LITERAL || is_signed_number(&bare);
    Expr {
        span: span_of(node, origin),
        text: collapse(&node.text().to_string()),
        volatility: volatility.max(of_subqueries(node)),
        is_null: is_null(&bare),
        is_literal,
        columns,
        functions,
        proves_not_null: proves_not_null(node),
        plain_cast: plain_cast(node, origin),
    }
}

pub(super) fn span_of(node: &SyntaxNode, origin: usize) -> Span {
    let range = node.text_range();
    Span { start: origin + usize::from(range.start()), end: origin + usize::from(range.end()) }
}

fn push_new(list: &mut Vec<String>, item: String) {
    if !list.contains(&item) {
        list.push(item);
    }
}

pub(super) fn text_of(node: &SyntaxNode) -> String {
    node.text().to_string()
}

/// As written, white space collapsed to single blanks.
pub(super) fn collapse(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The folded parts of `a`, `a.b` or `a.b.c`; `None` when it is not a plain path.
pub(super) fn path(node: &SyntaxNode) -> Option<Vec<String>> {
    let mut parts = Vec::new();
    for token in node.descendants_with_tokens().filter_map(|element| element.into_token()) {
        match token.kind() {
            SyntaxKind::WHITESPACE | SyntaxKind::COMMENT | SyntaxKind::DOT => {}
            kind if kind == SyntaxKind::IDENT || token.text().starts_with(|c: char| c.is_alphabetic() || c == '_' || c == '"') => {
                parts.push(fold_quoted(token.text()));
            }
            _ => return None,
        }
    }
    (!parts.is_empty()).then_some(parts)
}

/// The path of a column reference that is not part of a longer path and is not a function's name.
pub(super) fn column_path(node: &SyntaxNode) -> Option<Vec<String>> {
    let parent = node.parent();
    let first_of_call = parent.as_ref().is_some_and(|p| p.kind() == SyntaxKind::CALL_EXPR && p.first_child().as_ref() == Some(node));
    let inside_path = parent.as_ref().is_some_and(|p| p.kind() == SyntaxKind::FIELD_EXPR);
    // `geometry(Point)`: what modifies a type looks like a column.
    let in_type = node.ancestors().skip(1).take(3).any(|n| ast::Type::can_cast(n.kind()));
    if first_of_call || inside_path || in_type || is_session_value(node) { None } else { path(node) }
}

/// `CURRENT_TIMESTAMP`, `SESSION_USER` and their like: keywords that read the session, without parentheses.
pub(super) fn is_session_value(node: &SyntaxNode) -> bool {
    node.kind() == SyntaxKind::NAME_REF
        && node.first_token().is_some_and(|token| {
            matches!(
                token.text().to_ascii_lowercase().as_str(),
                "current_catalog"
                    | "current_date"
                    | "current_role"
                    | "current_schema"
                    | "current_time"
                    | "current_timestamp"
                    | "current_user"
                    | "localtime"
                    | "localtimestamp"
                    | "session_user"
                    | "system_user"
                    | "user"
            )
        })
}

/// The folded path of a called function. Special syntax (`EXTRACT(… FROM …)`) is called by its keyword.
pub(super) fn called(call: &SyntaxNode) -> Option<Vec<String>> {
    let first = call.first_child()?;
    match first.kind() {
        SyntaxKind::NAME_REF | SyntaxKind::FIELD_EXPR => path(&first),
        SyntaxKind::ANY_FN | SyntaxKind::ALL_FN | SyntaxKind::SOME_FN | SyntaxKind::EXISTS_FN => None,
        _ => first.first_token().map(|token| vec![token.text().to_ascii_lowercase()]),
    }
}

fn volatility_of(name: &[String]) -> Volatility {
    match name {
        [name] => volatility::of_function(name),
        [schema, name] if schema == "pg_catalog" || volatility::of_function(name) == Volatility::Volatile => volatility::of_function(name),
        _ => Volatility::Unknown,
    }
}

/// What a subquery gives depends on the rows it reads, which the catalog does not know.
fn of_subqueries(node: &SyntaxNode) -> Volatility {
    let reads = node.descendants().any(|n| matches!(n.kind(), SyntaxKind::SELECT | SyntaxKind::COMPOUND_SELECT));
    if reads { Volatility::Unknown } else { Volatility::Immutable }
}

/// The expression under its parentheses, and under its casts when `casts`.
pub(super) fn strip(node: &SyntaxNode, casts: bool) -> SyntaxNode {
    let mut node = node.clone();
    while node.kind() == SyntaxKind::PAREN_EXPR || (casts && node.kind() == SyntaxKind::CAST_EXPR) {
        match node.children().find(|child| ast::Expr::can_cast(child.kind())) {
            Some(child) => node = child,
            None => break,
        }
    }
    node
}

fn is_null(node: &SyntaxNode) -> bool {
    node.kind() == SyntaxKind::LITERAL && node.text().to_string().eq_ignore_ascii_case("null")
}

fn is_signed_number(node: &SyntaxNode) -> bool {
    node.kind() == SyntaxKind::PREFIX_EXPR && node.children().any(|child| child.kind() == SyntaxKind::LITERAL)
}

/// The operator of a binary expression, in lower case.
pub(super) fn operator(node: &SyntaxNode) -> String {
    let mut words = Vec::new();
    for child in node.children_with_tokens() {
        if let Some(token) = child.as_token().filter(|token| !token.kind().is_trivia()) {
            words.push(token.text().to_ascii_lowercase());
        } else if let Some(node) = child.as_node().filter(|node| !ast::Expr::can_cast(node.kind())) {
            words.push(collapse(&text_of(node)).to_ascii_lowercase());
        }
    }
    words.join(" ")
}

/// Both sides of a binary expression.
pub(super) fn operands(node: &SyntaxNode) -> Option<(SyntaxNode, SyntaxNode)> {
    let mut operands = node.children().filter(|child| ast::Expr::can_cast(child.kind()));
    Some((operands.next()?, operands.next()?))
}

/// What an AND joins, parentheses removed.
pub(super) fn conjuncts(node: &SyntaxNode) -> Vec<SyntaxNode> {
    let mut found = Vec::new();
    let mut open = vec![strip(node, false)];
    while let Some(node) = open.pop() {
        match operands(&node) {
            Some((left, right)) if node.kind() == SyntaxKind::BIN_EXPR && operator(&node) == "and" => {
                open.push(strip(&right, false));
                open.push(strip(&left, false));
            }
            _ => found.push(node),
        }
    }
    found
}

/// The column under parentheses, by its last name.
pub(super) fn column(node: &SyntaxNode) -> Option<String> {
    let node = strip(node, false);
    let is_path = matches!(node.kind(), SyntaxKind::NAME_REF | SyntaxKind::FIELD_EXPR);
    if is_path && !is_session_value(&node) { path(&node)?.pop() } else { None }
}

fn proves_not_null(node: &SyntaxNode) -> Vec<String> {
    let mut columns = Vec::new();
    for conjunct in conjuncts(node) {
        let proved = match conjunct.kind() {
            SyntaxKind::BIN_EXPR => operands(&conjunct)
                .filter(|(_, right)| is_null(right) && operator(&conjunct) == "is not")
                .and_then(|(left, _)| column(&left)),
            SyntaxKind::POSTFIX_EXPR if conjunct.last_token().is_some_and(|t| t.text().eq_ignore_ascii_case("notnull")) => {
                conjunct.first_child().and_then(|left| column(&left))
            }
            _ => None,
        };
        if let Some(column) = proved {
            push_new(&mut columns, column);
        }
    }
    columns
}

fn plain_cast(node: &SyntaxNode, origin: usize) -> Option<(String, Option<crate::schema::types::TypeName>)> {
    let node = strip(node, false);
    if node.kind() != SyntaxKind::CAST_EXPR {
        return column(&node).map(|column| (column, None));
    }
    let column = column(&node.children().find(|child| ast::Expr::can_cast(child.kind()))?)?;
    let ty = node.children().find(|child| ast::Type::can_cast(child.kind()))?;
    Some((column, types::type_of_node(&ty, origin)))
}
