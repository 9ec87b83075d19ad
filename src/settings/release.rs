//! The policy's `release:` section: when a rollout may start, and who and what has to stand ready: YAML in, a checked calendar out.

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

/// What the repository asks of a release. Being there at all makes the three release gates required.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReleasePolicy {
    /// IANA name of the zone that every time below is in, `Europe/Berlin`.
    pub time_zone: Option<String>,
    /// When a rollout may start. None means at any time.
    pub windows: Vec<WeeklyHours>,
    /// Hours of high traffic: no rollout without approval.
    pub peak: Vec<WeeklyHours>,
    pub freezes: Vec<Freeze>,
    /// Who may approve a rollout outside the windows. None means anybody who is named.
    #[serde(deserialize_with = "one_or_many")]
    #[schemars(schema_with = "one_or_many_schema")]
    pub approvers: Vec<String>,
    #[serde(deserialize_with = "one_or_many")]
    #[schemars(schema_with = "one_or_many_schema")]
    pub on_call: Vec<String>,
    #[serde(deserialize_with = "one_or_many")]
    #[schemars(schema_with = "one_or_many_schema")]
    pub stakeholders: Vec<String>,
    /// Scripts, `make` targets, package scripts or workflows that are run after the deploy.
    #[serde(deserialize_with = "one_or_many")]
    #[schemars(schema_with = "one_or_many_schema")]
    pub smoke_tests: Vec<String>,
    #[serde(deserialize_with = "one_or_many")]
    #[schemars(schema_with = "one_or_many_schema")]
    pub dashboards: Vec<String>,
}

/// Hours that repeat every week.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WeeklyHours {
    /// `mon`, `monday` or `mon-thu`; none means every day.
    #[serde(default, deserialize_with = "one_or_many")]
    #[schemars(schema_with = "one_or_many_schema")]
    pub days: Vec<String>,
    /// `09:00`
    pub from: String,
    /// `16:00`; not later than `from` means on the next day. `24:00` is the end of the day.
    pub to: String,
}

/// Days or hours without any rollout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Freeze {
    /// `2026-12-20`, or with a time, `2026-12-20T18:00`.
    pub from: String,
    /// A date counts to its end.
    pub to: String,
    #[serde(default)]
    pub because: Option<String>,
}

/// A single text or a list of them.
fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }
    Ok(match OneOrMany::deserialize(deserializer)? {
        OneOrMany::One(text) => vec![text],
        OneOrMany::Many(texts) => texts,
    })
}

fn one_or_many_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]})
}

/// A stretch of time, its end not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stretch {
    pub start: Timestamp,
    pub end: Timestamp,
}

impl Stretch {
    /// The shortest stretch there is: one moment.
    pub fn moment(at: Timestamp) -> Self {
        Stretch { start: at, end: at }
    }

    fn overlaps(self, other: Stretch) -> bool {
        // A moment overlaps what holds it.
        self.start < other.end && (other.start < self.end || (self.start == self.end && other.start <= self.start))
    }
}

/// The longest planned window that is looked at, in days.
pub const MAX_DAYS: i64 = 31;

/// The policy's times, ready to be asked.
#[derive(Debug, Clone)]
pub struct Calendar {
    pub zone: TimeZone,
    windows: Vec<Hours>,
    peak: Vec<Hours>,
    freezes: Vec<(Stretch, Option<String>)>,
}

#[derive(Debug, Clone)]
struct Hours {
    /// Monday first.
    days: [bool; 7],
    /// Minutes since midnight; `to` past 1440 is on the next day.
    from: i64,
    to: i64,
}

impl ReleasePolicy {
    /// Whether the policy says when a rollout may start.
    pub fn has_times(&self) -> bool {
        !self.windows.is_empty() || !self.peak.is_empty() || !self.freezes.is_empty()
    }

