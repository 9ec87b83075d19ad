//! Rules of one flag in, what a user nobody targets gets out, with the path that decides. Every format is lowered to this.

use crate::source::Span;

use super::State;

/// What a flag serves, in order: the first arm that applies, else the default.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    pub arms: Vec<Arm>,
    pub default: Outcome,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Arm {
    pub when: When,
    pub then: Outcome,
}

/// When an arm applies to somebody with an empty context and any stable id.
#[derive(Debug, Clone, PartialEq)]
pub enum When {
    Always,
    /// Not for this user, but for some others.
    Targeted,
    /// To this share of all users, 0 to 1, by a hash that all arms of the flag share.
    Percent(f64),
    /// From this day on, `YYYY-MM-DD`.
    From(String),
    /// Until this day, `YYYY-MM-DD`.
    Until(String),
    /// Cannot be told: a custom filter, a template.
    Unknown(String),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    pub serve: Serve,
    pub span: Span,
    /// How it is reached, as a clause: `defaultVariant is \`on\``.
    pub path: String,
    /// What to write over `span` so that it serves off.
    pub off: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Serve {
    On,
    Off,
    /// On for this share, 0 to 1, off for the rest.
    Share(f64),
    /// The fallback that the code passes.
    Code,
    /// A text, number or object that is neither on nor off.
    Other,
    Unknown(String),
    Nested(Box<Decision>),
}

impl Outcome {
    pub fn new(serve: Serve, span: Span, path: impl Into<String>) -> Self {
        Outcome { serve, span, path: path.into(), off: None }
    }

    /// On or off by a boolean that `span` covers.
    pub fn boolean(on: bool, span: Span, path: impl Into<String>) -> Self {
        Outcome { off: on.then(|| "false".to_owned()), ..Outcome::new(if on { Serve::On } else { Serve::Off }, span, path) }
    }

    pub fn with_off(self, off: Option<String>) -> Self {
        Outcome { off, ..self }
    }

    pub fn decision(self) -> Decision {
        Decision { arms: Vec::new(), default: self }
    }
}

/// What came of a decision.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolved {
    pub state: State,
    pub span: Span,
    pub reason: String,
    pub off: Option<String>,
    /// Paths on which somebody else gets on.
    pub reach: Vec<String>,
    /// The default is on and every arm serves on too, so the arms decide nothing.
    pub moot: bool,
}

