//! A query's node in, what it reads out: relations without the names of its CTEs, columns with their aliases resolved, functions, output names.

use std::collections::{HashMap, HashSet};

use squawk_syntax::ast::{self, AstNode};
use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::cursor::fold_quoted;
use super::expr;
use crate::schema::name::{Name, RelName};
use crate::schema::op::Query;
use crate::source::Span;

/// `origin` is where the parsed text begins in the file.
pub(super) fn facts(node: &SyntaxNode, origin: usize) -> Query {
    let mut reader = Reader { origin, ..Reader::default() };
    // A WITH clause around the query names CTEs too.
    let root = node.ancestors().last().unwrap_or_else(|| node.clone());
    let ctes: HashSet<String> =
        root.descendants().filter(|n| n.kind() == SyntaxKind::CTE_NAME).filter_map(|n| expr::path(&n)?.pop()).collect();
    for relation in node.descendants() {
        reader.relation(&relation, &ctes);
    }
    for descendant in node.descendants() {
        reader.column_or_call(&descendant);
    }
    let mut query = reader.query;
    query.span = expr::span_of(node, origin);
    query.output = output(node);
    query
}

#[derive(Default)]
struct Reader {
    origin: usize,
    query: Query,
    /// Alias or bare name to the relation; `None` when two relations share it or it is no table.
    aliases: HashMap<String, Option<RelName>>,
}

impl Reader {
    fn relation(&mut self, node: &SyntaxNode, ctes: &HashSet<String>) {
        match node.kind() {
            SyntaxKind::RELATION_NAME_REF | SyntaxKind::TABLE_NAME_REF => {}
            // A subquery's or function's alias.
            SyntaxKind::FROM_ALIAS => {
                let of_table = node.parent().is_some_and(|p| p.kind() == SyntaxKind::RELATION_FROM_ITEM);
                if let Some(alias) = alias_of(node).filter(|_| !of_table) {
                    self.aliases.insert(alias, None);
                }
                return;
            }
            _ => return,
        }
        let Some(rel) = rel_name(node, self.origin) else { return };
        let is_cte = rel.schema.is_none() && ctes.contains(&rel.name.text);
        let alias = alias_beside(node).unwrap_or_else(|| rel.name.text.clone());
        let known = (!is_cte).then(|| rel.clone());
        self.aliases.entry(alias).and_modify(|old| *old = old.take().filter(|old| Some(old) == known.as_ref())).or_insert(known);
        if !is_cte && !self.query.relations.contains(&rel) {
            self.query.relations.push(rel);
        }
    }

    fn column_or_call(&mut self, node: &SyntaxNode) {
        match node.kind() {
            SyntaxKind::CALL_EXPR => {
                if let Some(function) = function_name(node, self.origin)
                    && !self.query.functions.contains(&function)
                {
                    self.query.functions.push(function);
                }
            }
            SyntaxKind::TABLE => self.query.star = true,
            SyntaxKind::FIELD_EXPR if last_token_is_star(node) => self.query.star = true,
            SyntaxKind::TARGET if node.text().to_string().trim() == "*" => self.query.star = true,
            SyntaxKind::NAME_REF | SyntaxKind::FIELD_EXPR => {
                if let Some(path) = expr::column_path(node) {
                    self.column(node, &path);
                }
            }
            SyntaxKind::COLUMN_NAME_REF => {
                if let Some(name) = expr::path(node).and_then(|mut path| path.pop()) {
                    self.add_column(None, name, node);
                }
            }
            _ => {}
        }
    }

    fn column(&mut self, node: &SyntaxNode, path: &[String]) {
        match path {
            // A table's name where a value is expected is its whole row.
            [name] if self.aliases.contains_key(name) => self.query.star = true,
            [name] => self.add_column(None, name.clone(), node),
            [table, name] => {
                let table = self.aliases.get(table).cloned().flatten();
                self.add_column(table, name.clone(), node);
            }
            [.., schema, table, name] => {
                let span = expr::span_of(node, self.origin);
                let table = RelName { schema: Some(Name::new(schema.clone(), span)), name: Name::new(table.clone(), span) };
                self.add_column(Some(table), name.clone(), node);
            }
            [] => {}
        }
    }