    /// The times, or what is wrong with them.
    pub fn calendar(&self) -> Result<Calendar, String> {
        let zone = match &self.time_zone {
            Some(name) => time_zone(name)?,
            None if self.has_times() => return Err("times need a `time_zone`, `Europe/Berlin` or `UTC`".to_owned()),
            None => TimeZone::UTC,
        };
        let hours = |list: &[WeeklyHours], key: &str| -> Result<Vec<Hours>, String> {
            list.iter().map(|one| hours(one).map_err(|problem| format!("{key}: {problem}"))).collect()
        };
        let freeze = |freeze: &Freeze| -> Result<(Stretch, Option<String>), String> {
            let start = civil(&freeze.from, Time::midnight()).map_err(|problem| format!("freezes: {problem}"))?;
            let end = match freeze.to.parse::<Date>() {
                Ok(date) if !freeze.to.contains([':', 'T']) => date.tomorrow().map_err(|error| error.to_string())?.at(0, 0, 0, 0),
                _ => civil(&freeze.to, Time::midnight()).map_err(|problem| format!("freezes: {problem}"))?,
            };
            let stretch = Stretch { start: instant(start, &zone)?, end: instant(end, &zone)? };
            if stretch.end <= stretch.start {
                return Err(format!("freezes: {} to {} ends before it starts", freeze.from, freeze.to));
            }
            Ok((stretch, freeze.because.clone()))
        };
        Ok(Calendar {
            windows: hours(&self.windows, "windows")?,
            peak: hours(&self.peak, "peak")?,
            freezes: self.freezes.iter().map(freeze).collect::<Result<_, _>>()?,
            zone,
        })
    }
}

/// A zone by its IANA name.
pub fn time_zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| format!("there is no time zone `{name}`; write an IANA name, `Europe/Berlin` or `UTC`"))
}

fn civil(text: &str, time: Time) -> Result<DateTime, String> {
    let date = || text.parse::<Date>().map(|date| date.to_datetime(time));
    let wrong = |_| format!("`{text}` is no date; write `2026-12-20` or `2026-12-20T18:00`");
    if text.contains(':') { text.parse::<DateTime>().map_err(wrong) } else { date().map_err(wrong) }
}

fn instant(at: DateTime, zone: &TimeZone) -> Result<Timestamp, String> {
    zone.to_timestamp(at).map_err(|error| error.to_string())
}

fn hours(weekly: &WeeklyHours) -> Result<Hours, String> {
    let mut days = [weekly.days.is_empty(); 7];
    for word in &weekly.days {
        let (first, last) = word.split_once('-').unwrap_or((word, word));
        let (first, last) = (day(first)?, day(last)?);
        let mut at = first;
        loop {
            days[at] = true;
            if at == last {
                break;
            }
            at = (at + 1) % 7;
        }
    }
    let (from, to) = (minutes(&weekly.from)?, minutes(&weekly.to)?);
    if from == to || from == 24 * 60 {
        return Err(format!("{} to {} is empty", weekly.from, weekly.to));
    }
    Ok(Hours { days, from, to: if to < from { to + 24 * 60 } else { to } })
}

/// Number of a day of the week, Monday is 0.
fn day(word: &str) -> Result<usize, String> {
    const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let word = word.trim().to_lowercase();
    let found = DAYS.iter().position(|day| word.len() >= 3 && day.starts_with(&word));
    found.ok_or_else(|| format!("`{word}` is no day; write `mon`, `friday` or `mon-thu`"))
}

fn minutes(word: &str) -> Result<i64, String> {
    let parts = word.trim().split_once(':').and_then(|(h, m)| Some((h.parse::<i64>().ok()?, m.parse::<i64>().ok()?, m.len() == 2)));
    match parts {
        Some((hour @ 0..=23, minute @ 0..=59, true)) => Ok(hour * 60 + minute),
        Some((24, 0, true)) => Ok(24 * 60),
        _ => Err(format!("`{word}` is no time of day; write `09:00`, in quotes")),
    }
}

impl Calendar {
    /// Rollouts may start within `stretch` by the weekly windows. No window means always.
    pub fn allows(&self, stretch: Stretch) -> bool {
        if self.windows.is_empty() {
            return true;
        }
        let mut reached = stretch.start;
        for open in self.concrete(&self.windows, stretch) {
            if open.start <= reached && reached < open.end {
                reached = open.end;
            }
        }
        reached > stretch.start && reached >= stretch.end
    }

    /// The hours of high traffic that a stretch runs into.
    pub fn peak(&self, stretch: Stretch) -> Option<Stretch> {
        self.concrete(&self.peak, stretch).into_iter().find(|peak| stretch.overlaps(*peak))
    }

    /// The freeze that a stretch runs into, and why it is there.
    pub fn freeze(&self, stretch: Stretch) -> Option<(Stretch, Option<&str>)> {
        let found = self.freezes.iter().find(|(freeze, _)| stretch.overlaps(*freeze));
        found.map(|(freeze, because)| (*freeze, because.as_deref()))
    }