/// Shares of all users; they sum to at most 1.
#[derive(Default)]
struct Mix<'d> {
    on: f64,
    code: f64,
    other: f64,
    unknown: Option<(&'d Outcome, String)>,
    scheduled: Option<(&'d Outcome, String)>,
    /// What the largest share that is on, else of all, comes from.
    why: Option<(&'d Outcome, f64, bool)>,
    reach: Vec<String>,
}

/// Resolves a decision on the day `today`, `YYYY-MM-DD`.
pub fn resolve(decision: &Decision, today: &str) -> Resolved {
    let mut mix = Mix::default();
    weigh(decision, 1.0, today, &mut mix, 0);
    let why = mix.why.map_or(&decision.default, |(outcome, ..)| outcome);
    let (state, from, reason) = match (&mix.unknown, &mix.scheduled) {
        (Some((outcome, reason)), _) => (State::Unknown, *outcome, format!("{}: {reason}", outcome.path)),
        _ if mix.on > 0.9999 => (State::On, why, why.path.clone()),
        _ if mix.on > 0.0 => (State::Partial { percent: (mix.on * 10_000.0).round() / 100.0 }, why, why.path.clone()),
        _ if mix.code > 0.0 => (State::CodeDefault, why, why.path.clone()),
        _ if mix.other > 0.0 => (State::NotBoolean, why, why.path.clone()),
        (_, Some((outcome, day))) => (State::Scheduled { from: day.clone() }, *outcome, format!("{} from {day}", outcome.path)),
        _ if !mix.reach.is_empty() => (State::OffTargeted, why, why.path.clone()),
        _ => (State::Off, why, why.path.clone()),
    };
    let arms_on = decision.arms.iter().filter(|arm| !matches!(arm.when, When::Always)).collect::<Vec<_>>();
    // A prerequisite or a filter that is not known may serve off before any rule is asked.
    let told = state == State::On && !decision.arms.iter().any(|arm| matches!(arm.when, When::Unknown(_)));
    let on = decision.default.serve == Serve::On && decision.arms.iter().all(|arm| only_on(&arm.then.serve));
    let moot = told && on && !arms_on.is_empty();
    Resolved { state, span: from.span, reason, off: from.off.clone(), reach: mix.reach, moot }
}

fn only_on(serve: &Serve) -> bool {
    match serve {
        Serve::On => true,
        Serve::Nested(inner) => inner.arms.iter().map(|arm| &arm.then).chain([&inner.default]).all(|outcome| only_on(&outcome.serve)),
        _ => false,
    }
}

/// Readers nest no deeper than their trees, which are bounded; this bounds the stack all the same.
const MAX_DEPTH: usize = 300;

fn weigh<'d>(decision: &'d Decision, mass: f64, today: &str, mix: &mut Mix<'d>, depth: usize) {
    if depth > MAX_DEPTH {
        mix.unknown = Some((&decision.default, "it nests too deep".to_owned()));
        return;
    }
    // All percentages of one flag hash alike, so a later one only adds what it has above the earlier ones.
    let mut covered = 0.0f64;
    for arm in &decision.arms {
        if covered >= 1.0 {
            return;
        }
        let rest = 1.0 - covered;
        match &arm.when {
            When::Always => return serve(&arm.then, mass * rest, today, mix, depth),
            When::Until(day) if today < day.as_str() => return serve(&arm.then, mass * rest, today, mix, depth),
            When::From(day) if day.as_str() <= today => return serve(&arm.then, mass * rest, today, mix, depth),
            When::Until(_) => {}
            When::From(day) => {
                if can_be_on(&arm.then.serve) && mix.scheduled.is_none() {
                    mix.scheduled = Some((&arm.then, day.clone()));
                }
            }
            When::Targeted => {
                if can_be_on(&arm.then.serve) {
                    mix.reach.push(arm.then.path.clone());
                }
            }
            When::Percent(share) => {
                let share = share.clamp(0.0, 1.0);
                if share > covered {
                    serve(&arm.then, mass * (share - covered), today, mix, depth);
                    covered = share;
                }
            }
            When::Unknown(reason) => {
                if mix.unknown.is_none() {
                    mix.unknown = Some((&arm.then, reason.clone()));
                }
            }
        }
    }
    if covered < 1.0 {
        serve(&decision.default, mass * (1.0 - covered), today, mix, depth);
    }
}

fn serve<'d>(outcome: &'d Outcome, mass: f64, today: &str, mix: &mut Mix<'d>, depth: usize) {
    let on = match &outcome.serve {
        Serve::Nested(inner) => return weigh(inner, mass, today, mix, depth + 1),
        Serve::Unknown(reason) => {
            mix.unknown.get_or_insert((outcome, reason.clone()));
            return;
        }
        Serve::On => mass,
        Serve::Share(share) => mass * share.clamp(0.0, 1.0),
        Serve::Code => {
            mix.code += mass;
            0.0
        }
        Serve::Other => {
            mix.other += mass;
            0.0
        }
        Serve::Off => 0.0,
    };
    mix.on += on;
    let (weight, is_on) = if on > 0.0 { (on, true) } else { (mass, false) };
    if mix.why.as_ref().is_none_or(|(_, most, was_on)| (is_on, weight) > (*was_on, *most)) {
        mix.why = Some((outcome, weight, is_on));
    }
}

pub fn can_be_on(serve: &Serve) -> bool {
    match serve {
        Serve::On | Serve::Unknown(_) => true,
        Serve::Share(share) => *share > 0.0,
        Serve::Nested(inner) => can_be_on(&inner.default.serve) || inner.arms.iter().any(|arm| can_be_on(&arm.then.serve)),
        Serve::Off | Serve::Code | Serve::Other => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(serve: Serve) -> Outcome {
        Outcome::new(serve, Span::default(), "x")
    }

    fn state(arms: Vec<(When, Serve)>, default: Serve) -> State {
        let arms = arms.into_iter().map(|(when, serve)| Arm { when, then: outcome(serve) }).collect();
        resolve(&Decision { arms, default: outcome(default) }, "2026-06-01").state
    }

    #[test]
    fn the_untargeted_user_decides() {
        assert_eq!(state(vec![(When::Targeted, Serve::On)], Serve::Off), State::OffTargeted);
        assert_eq!(state(vec![(When::Percent(0.1), Serve::On)], Serve::Off), State::Partial { percent: 10.0 });
        assert_eq!(state(vec![(When::Percent(1.0), Serve::Off)], Serve::On), State::Off);
        assert_eq!(
            state(vec![(When::Percent(0.2), Serve::On), (When::Percent(0.2), Serve::On)], Serve::Off),
            State::Partial { percent: 20.0 }
        );
        assert_eq!(state(vec![(When::Unknown("custom".into()), Serve::On)], Serve::Off), State::Unknown);
    }

    #[test]
    fn rules_are_moot_when_nothing_else_serves_off() {
        let moot = |when: When| {
            let arms = vec![Arm { when, then: outcome(Serve::On) }];
            resolve(&Decision { arms, default: outcome(Serve::On) }, "2026-06-01").moot
        };
        assert!(moot(When::Targeted) && !moot(When::Unknown("a prerequisite".into())));
    }

    #[test]
    fn time_is_an_input() {
        assert_eq!(state(vec![(When::From("2026-05-01".into()), Serve::On)], Serve::Off), State::On);
        assert_eq!(state(vec![(When::From("2027-01-01".into()), Serve::On)], Serve::Off), State::Scheduled { from: "2027-01-01".into() });
    }
}
