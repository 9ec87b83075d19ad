//! Units of both revisions in, each unit of head with its counterpart and what the change has to do with it out.

use std::collections::{BTreeSet, HashMap};

use super::load::Both;
use super::{Reach, Rolled, RolloutFacts, Unread};
use crate::change::ChangeSet;
use crate::read::rollout::model::Unit;
use crate::read::rollout::sniff;
use crate::source::SourceMap;
use crate::verdict::gates::ships;

pub fn compare(change: &ChangeSet, both: Both, sources: &SourceMap) -> RolloutFacts {
    let Both { base, head, touched, rendered, files } = both;
    let shipped = Shipped::of(change);
    let mut pool = Pool::of(base.units, sources);
    // A unit that kept its tool takes its counterpart first; what is left may have changed its tool.
    let first: Vec<Option<Unit>> = head.units.iter().map(|unit| pool.take(unit, sources.path(unit.place.file))).collect();
    let mut units: Vec<Rolled> = Vec::new();
    for (unit, before) in head.units.into_iter().zip(first) {
        let path = sources.path(unit.place.file).to_owned();
        let before = before.or_else(|| pool.renamed_tool(&unit));
        let reach = match &before {
            None => Reach::Introduced,
            Some(before) if before.system != unit.system || before.plan() != unit.plan() => Reach::Introduced,
            Some(before) if before.body != unit.body => Reach::Touched,
            Some(_) => Reach::Aside,
        };
        units.push(Rolled { path, unit, before, reach, production: true });
    }
    shipped.mark(&mut units);
    let unread = head.unread.into_iter().filter(|unread| !(rendered && unread.template));
    let unread =
        unread.map(|what| Unread { touched: touched.contains(&what.path), carries: shipped.below(owner(&what.path)), what }).collect();
    RolloutFacts { units, unread, files }
}

/// Units of base, to be taken out one by one.
struct Pool {
    units: Vec<Option<(Unit, String)>>,
    by_name: HashMap<String, Vec<usize>>,
}

impl Pool {
    fn of(units: Vec<Unit>, sources: &SourceMap) -> Pool {
        let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, unit) in units.iter().enumerate() {
            by_name.entry(unit.name.clone()).or_default().push(at);
        }
        let with_path = |unit: Unit| (sources.path(unit.place.file).to_owned(), unit);
        let units = units.into_iter().map(with_path).map(|(path, unit)| Some((unit, path))).collect();
        Pool { units, by_name }
    }

    /// The same unit: in its old file if it can be, else in any.
    fn take(&mut self, unit: &Unit, path: &str) -> Option<Unit> {
        let found = self.by_name.get(&unit.name)?;
        let same = |at: &&usize| self.units[**at].as_ref().is_some_and(|(old, _)| old.key() == unit.key());
        let in_place = |at: &&usize| self.units[**at].as_ref().is_some_and(|(_, old)| old == path);
        let at = *found.iter().filter(same).find(in_place).or_else(|| found.iter().find(same))?;
        self.units[at].take().map(|(unit, _)| unit)
    }

    /// A unit of that name which is rolled out by another tool now.
    fn renamed_tool(&mut self, unit: &Unit) -> Option<Unit> {
        let same = |old: &Unit| old.namespace == unit.namespace && old.environment == unit.environment;
        let at = *self.by_name.get(&unit.name)?.iter().find(|at| self.units[**at].as_ref().is_some_and(|(old, _)| same(old)))?;
        self.units[at].take().map(|(unit, _)| unit)
    }
}

/// What of the change reaches production beside the manifests themselves.
struct Shipped<'a> {
    paths: Vec<&'a str>,
}

/// Directories in which manifests are kept beside the code they deploy.
const KEPT_IN: [&str; 24] = [
    "deploy",
    "deployment",
    "deployments",
    "k8s",
    ".k8s",
    "kubernetes",
    "kube",
    "manifests",
    "manifest",
    "kustomize",
    "overlays",
    "base",
    "helm",
    "chart",
    "charts",
    "infra",
    "infrastructure",
    "ops",
    "config",
    "nomad",
    "terraform",
    "environments",
    "argocd",
    "gitops",
];

impl<'a> Shipped<'a> {
    fn of(change: &'a ChangeSet) -> Shipped<'a> {
        let paths = change.files.iter().map(|file| file.path.as_str()).filter(|path| ships(path) && !is_manifest(path));
        Shipped { paths: paths.collect() }
    }

    /// Units whose code changed. Manifests at the root of a repository deploy all of it; of several, those that a changed
    /// path names.
    fn mark(&self, units: &mut [Rolled]) {
        let mut carrying: Vec<usize> =
            (0..units.len()).filter(|at| units[*at].reach == Reach::Aside && self.below(owner(&units[*at].path))).collect();
        let names: BTreeSet<&str> = self.paths.iter().flat_map(|path| path.split('/')).collect();
        if carrying.iter().any(|at| names.contains(units[*at].unit.name.as_str())) {
            carrying.retain(|at| names.contains(units[*at].unit.name.as_str()) || !owner(&units[*at].path).is_empty());
        }
        carrying.into_iter().for_each(|at| units[at].reach = Reach::Carries);
    }

    fn below(&self, directory: &str) -> bool {
        let inside = |path: &&str| directory.is_empty() || path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'));
        self.paths.iter().any(inside)
    }
}

/// The directory whose code a manifest deploys.
fn owner(path: &str) -> &str {
    let mut at = 0;
    for part in path.split('/') {
        if KEPT_IN.contains(&part.to_ascii_lowercase().as_str()) {
            return path[..at].trim_end_matches('/');
        }
        at += part.len() + 1;
    }
    path.rsplit_once('/').map_or("", |(directory, _)| directory)
}

fn is_manifest(path: &str) -> bool {
    let kept = path.split('/').rev().skip(1).any(|part| KEPT_IN.contains(&part.to_ascii_lowercase().as_str()));
    kept && sniff::may_be(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_of_a_manifest() {
        assert_eq!(owner("services/shop/deploy/prod/rollout.yaml"), "services/shop");
        assert_eq!(owner("k8s/rollout.yaml"), "");
        assert_eq!(owner("shop/rollout.yaml"), "shop");
        assert_eq!(owner("template.yaml"), "");
    }
}
