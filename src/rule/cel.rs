//! The only user of CEL: conditions of team rules in, true or false out, in bounded time and memory.
//!
//! CEL always ends, but nested comprehensions and growing strings multiply. So every list that is walked, every value that is
//! put into a list or map and every sum is charged against a budget, and past it the evaluation is an error. Texts and depth of an
//! expression are bounded before it is parsed. Regular expressions are compiled once and searched in linear time.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use cel::common::ast::{EntryExpr, Expr, IdedExpr, operators};
use cel::common::types::{CelBool, CelList, CelMap, CelString, DYN_TYPE, STRING_TYPE};
use cel::common::value::{CowVal, Val};
use cel::objects::{Key, Map};
use cel::{Context, Env, ExecutionError, Value};
use regex::{Regex, RegexBuilder};
use serde_json::Value as Json;

/// Bytes of an expression.
const MAX_EXPRESSION: usize = 4096;
/// Levels of a parsed expression.
const MAX_DEPTH: usize = 64;
/// Brackets and operators in one another while parsing.
const MAX_NESTING: u16 = 24;
/// The parser's and the evaluation's frames are large; only what is used of this is ever taken.
const STACK: usize = 256 << 20;
/// Texts of facts are cut at so many bytes.
const MAX_TEXT: usize = 16 * 1024;
/// Steps one rule may take over all facts it looks at.
pub const BUDGET: u64 = 4_000_000;
/// Regular expressions one rule may make.
const MAX_PATTERNS: usize = 100;
/// Cannot be written in an expression.
const CHARGE: &str = "@charge";

/// A parsed condition.
#[derive(Debug)]
pub struct Condition(IdedExpr);

/// What a condition may ask about.
pub struct Facts(Context<'static, 'static>);

thread_local! {
    /// Steps that are left; none once the budget was overdrawn.
    static LEFT: Cell<Option<u64>> = const { Cell::new(Some(0)) };
    static PATTERNS: RefCell<HashMap<String, Regex>> = RefCell::default();
}

static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut env = Env::stdlib();
    // Each is declared once under a name of its own.
    env.add_overload(CHARGE, "charge_dyn", vec![DYN_TYPE], charge).expect("one overload of that name");
    env.add_overload("matches", "matches_dyn", vec![STRING_TYPE, STRING_TYPE], matches).expect("the crate's own is not built in");
    env.add_member_overload("matches", "string_matches_dyn", STRING_TYPE, vec![STRING_TYPE], matches)
        .expect("the crate's own is not built in");
    Arc::new(env)
});

/// Reads a condition, or says what is wrong with it. Belongs into `with_room`.
pub fn compile(source: &str) -> Result<Condition, String> {
    if source.len() > MAX_EXPRESSION {
        return Err(format!("it has {} bytes, more than {MAX_EXPRESSION}", source.len()));
    }
    let mut expression =
        ENVIRONMENT.parser().max_recursion_depth(MAX_NESTING).parse(source).map_err(|errors| match errors.errors.first() {
            Some(error) => format!("{} (column {})", error.msg, error.pos.1.max(0) + 1),
            None => "it cannot be parsed".to_owned(),
        })?;
    guard(&mut expression, 0)?;
    Ok(Condition(expression))
}

/// Runs work that compiles or asks conditions where their recursion has room.
pub fn with_room<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work);
        match thread.expect("a thread can be started").join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// Begins a rule with so many steps.
pub fn reset(budget: u64) {
    LEFT.set(Some(budget));
    PATTERNS.with_borrow_mut(HashMap::clear);
}

impl Facts {
    pub fn new(facts: &Json) -> Self {
        let mut context = Context::with_env(ENVIRONMENT.clone());
        context.add_variable_from_value("facts", value(facts));
        Facts(context)
    }

    /// Whether the condition holds, with `fact` for the one that is looked at.
    pub fn holds(&self, condition: &Condition, fact: Option<&Json>) -> Result<bool, String> {
        spend(1).map_err(|error| spoken(&error))?;
        let mut scope = self.0.new_inner_scope();
        if let Some(fact) = fact {
            scope.add_variable_from_value("fact", value(fact));
        }
        let result = Value::resolve_val(&condition.0, &scope);
        // An `all` or `exists` may have swallowed the error.
        if LEFT.get().is_none() {
            return Err(exhausted());
        }
        let result = result.map_err(|error| spoken(&error))?;
        let found = result.downcast_ref::<CelBool>().map(|found| *found.inner());
        found.ok_or_else(|| format!("it gives a {}, not true or false", result.get_type().name()))
    }
}

