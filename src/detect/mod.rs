//! Facts, steps and usage of old code in, findings out, by the enabled rules. One file a family; `DETECTORS` names them.

use crate::change::ChangeSet;
use crate::finding::Finding;
use crate::read::Unread;
use crate::read::migration::Unit;
use crate::rule::Rule;
use crate::schema::Timeline;
use crate::settings::Settings;
use crate::source::SourceMap;

/// Everything that was read of one change; what detectors look at.
#[derive(Debug)]
pub struct Inspection {
    pub settings: Settings,
    pub change: ChangeSet,
    pub sources: SourceMap,
    pub base_units: Vec<Unit>,
    pub head_units: Vec<Unit>,
    pub timelines: Vec<Timeline>,
    pub unread: Vec<Unread>,
}

/// A detector adds what it finds for one rule. It never decides a severity: it may only lower the rule's own on evidence.
pub type Detector = fn(&Inspection, &Rule, &mut Vec<Finding>);

/// Detectors by the name a rule file gives.
pub const DETECTORS: &[(&str, Detector)] = &[];
