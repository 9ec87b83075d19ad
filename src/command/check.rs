//! `holdshort check`: a range in, the verdict on its change out.

use std::collections::BTreeMap;

use super::report;
use crate::change::{self, ChangeSet, range::Request};
use crate::cli::{CheckArgs, RangeArgs};
use crate::error::{Error, ExitCode};
use crate::report::Style;
use crate::rule::{self, Rule};
use crate::settings::{self, Phase, Settings};

pub fn run(args: &CheckArgs, style: Style) -> Result<ExitCode, Error> {
    let whole_rollout = args.range.phase() == Phase::Deploy;
    let (change, mut settings, rules) = open_request(Request { whole_rollout, ..request(&args.range) }, &args.range)?;
    settings.evidence = crate::read::evidence::load(&args.evidence)?;
    settings.manifests = crate::read::evidence::load(&args.manifests)?;
    settings.same_tree = args.same_tree;
    if let Some(path) = &args.baseline {
        settings.baseline = Some(super::baseline::named(&change, &settings, path)?);
    }
    if args.diff {
        return super::fix::diff(args, &change, &settings, &rules);
    }
    if args.fix {
        super::fix::fix(args, &change, &settings, &rules)?;
        return run(&again(args, &change), style);
    }
    let outcome = crate::inspect(change, settings, &rules)?;
    report(&args.output, outcome, &rules, style)
}

/// The same check of the same change, now that its fixes are in the working tree.
fn again(args: &CheckArgs, change: &ChangeSet) -> CheckArgs {
    let mut again = CheckArgs { fix: false, ..args.clone() };
    if again.range.base.is_none() && again.range.deployed.is_none() {
        again.range.base = change.base.id().map(str::to_owned);
    }
    again
}

/// The change, the settings and the rules that the words of the command line and the environment name.
pub fn open(args: &RangeArgs) -> Result<(ChangeSet, Settings, Vec<Rule>), Error> {
    open_request(request(args), args)
}

fn open_request(request: Request, args: &RangeArgs) -> Result<(ChangeSet, Settings, Vec<Rule>), Error> {
    let change = change::open(&request)?;
    let mut settings = settings::load_from(&change, args.phase(), &args.policy_source())?;
    let rules = rule::team::with_builtin(settings.trusted(&change), &settings.policy)?;
    settings::check_rules(settings.policy_text.as_ref(), &rules)?;
    settings.at = args.at;
    settings.deploy_freeze = std::env::var_os("CI_DEPLOY_FREEZE").is_some_and(|value| !value.is_empty());
    settings.own_runs = OWN_RUNS.into_iter().filter_map(|name| std::env::var(name).ok()).collect();
    settings.own_job = OWN_JOBS.into_iter().find_map(|name| std::env::var(name).ok());
    Ok((change, settings, rules))
}

/// Variables in which CI systems name the run they are in.
pub const OWN_RUNS: [&str; 2] = ["GITHUB_RUN_ID", "CI_PIPELINE_ID"];

/// Variables in which CI systems name the job they are in.
const OWN_JOBS: [&str; 2] = ["GITHUB_JOB", "CI_JOB_NAME"];

/// The range as the command line and the environment name it.
pub fn request(args: &RangeArgs) -> Request {
    Request {
        path: args.path.clone(),
        base: args.base.clone(),
        head: args.head.clone(),
        deployed: args.deployed.clone(),
        env: environment(),
        whole_rollout: false,
    }
}

/// The variables of the process that are text.
pub fn environment() -> BTreeMap<String, String> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))).collect()
}