    /// The weekly hours around a stretch as points in time, in order.
    fn concrete(&self, hours: &[Hours], stretch: Stretch) -> Vec<Stretch> {
        let Ok(mut date) = self.zone.to_datetime(stretch.start).date().yesterday() else { return Vec::new() };
        let last = self.zone.to_datetime(stretch.end).date();
        let mut found = Vec::new();
        for _ in 0..=MAX_DAYS + 2 {
            if date > last {
                break;
            }
            let index = weekday(date.weekday());
            for one in hours.iter().filter(|one| one.days[index]) {
                let at = |minutes: i64| {
                    let local = date.at(0, 0, 0, 0).checked_add(minutes.minutes()).ok()?;
                    instant(local, &self.zone).ok()
                };
                if let (Some(start), Some(end)) = (at(one.from), at(one.to)) {
                    found.push(Stretch { start, end });
                }
            }
            match date.tomorrow() {
                Ok(next) => date = next,
                Err(_) => break,
            }
        }
        found.sort();
        found
    }
}

fn weekday(day: Weekday) -> usize {
    usize::try_from(day.to_monday_zero_offset()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calendar(text: &str) -> Result<Calendar, String> {
        serde_yaml::from_str::<ReleasePolicy>(text).expect("a policy").calendar()
    }

    fn at(text: &str) -> Stretch {
        Stretch::moment(text.parse().expect("a timestamp"))
    }

    fn between(start: &str, end: &str) -> Stretch {
        Stretch { start: start.parse().expect("a timestamp"), end: end.parse().expect("a timestamp") }
    }

    #[test]
    fn windows_are_in_the_zone_of_the_policy_over_summer_time() {
        let calendar = calendar("{time_zone: Europe/Berlin, windows: [{days: mon-thu, from: '09:00', to: '16:00'}]}").expect("times");
        // Berlin is two hours ahead of UTC in July, one in January.
        assert!(calendar.allows(at("2026-07-06T07:00:00Z")) && !calendar.allows(at("2026-07-06T06:59:59Z")));
        assert!(calendar.allows(at("2026-01-05T08:00:00Z")) && !calendar.allows(at("2026-01-05T07:30:00Z")));
        assert!(!calendar.allows(at("2026-07-10T09:00:00Z")), "a Friday");
        assert!(!calendar.allows(at("2026-07-06T14:00:00Z")), "the end does not count");
    }

    #[test]
    fn a_planned_window_has_to_fit_as_a_whole() {
        let calendar = calendar(
            "{time_zone: UTC, windows: [{from: '22:00', to: '02:00'}, {days: [tue], from: '02:00', to: '03:00'}], peak: [{days: tue, from: '02:30', to: '02:40'}]}",
        )
        .expect("times");
        assert!(calendar.allows(between("2026-07-06T22:00:00Z", "2026-07-07T03:00:00Z")), "two windows that touch");
        assert!(!calendar.allows(between("2026-07-07T22:00:00Z", "2026-07-08T02:01:00Z")));
        assert!(calendar.peak(between("2026-07-06T22:00:00Z", "2026-07-07T03:00:00Z")).is_some());
        assert!(calendar.peak(between("2026-07-06T22:00:00Z", "2026-07-07T02:30:00Z")).is_none());
        assert!(calendar.peak(at("2026-07-07T02:30:00Z")).is_some());
    }

    #[test]
    fn a_freeze_counts_to_the_end_of_its_last_day() {
        let calendar = calendar("{time_zone: America/New_York, freezes: [{from: 2026-12-20, to: 2027-01-03, because: holidays}]}");
        let calendar = calendar.expect("times");
        assert_eq!(calendar.freeze(at("2027-01-04T04:59:59Z")).and_then(|(_, because)| because), Some("holidays"));
        assert!(calendar.freeze(at("2027-01-04T05:00:00Z")).is_none());
        assert!(calendar.freeze(at("2026-12-20T04:59:59Z")).is_none());
    }

    #[test]
    fn impossible_times_are_errors_with_words() {
        for (text, word) in [
            ("{windows: [{from: '09:00', to: '16:00'}]}", "time_zone"),
            ("{time_zone: Mars/Base, windows: []}", "Mars/Base"),
            ("{time_zone: UTC, windows: [{from: '9', to: '16:00'}]}", "`9`"),
            ("{time_zone: UTC, windows: [{from: '09:00', to: '09:00'}]}", "empty"),
            ("{time_zone: UTC, peak: [{days: [someday], from: '09:00', to: '10:00'}]}", "someday"),
            ("{time_zone: UTC, freezes: [{from: 2026-12-20, to: 2026-12-19}]}", "before it starts"),
            ("{time_zone: UTC, freezes: [{from: 2026-13-20, to: 2026-12-19}]}", "2026-13-20"),
        ] {
            let problem = calendar(text).expect_err(text);
            assert!(problem.contains(word), "{text}: {problem}");
        }
    }
}
