//! Whether an UPDATE or DELETE touches some rows only: a key range, a list of ids, or a LIMIT.

use squawk_syntax::ast::{self, AstNode};
use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::expr;

/// `node` is the whole UPDATE or DELETE.
pub(super) fn is(node: &SyntaxNode) -> bool {
    let limited_source =
        node.children().filter(|n| matches!(n.kind(), SyntaxKind::WITH_CLAUSE | SyntaxKind::FROM_CLAUSE | SyntaxKind::USING_CLAUSE));
    if limited_source.clone().any(|clause| has_limit(&clause)) && node.children().any(|n| n.kind() == SyntaxKind::WHERE_CLAUSE) {
        return true;
    }
    let Some(predicate) = node.children().find(|n| n.kind() == SyntaxKind::WHERE_CLAUSE).and_then(|clause| clause.first_child()) else {
        return false;
    };
    let (mut lower, mut upper) = (Vec::new(), Vec::new());
    for conjunct in expr::conjuncts(&predicate) {
        if limits_alone(&conjunct) {
            return true;
        }
        if let Some((column, is_lower)) = edge(&conjunct) {
            if is_lower { lower.push(column) } else { upper.push(column) }
        }
    }
    lower.iter().any(|column| upper.contains(column))
}

/// Columns that the whole UPDATE or DELETE compares with values, when a key range or a limit does not bound it.
pub(super) fn equals(node: &SyntaxNode) -> Vec<String> {
    let Some(predicate) = node.children().find(|n| n.kind() == SyntaxKind::WHERE_CLAUSE).and_then(|clause| clause.first_child()) else {
        return Vec::new();
    };
    let conjuncts = expr::conjuncts(&predicate);
    let alone: Vec<&SyntaxNode> = conjuncts.iter().filter(|conjunct| limits_alone(conjunct)).collect();
    if alone.iter().any(|conjunct| conjunct.kind() == SyntaxKind::BETWEEN_EXPR || has_limit(conjunct)) {
        return Vec::new();
    }
    let compared = |conjunct: &&SyntaxNode| {
        let (left, right) = expr::operands(conjunct)?;
        expr::column(&left).or_else(|| expr::column(&right))
    };
    alone.iter().copied().filter_map(|conjunct| compared(&conjunct)).collect()
}

fn has_limit(node: &SyntaxNode) -> bool {
    node.descendants().any(|n| matches!(n.kind(), SyntaxKind::LIMIT_CLAUSE | SyntaxKind::FETCH_CLAUSE))
}

fn limits_alone(conjunct: &SyntaxNode) -> bool {
    match conjunct.kind() {
        SyntaxKind::BETWEEN_EXPR => {
            let text = conjunct.text().to_string().to_lowercase();
            conjunct.first_child().is_some_and(|n| expr::column(&n).is_some()) && !text.contains(" not between")
        }
        SyntaxKind::BIN_EXPR => {
            let Some((left, right)) = expr::operands(conjunct) else { return false };
            match expr::operator(conjunct).as_str() {
                "=" => {
                    let pair = |column: &SyntaxNode, value: &SyntaxNode| {
                        expr::column(column).is_some() && (is_value(value) || is_any_of_few(value))
                    };
                    pair(&left, &right) || pair(&right, &left)
                }
                "in" => is_row_key(&left) && list_is_short(&right),
                _ => false,
            }
        }
        _ => false,
    }
}

fn is_row_key(node: &SyntaxNode) -> bool {
    expr::column(node).is_some() || node.kind() == SyntaxKind::TUPLE_EXPR
}

/// A literal, a parameter or a cast of one. Booleans and NULL select no few rows.
fn is_value(node: &SyntaxNode) -> bool {
    let bare = expr::strip(node, true);
    let text = bare.text().to_string().to_lowercase();
    bare.kind() == SyntaxKind::LITERAL && !matches!(text.as_str(), "true" | "false" | "null" | "default")
}

/// `ANY (ARRAY(SELECT … LIMIT n))`, `ANY ('{1,2}')`, and a scalar subquery.
fn is_any_of_few(node: &SyntaxNode) -> bool {
    let bare = expr::strip(node, true);
    bare.kind() == SyntaxKind::CALL_EXPR
        && bare.first_child().is_some_and(|n| matches!(n.kind(), SyntaxKind::ANY_FN | SyntaxKind::SOME_FN))
        && list_is_short(&bare)
}

/// A list that is written out, or a subquery with a limit.
fn list_is_short(node: &SyntaxNode) -> bool {
    let reads = node.descendants().any(|n| n.kind() == SyntaxKind::FROM_CLAUSE);
    if reads { has_limit(node) } else { node.descendants().any(|n| n.kind() == SyntaxKind::LITERAL) }
}

/// `column > value`: the column, and whether it is a lower edge.
fn edge(conjunct: &SyntaxNode) -> Option<(String, bool)> {
    if conjunct.kind() != SyntaxKind::BIN_EXPR {
        return None;
    }
    let (left, right) = expr::operands(conjunct)?;
    let operator = expr::operator(conjunct).replace(' ', "");
    let lower = match operator.as_str() {
        ">" | ">=" => true,
        "<" | "<=" => false,
        _ => return None,
    };
    match (expr::column(&left), expr::column(&right)) {
        (Some(column), _) if ast::Expr::can_cast(right.kind()) => Some((column, lower)),
        (None, Some(column)) => Some((column, !lower)),
        _ => None,
    }
}