    fn add_column(&mut self, table: Option<RelName>, name: String, node: &SyntaxNode) {
        let end = self.origin + usize::from(node.text_range().end());
        let last = node.last_token().map_or(end, |t| self.origin + usize::from(t.text_range().start()));
        let column = (table, Name::new(name, Span { start: last, end }));
        if !self.query.columns.contains(&column) {
            self.query.columns.push(column);
        }
    }
}

fn last_token_is_star(node: &SyntaxNode) -> bool {
    node.last_token().is_some_and(|token| token.text() == "*")
}

/// The alias of a table, which stands after its name in the same node or in the one around it.
fn alias_beside(name: &SyntaxNode) -> Option<String> {
    let parent = name.parent()?;
    let around =
        if matches!(parent.kind(), SyntaxKind::RELATION_NAME | SyntaxKind::TABLE_RELATION_NAME) { parent.parent()? } else { parent };
    let alias = around.children().find(|c| matches!(c.kind(), SyntaxKind::FROM_ALIAS | SyntaxKind::OPTIONAL_AS_ALIAS))?;
    alias_of(&alias)
}

fn alias_of(alias: &SyntaxNode) -> Option<String> {
    alias.children().find(|c| c.kind() == SyntaxKind::TABLE_ALIAS).and_then(|name| expr::path(&name)?.pop())
}

pub(super) fn rel_name(node: &SyntaxNode, origin: usize) -> Option<RelName> {
    let mut parts = names(node, origin);
    let name = parts.pop()?;
    Some(RelName { schema: parts.pop(), name })
}

fn names(node: &SyntaxNode, origin: usize) -> Vec<Name> {
    let tokens = node.descendants_with_tokens().filter_map(|element| element.into_token());
    let is_name = |text: &str| text.starts_with(|c: char| c.is_alphabetic() || c == '_' || c == '"');
    tokens
        .filter(|token| !token.kind().is_trivia() && is_name(token.text()))
        .map(|token| {
            let start = origin + usize::from(token.text_range().start());
            Name::new(fold_quoted(token.text()), Span { start, end: start + token.text().len() })
        })
        .collect()
}

fn function_name(call: &SyntaxNode, origin: usize) -> Option<RelName> {
    let first = call.first_child()?;
    match first.kind() {
        SyntaxKind::NAME_REF | SyntaxKind::FIELD_EXPR => rel_name(&first, origin),
        _ => None,
    }
}

/// Names of the output columns of the first SELECT in the text.
fn output(node: &SyntaxNode) -> Vec<Option<String>> {
    let main = node.descendants().find(|n| {
        let in_with = n.ancestors().take_while(|a| a != node).any(|a| a.kind() == SyntaxKind::WITH_CLAUSE);
        n.kind() == SyntaxKind::TARGET_LIST && !in_with
    });
    let Some(list) = main else { return Vec::new() };
    list.children().filter(|n| n.kind() == SyntaxKind::TARGET).map(|target| target_name(&target)).collect()
}

fn target_name(target: &SyntaxNode) -> Option<String> {
    if let Some(alias) = target.children().find(|c| c.kind() == SyntaxKind::AS_NAME) {
        let name = alias.children().find(|c| c.kind() == SyntaxKind::COLUMN_NAME)?;
        return expr::path(&name)?.pop();
    }
    let value = expr::strip(&target.children().find(|c| ast::Expr::can_cast(c.kind()))?, true);
    match value.kind() {
        SyntaxKind::CALL_EXPR => expr::called(&value)?.pop(),
        SyntaxKind::NAME_REF | SyntaxKind::FIELD_EXPR if !last_token_is_star(&value) => expr::path(&value)?.pop(),
        _ => None,
    }
}
