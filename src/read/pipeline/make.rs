//! Makefiles and justfiles in, one job a target out: prerequisites are needs, recipe lines are commands.
//!
//! Each line runs in a shell of its own that was started without `-e`; make ends at the first line that fails, unless `-`
//! stands before it.

use super::model::{Job, Need, Pipeline, Step, System};
use super::text::Joined;
use crate::read::shell::{Fate, Options, Swallow};
use crate::source::{FileId, Span};

const LINE: Options = Options { errexit: false, pipefail: false };

/// One line with the bytes it lies at, its ending left out.
struct Line<'t> {
    text: &'t str,
    start: usize,
}

fn lines(text: &str) -> Vec<Line<'_>> {
    let mut start = 0;
    let mut all = Vec::new();
    for line in text.split_inclusive('\n') {
        all.push(Line { text: line.trim_end_matches(['\n', '\r']), start });
        start += line.len();
    }
    all
}

pub fn makefile(path: &str, source: FileId, text: &str) -> Pipeline {
    let mut pipeline = Pipeline::new(source, path, System::Make);
    let lines = lines(text);
    let mut open: Vec<usize> = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let line = &lines[at];
        if let Some(recipe) = line.text.strip_prefix('\t') {
            let last = continued(&lines, at);
            let body = Span { start: line.start + line.text.len() - recipe.len(), end: lines[last].start + lines[last].text.len() };
            for index in &open {
                recipe_line(&mut pipeline.jobs[*index], text, body);
            }
            at = last + 1;
            continue;
        }
        let bare = line.text.trim();
        let directive = |word: &str| bare.split_whitespace().next() == Some(word);
        if ["include", "-include", "sinclude"].iter().any(|word| directive(word)) {
            pipeline.unknown(Span { start: line.start, end: line.start + line.text.len() }, format!("what `{bare}` brings in is not read"));
        }
        if !bare.is_empty()
            && !bare.starts_with('#')
            && !["ifeq", "ifneq", "ifdef", "ifndef", "else", "endif"].iter().any(|word| directive(word))
        {
            // Prerequisites may go on over lines; as many bytes, so that places stay.
            let last = continued(&lines, at);
            let whole = Span { start: line.start, end: lines[last].start + lines[last].text.len() };
            let joined = whole.text(text).replace("\\\r\n", "   ").replace("\\\n", "  ");
            open = targets(&mut pipeline, &Line { text: &joined, start: line.start });
            let semicolon = line.text.find(';').filter(|_| !open.is_empty());
            if let Some(semicolon) = semicolon {
                let body = Span { start: line.start + semicolon + 1, end: line.start + line.text.len() };
                for index in &open {
                    recipe_line(&mut pipeline.jobs[*index], text, body);
                }
            }
        }
        at = continued(&lines, at) + 1;
    }
    pipeline
}

/// The last line that backslashes join to this one.
fn continued(lines: &[Line], from: usize) -> usize {
    let mut last = from;
    while lines[last].text.ends_with('\\') && last + 1 < lines.len() {
        last += 1;
    }
    last
}

/// The jobs of `a b: c d`, each made when it is not there yet.
fn targets(pipeline: &mut Pipeline, line: &Line) -> Vec<usize> {
    let head = line.text.split(['#', ';']).next().unwrap_or("");
    let Some(colon) = head.find(':') else { return Vec::new() };
    let assigns = head[..colon].contains('=') || head[colon..].trim_start_matches(':').starts_with('=');
    if assigns || head.starts_with([' ', '.']) && !head.starts_with("./") {
        return Vec::new();
    }
    let prerequisites = head[colon + 1..].trim_start_matches(':');
    let needs: Vec<&str> = match prerequisites.contains('=') {
        true => Vec::new(),
        false => prerequisites.split_whitespace().filter(|word| *word != "|").collect(),
    };
    let mut open = Vec::new();
    for name in head[..colon].split_whitespace() {
        let start = line.start + name.as_ptr().addr() - line.text.as_ptr().addr();
        let index = match pipeline.jobs.iter().position(|job| job.id.text == name) {
            Some(index) => index,
            None => {
                pipeline.jobs.push(Job::new(name, Span { start, end: start + name.len() }));
                pipeline.jobs.len() - 1
            }
        };
        let job = &mut pipeline.jobs[index];
        job.needs.extend(needs.iter().map(|need| Need { job: (*need).to_owned(), implied: false, optional: false }));
        open.push(index);
    }
    open
}

/// A recipe line: `@` and `-` before it are make's, `$$` and `$(…)` are too.
fn recipe_line(job: &mut Job, text: &str, body: Span) {
    let raw = body.text(text);
    let prefix = raw.len() - raw.trim_start_matches(['@', '-', '+', ' ', '\t']).len();
    let ignored = raw[..prefix].contains('-');
    let span = Span { start: body.start + prefix, end: body.end };
    let shell = variables(span.text(text)).replace("\\\n\t", "\\\n ");
    let mut joined = Joined::default();
    joined.add_text(text, &shell, span);
    let mut step = Step::at(span);
    step.shell = Some(LINE);
    step.commands = joined.commands(LINE);
    if ignored {
        let by = Span { start: body.start, end: body.start + prefix };
        for command in &mut step.commands {
            command.fate = Fate::Swallowed { how: Swallow::OrTrue, by };
        }
    }
    if !step.commands.is_empty() {
        job.steps.push(step);
    }
}

