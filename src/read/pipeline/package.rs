//! `package.json` in, one job a script out. `pretest` and `posttest` run with `test`.

use super::model::{Job, Need, Pipeline, Step, System};
use super::text::{Joined, named};
use crate::read::shell::Options;
use crate::read::tree::Node;
use crate::source::FileId;

/// npm starts `sh -c`.
const SHELL: Options = Options { errexit: false, pipefail: false };

pub fn read(path: &str, source: FileId, text: &str, root: &Node) -> Pipeline {
    let mut pipeline = Pipeline::new(source, path, System::PackageScripts);
    pipeline.name = root.str_at("name").map(str::to_owned);
    let scripts = root.get("scripts").map(Node::entries).unwrap_or_default();
    for (key, value) in scripts {
        let Some(id) = named(key) else { continue };
        let mut job = Job::new(id.text.clone(), id.span);
        for prefix in ["pre", "post"] {
            let name = format!("{prefix}{}", id.text);
            if scripts.iter().any(|(key, _)| key.as_str() == Some(&name)) {
                job.needs.push(Need { job: name, implied: true, optional: false });
            }
        }
        let mut joined = Joined::default();
        joined.add(text, value);
        let mut step = Step::at(value.span);
        step.shell = Some(SHELL);
        step.commands = joined.commands(SHELL);
        job.steps.push(step);
        pipeline.jobs.push(job);
    }
    pipeline
}
