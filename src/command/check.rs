//! `holdshort check`: a range in, the verdict on its change out.

use std::collections::BTreeMap;

use super::report;
use crate::change::{self, range::Request};
use crate::cli::{CheckArgs, RangeArgs};
use crate::error::{Error, ExitCode};
use crate::report::Style;
use crate::{rule, settings};

pub fn run(args: &CheckArgs, style: Style) -> Result<ExitCode, Error> {
    let rules = rule::load::builtin()?;
    let change = change::open(&request(&args.range))?;
    let mut settings = settings::load(&change, args.range.phase)?;
    settings::check_rule_ids(&settings.policy, &rules)?;
    settings.evidence = crate::read::evidence::load(&args.evidence)?;
    settings.manifests = crate::read::evidence::load(&args.manifests)?;
    settings.own_runs = ["GITHUB_RUN_ID", "CI_PIPELINE_ID"].into_iter().filter_map(|name| std::env::var(name).ok()).collect();
    let outcome = crate::inspect(change, settings, &rules)?;
    report(&args.output, &outcome, &rules, style)
}

/// The range as the command line and the environment name it.
pub fn request(args: &RangeArgs) -> Request {
    Request {
        path: args.path.clone(),
        base: args.base.clone(),
        head: args.head.clone(),
        deployed: args.deployed.clone(),
        env: environment(),
    }
}

/// The variables of the process that are text.
pub fn environment() -> BTreeMap<String, String> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))).collect()
}
