//! The rollouts of a change: units at base and at head, what the change does to each, and what only the rollback document declares.

mod load;
mod plan;
mod reach;

pub use plan::unit_of;
use serde::Serialize;

use crate::change::ChangeSet;
use crate::error::ChangeError;
use crate::read::rollback::Rollback;
use crate::read::rollout::Unreadable;
use crate::read::rollout::model::{Shift, System, Unit};
use crate::settings::Settings;
use crate::source::SourceMap;

/// Everything about rollouts that rules look at.
#[derive(Debug, Default, Serialize)]
pub struct RolloutFacts {
    /// Units at head.
    pub units: Vec<Rolled>,
    pub unread: Vec<Unread>,
    /// Manifests that were read.
    pub files: usize,
}

/// One unit at head beside what it was.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rolled {
    pub path: String,
    #[serde(flatten)]
    pub unit: Unit,
    /// How it was rolled out at base; nothing when it is new.
    #[serde(skip)]
    pub before: Option<Unit>,
    pub reach: Reach,
    /// It serves production, or nothing says otherwise.
    pub production: bool,
}

/// What the change has to do with a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reach {
    /// The unit is new, or the change edits how it is rolled out.
    Introduced,
    /// The change edits its manifest and leaves the way it is rolled out.
    Touched,
    /// Its manifest is as it was; the change ships code through it.
    Carries,
    /// Nothing says that the change has to do with it.
    Aside,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Unread {
    #[serde(flatten)]
    pub what: Unreadable,
    /// The change adds or edits it.
    pub touched: bool,
    /// The change ships code that it deploys.
    pub carries: bool,
}

impl Rolled {
    /// It has stages, or belongs to a tool that is there to have some.
    pub fn is_declared(&self) -> bool {
        self.unit.system.is_progressive() || self.unit.system == System::Document || self.unit.shift == Shift::Staged
    }
}

impl RolloutFacts {
    /// Units that the change introduces, edits or ships through, in production.
    pub fn in_reach(&self) -> impl Iterator<Item = &Rolled> {
        self.units.iter().filter(|rolled| rolled.production && rolled.reach != Reach::Aside)
    }
}

/// Reads and compares the rollouts of a change.
pub fn inspect(change: &ChangeSet, rollback: &Rollback, sources: &mut SourceMap, settings: &Settings) -> Result<RolloutFacts, ChangeError> {
    // Migrations alone are no rollout.
    if settings.history_unknown {
        return Ok(RolloutFacts::default());
    }
    let both = load::both(change, sources, settings)?;
    let mut facts = reach::compare(change, both, sources);
    plan::add_declared(change, rollback, sources, &mut facts.units);
    let environments = &settings.policy.environments;
    for rolled in &mut facts.units {
        rolled.production = environments.is_production(&rolled.unit.environment, sources.path(rolled.unit.place.file));
    }
    Ok(facts)
}
