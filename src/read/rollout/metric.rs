//! A metric's name and query in, what it measures out: errors, latency or the business.

use std::sync::LazyLock;

use regex::Regex;

use super::model::Class;

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a constant pattern")
}

static ERROR: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"(?i)error|\b5xx|5\.\.|5xx|success|fail(?:ed|ure|ing)?|status_?code|\bstatus\b|grpc_code|non[-_]?2xx|\b50\d\b|availability|unhealthy",
    )
});
static LATENCY: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?i)latenc|duration|quantile|\bp(?:50|90|95|99)|_p(?:50|90|95|99)|response[-_ ]?time|percentile|elapsed"));
static BUSINESS: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"(?i)conversion|orders?\b|orders?_|checkouts?_(?:total|completed|rate)|revenue|sign[-_]?ups?|purchases?|payments?_|sales\b|carts?_|bookings?\b",
    )
});
static PERCENTILE: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"(?i)(?:quantile\w*\s*\(\s*0?\.(\d{1,3}))|\bp(50|75|90|95|99|999)\b|[-_]p(50|75|90|95|99|999)(?:\b|_|-)|percentile\w*\D{0,4}(50|90|95|99)|(50|90|95|99)(?:th)? ?percentile",
    )
});

/// What is measured. The name is looked at first: a query over request durations may still count errors.
pub fn classify(name: &str, query: &str, business: &[String]) -> Class {
    let named = |words: &str| business.iter().any(|known| !known.is_empty() && words.to_lowercase().contains(&known.to_lowercase()));
    if named(name) || named(query) {
        return Class::Business;
    }
    for (text, is_query) in [(name, false), (query, true)] {
        // A quantile over successful requests only is still a latency; a count out of a duration histogram is not.
        if is_query && (text.contains("quantile") || text.contains("percentile")) {
            return Class::Latency;
        }
        if ERROR.is_match(text) {
            return Class::ErrorRate;
        }
        if LATENCY.is_match(text) {
            return Class::Latency;
        }
        if BUSINESS.is_match(text) {
            return Class::Business;
        }
    }
    Class::Other
}

/// Everything that one sentence speaks of, as `error rate above 1 %, or p99 above 800 ms` does.
pub fn classes(sentence: &str) -> Vec<Class> {
    let all = [(Class::ErrorRate, &ERROR), (Class::Latency, &LATENCY), (Class::Business, &BUSINESS)];
    all.into_iter().filter(|(_, words)| words.is_match(sentence)).map(|(class, _)| class).collect()
}

/// `p99`, from `histogram_quantile(0.99, …)`, `latency-p99` or `99th percentile`.
pub fn percentile(name: &str, query: &str) -> Option<String> {
    [name, query].into_iter().find_map(|text| {
        let found = PERCENTILE.captures(text)?;
        if let Some(fraction) = found.get(1) {
            let digits = fraction.as_str();
            return Some(format!("p{}", if digits.len() == 1 { format!("{digits}0") } else { digits.to_owned() }));
        }
        (2..=5).find_map(|at| found.get(at)).map(|found| format!("p{}", found.as_str()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_measured() {
        let latency = r#"histogram_quantile(0.99, sum(rate(istio_request_duration_milliseconds_bucket[1m])) by (le))"#;
        assert_eq!((classify("lat", latency, &[]), percentile("lat", latency)), (Class::Latency, Some("p99".to_owned())));
        let errors = r#"sum(rate(http_requests_total{status=~"5.."}[1m])) / sum(rate(http_requests_total[1m]))"#;
        assert_eq!(classify("success-rate", errors, &[]), Class::ErrorRate);
        assert_eq!(classify("m1", errors, &[]), Class::ErrorRate);
        assert_eq!(classify("orders-per-minute", "sum(rate(orders_total[1m]))", &[]), Class::Business);
        assert_eq!(classify("gmv", "sum(gmv)", &["gmv".to_owned()]), Class::Business);
        assert_eq!(classify("random-fail", "", &[]), Class::ErrorRate);
        assert_eq!(classify("cpu", "rate(container_cpu[1m])", &[]), Class::Other);
        assert_eq!(percentile("request_latency_p95", ""), Some("p95".to_owned()));
        assert_eq!(percentile("q", "quantile(0.5, x)"), Some("p50".to_owned()));
    }
}