/// `$(X)` names a variable of make here, not a command: written `${X}`, as many bytes, so that places stay.
fn variables(recipe: &str) -> String {
    let mut out = recipe.as_bytes().to_vec();
    let mut open = Vec::new();
    for at in 0..out.len() {
        match out[at] {
            b'(' if at > 0 && out[at - 1] == b'$' => {
                open.push(true);
                out[at] = b'{';
            }
            b'(' => open.push(false),
            b')' if open.pop() == Some(true) => out[at] = b'}',
            _ => {}
        }
    }
    // Only ASCII bytes were replaced by ASCII bytes.
    String::from_utf8(out).unwrap_or_else(|_| recipe.to_owned())
}

/// After just's manual: recipes are `name params: dependencies`, lines are indented; a shebang makes the body one script.
pub fn justfile(path: &str, source: FileId, text: &str) -> Pipeline {
    let mut pipeline = Pipeline::new(source, path, System::Just);
    let lines = lines(text);
    let mut at = 0;
    while at < lines.len() {
        let line = &lines[at];
        at += 1;
        let first = line.text.split_whitespace().next().unwrap_or("");
        if matches!(first, "import" | "import?" | "mod" | "mod?") {
            let span = Span { start: line.start, end: line.start + line.text.len() };
            pipeline.unknown(span, format!("what `{}` brings in is not read", line.text.trim()));
        }
        let Some(mut job) = recipe(line) else { continue };
        let from = at;
        while at < lines.len() && (lines[at].text.trim().is_empty() || lines[at].text.starts_with([' ', '\t'])) {
            at += 1;
        }
        body(&mut job, text, &lines[from..at]);
        pipeline.jobs.push(job);
    }
    pipeline
}

fn recipe(line: &Line) -> Option<Job> {
    let head = line.text;
    let name_end = head.trim_start_matches('@').find([' ', ':'])?;
    let offset = head.len() - head.trim_start_matches('@').len();
    let name = &head[offset..offset + name_end];
    let colon = head.find(':').filter(|colon| !head[*colon..].starts_with(":="))?;
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    if name.is_empty() || !plain || matches!(name, "set" | "alias" | "export" | "import" | "mod") {
        return None;
    }
    let start = line.start + offset;
    let mut job = Job::new(name, Span { start, end: start + name.len() });
    let dependencies = head[colon + 1..].split('#').next().unwrap_or("");
    let mut inside = false;
    for word in dependencies.split_whitespace() {
        // Of `(build "x")` the first word is the recipe, the others are its arguments.
        if !inside && word != "&&" {
            let name = word.trim_matches(['(', ')']).to_owned();
            job.needs.push(Need { job: name, implied: false, optional: false });
        }
        inside = (inside || word.starts_with('(')) && !word.ends_with(')');
    }
    Some(job)
}

fn body(job: &mut Job, text: &str, lines: &[Line]) {
    let first = lines.iter().find(|line| !line.text.trim().is_empty());
    if first.is_some_and(|line| line.text.trim_start().starts_with("#!")) {
        let (Some(first), Some(last)) = (lines.first(), lines.last()) else { return };
        let span = Span { start: first.start, end: last.start + last.text.len() };
        script(job, text, span, LINE);
        return;
    }
    let mut at = 0;
    while at < lines.len() {
        let last = continued(lines, at);
        let raw = lines[at].text.trim_start();
        if !raw.is_empty() && !raw.starts_with('#') {
            let start = lines[at].start + lines[at].text.len() - raw.len();
            recipe_line(job, text, Span { start, end: lines[last].start + lines[last].text.len() });
        }
        at = last + 1;
    }
}

fn script(job: &mut Job, text: &str, span: Span, options: Options) {
    let mut joined = Joined::default();
    joined.add_text(text, span.text(text), span);
    let mut step = Step::at(span);
    step.shell = Some(options);
    step.commands = joined.commands(options);
    job.steps.push(step);
}

/// Whether the first line, if it names an interpreter, names a shell.
pub fn is_shell(text: &str) -> bool {
    let first = text.lines().next().unwrap_or("");
    !first.starts_with("#!") || first.split(['/', ' ']).any(|part| matches!(part, "sh" | "bash" | "dash" | "zsh" | "ksh" | "ash"))
}

/// A shell script: one job, named by its path.
pub fn shell_script(path: &str, source: FileId, text: &str) -> Pipeline {
    let mut pipeline = Pipeline::new(source, path, System::Shell);
    let first = text.lines().next().unwrap_or("");
    let flags = first.split_whitespace().skip(1).filter(|word| word.starts_with('-'));
    let errexit = first.starts_with("#!") && flags.clone().any(|flag| flag.contains('e'));
    let mut job = Job::new(path, Span { start: 0, end: first.len() });
    script(&mut job, text, Span { start: 0, end: text.len() }, Options { errexit, pipefail: false });
    // Nothing but functions: others read this file in and call them.
    let dead = |fate: &Fate| matches!(fate, Fate::Swallowed { how: Swallow::NeverRuns, .. });
    let mut commands = job.steps.iter_mut().flat_map(|step| &mut step.commands);
    if commands.by_ref().all(|command| dead(&command.fate) || command.words[0].text == "set") {
        let commands = job.steps.iter_mut().flat_map(|step| &mut step.commands);
        commands.filter(|command| dead(&command.fate)).for_each(|command| command.fate = Fate::Handled);
    }
    pipeline.jobs.push(job);
    pipeline
}