fn exhausted() -> String {
    "it takes too many steps; look at fewer facts with `for_each`, or nest fewer `all`, `exists`, `filter` and `map`".to_owned()
}

fn spoken(error: &ExecutionError) -> String {
    let hint = match error {
        ExecutionError::NoSuchKey(_) => "; ask `has(…)` first",
        _ => "",
    };
    // Errors may print whole values.
    let text: String = error.to_string().chars().take(300).collect();
    format!("{text}{hint}")
}

fn spend(steps: u64) -> Result<(), ExecutionError> {
    LEFT.set(LEFT.get().and_then(|left| left.checked_sub(steps)));
    if LEFT.get().is_some() { Ok(()) } else { Err(ExecutionError::function_error("when", "too many steps")) }
}

/// Takes what its argument weighs from the budget and hands it on.
fn charge<'b, 'v>(mut arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let argument = arguments.pop().ok_or(ExecutionError::MissingArgumentOrTarget)?;
    spend(weight(argument.as_ref()))?;
    Ok(argument)
}

/// Values below and including this one, long texts counted by length.
fn weight(value: &dyn Val) -> u64 {
    if let Some(list) = value.downcast_ref::<CelList>() {
        return list.inner().iter().fold(1, |sum, item| sum + weight(item.as_ref()));
    }
    if let Some(map) = value.downcast_ref::<CelMap>() {
        return map.inner().values().fold(1, |sum, item| sum + 1 + weight(item.as_ref()));
    }
    text_weight(value.downcast_ref::<CelString>().map_or(0, |text| text.inner().len()))
}

fn text_weight(bytes: usize) -> u64 {
    1 + bytes as u64 / 64
}

/// `text.matches(pattern)`: found anywhere in the text, as the CEL specification has it.
fn matches<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let texts: Vec<&str> = arguments.iter().filter_map(|argument| argument.downcast_ref::<CelString>().map(|text| text.inner())).collect();
    let [text, pattern] = texts[..] else { return Err(ExecutionError::MissingArgumentOrTarget) };
    spend(text_weight(text.len()))?;
    let found = PATTERNS.with_borrow_mut(|known| {
        if let Some(regex) = known.get(pattern) {
            return Ok(regex.is_match(text));
        }
        if known.len() >= MAX_PATTERNS {
            return Err(format!("it makes more than {MAX_PATTERNS} regular expressions"));
        }
        let regex = RegexBuilder::new(pattern).size_limit(1 << 20).build().map_err(|error| error.to_string())?;
        let found = regex.is_match(text);
        known.insert(pattern.to_owned(), regex);
        Ok(found)
    });
    let found = found.map_err(|problem| ExecutionError::function_error("matches", problem))?;
    Ok(CowVal::owned(CelBool::from(found)))
}

/// Wraps what can multiply into `@charge`.
fn guard(expression: &mut IdedExpr, depth: usize) -> Result<(), String> {
    if depth > MAX_DEPTH {
        return Err(format!("it is nested more than {MAX_DEPTH} deep"));
    }
    let below = depth + 1;
    match &mut expression.expr {
        Expr::Call(call) => {
            call.target.as_deref_mut().map_or(Ok(()), |target| guard(target, below))?;
            call.args.iter_mut().try_for_each(|argument| guard(argument, below))?;
            // What a macro appends to its result is charged item by item.
            let appends = call.args.first().is_some_and(|first| matches!(&first.expr, Expr::Ident(name) if name.starts_with('@')));
            if call.func_name == operators::ADD && !appends {
                wrap(expression);
            }
        }
        Expr::Comprehension(comprehension) => {
            for part in [
                &mut comprehension.iter_range,
                &mut comprehension.accu_init,
                &mut comprehension.loop_cond,
                &mut comprehension.loop_step,
                &mut comprehension.result,
            ] {
                guard(part, below)?;
            }
            wrap(&mut comprehension.iter_range);
        }
        Expr::List(list) => {
            for element in &mut list.elements {
                guard(element, below)?;
                if !matches!(element.expr, Expr::Literal(_)) {
                    wrap(element);
                }
            }
        }
        Expr::Map(map) => {
            for entry in &mut map.entries {
                let EntryExpr::MapEntry(entry) = &mut entry.expr else { continue };
                guard(&mut entry.key, below)?;
                guard(&mut entry.value, below)?;
                wrap(&mut entry.value);
            }
        }
        Expr::Select(select) => guard(&mut select.operand, below)?,
        Expr::Struct(_) => return Err("it builds a message, which there are none of".to_owned()),
        Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified => {}
    }
    Ok(())
}

