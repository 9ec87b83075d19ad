//! What a weight means where nothing routes traffic: replicas and a weight in, the share of pods out.
//!
//! The controller's own rounding (`utils/replicaset/canary.go`, `approximateWeightedCanaryStableReplicaCounts`).

/// Pods of the new version and pods in all, for `replicas` pods and a weight out of `max`.
pub fn canary_pods(replicas: u64, weight: f64, max: f64, surge: u64) -> (u64, u64) {
    if replicas == 0 {
        return (0, 0);
    }
    let exact = replicas as f64 * weight / max;
    let (ceil, floor) = (exact.ceil() as u64, exact.floor() as u64);
    let tied = |total: u64| (total as f64 * (weight / max)).fract() == 0.5;
    // Between 1 and 99 %, two or more pods (surge counted) always include one of each version.
    let zero_allowed = weight == max || weight == 0.0 || (replicas == 1 && surge == 0);
    let mut options = Vec::with_capacity(4);
    if ceil < replicas || zero_allowed {
        options.push((ceil, replicas));
    }
    if !tied(replicas) && (floor != 0 || zero_allowed) {
        options.push((floor, replicas));
    }
    if surge > 0 {
        options.push((ceil, replicas + 1));
        if !tied(replicas + 1) && (floor != 0 || zero_allowed) {
            options.push((floor, replicas + 1));
        }
    }
    let distance = |(pods, total): (u64, u64)| (pods as f64 * max / total as f64 - weight).abs();
    let mut best = options.first().copied().unwrap_or((0, replicas));
    for option in options {
        if distance(option) < distance(best) {
            best = option;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cases of the controller's documentation: replicas, weight, surge, then pods of each version.
    #[test]
    fn as_the_controller_rounds() {
        for (replicas, weight, surge, canary, stable) in [
            (10, 10.0, 1, 1, 9),
            (10, 30.0, 3, 3, 7),
            (10, 5.0, 1, 1, 10),
            (1, 5.0, 1, 1, 1),
            (1, 95.0, 1, 1, 1),
            (4, 5.0, 1, 1, 4),
            (20, 5.0, 5, 1, 19),
            (5, 20.0, 2, 1, 4),
            (1, 50.0, 0, 1, 0),
        ] {
            assert_eq!(canary_pods(replicas, weight, 100.0, surge), (canary, canary + stable), "{replicas} replicas, weight {weight}");
        }
    }
}