fn wrap(expression: &mut IdedExpr) {
    let inner = std::mem::take(expression);
    expression.id = inner.id;
    expression.expr = Expr::Call(cel::common::ast::CallExpr { func_name: CHARGE.to_owned(), target: None, args: vec![inner] });
}

/// A fact as CEL sees it: whole numbers are `int`, others `double`.
fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(flag) => Value::Bool(*flag),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Value::Int(whole),
            None => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::String(Arc::new(cut(text).to_owned())),
        Json::Array(items) => Value::List(Arc::new(items.iter().map(value).collect())),
        Json::Object(map) => {
            let entries = map.iter().map(|(key, item)| (Key::String(Arc::new(key.clone())), value(item)));
            Value::Map(Map { map: Arc::new(entries.collect()) })
        }
    }
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(MAX_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn eval(source: &str, facts: &Json) -> Result<bool, String> {
        with_room(|| {
            reset(50_000);
            Facts::new(facts).holds(&compile(source)?, Some(&json!({"name": "orders", "size": 3, "ratio": 0.5, "tags": ["a", "b"]})))
        })
    }

    #[test]
    fn conditions_over_facts() {
        let facts = json!({"files": [{"path": "a.sql", "status": "added"}, {"path": "b.go", "status": "modified"}]});
        for (source, wanted) in [
            ("facts.files.exists(f, f.path.endsWith('.sql') && f.status == 'added')", true),
            ("facts.files.all(f, f.path.matches('^[ab][.]'))", true),
            ("facts.files.filter(f, f.status == 'added').size() == 1", true),
            ("facts.files.map(f, f.path) == ['a.sql', 'b.go']", true),
            ("size(facts.files) > 2", false),
            ("has(fact.missing) && fact.missing == 1", false),
            ("fact.size + 1 == 4 && fact.ratio < 1.0 && 'a' in fact.tags", true),
            ("fact.name + 'x' == 'ordersx'", true),
        ] {
            assert_eq!(eval(source, &facts), Ok(wanted), "{source}");
        }
    }

    #[test]
    fn broken_conditions_say_why() {
        for (source, word) in [
            ("facts.files.exists(f, ", "column"),
            ("fact.missing == 1", "has("),
            ("nothing == 1", "nothing"),
            ("fact.size", "not true or false"),
            ("fact.name.matches('(')", "regex"),
            ("fact.name > 1", "overload"),
            ("Message{a: 1}", "message"),
        ] {
            let problem = eval(source, &json!({"files": []})).expect_err(source);
            assert!(problem.contains(word), "{source}: {problem}");
        }
        let nested = |open: &str, close: &str| format!("{}1{}", open.repeat(900), close.repeat(900));
        for source in
            ["a".repeat(5_000), nested("(-", ")"), nested("[", "]"), nested("!(", ")"), ["1"; 900].join(" + "), "a ? b : ".repeat(500)]
        {
            assert!(with_room(|| compile(&source).map(|_| ())).is_err(), "{}", &source[..20]);
        }
    }

    #[test]
    fn what_multiplies_ends_with_the_budget() {
        let many: Vec<u32> = (0..3_000).collect();
        let facts = json!({"n": many, "text": "x".repeat(10_000), "deep": {"n": many}});
        let doubling = format!("['x']{}.size() > 0", ".map(s, s + s)".repeat(200));
        let lists = format!("[1]{}.size() > 0", ".map(l, [l, l])".repeat(200));
        for source in [
            "facts.n.all(a, facts.n.all(b, facts.n.all(c, a + b + c >= 0)))",
            "facts.n.exists(a, facts.n.exists(b, a + b < 0))",
            "[facts.n].all(l, l.all(a, l.all(b, l.all(c, a + b + c >= 0))))",
            "facts.n.map(a, facts).size() > 0",
            "facts.n.map(a, facts.n.map(b, facts.text)).size() > 0",
            "facts.n.all(a, {'x': facts}.size() == 1)",
            "facts.n.all(a, facts.n.all(b, facts.text.matches('x+')))",
            doubling.as_str(),
            lists.as_str(),
        ] {
            let problem = eval(source, &facts).expect_err(source);
            assert!(problem.contains("steps") || problem.contains("nested"), "{source}: {problem}");
        }
        assert!(eval("facts.n.exists(a, fact.name.matches(string(a)))", &facts).expect_err("patterns").contains("regular expressions"));
    }
}
