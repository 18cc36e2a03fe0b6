//! The learning rate over a training.

use trainer::{Pace, Schedule};

/// The share of the learning rate in force at `step` of `total`: up in a line, then down.
pub(crate) fn share(pace: &Pace, step: u64, total: u64) -> f64 {
    let warm_up = match pace.warmup_ratio {
        Some(ratio) => (ratio * total as f64).ceil() as u64,
        None => (total / 20).clamp(1, 100),
    };
    if step < warm_up {
        return (step + 1) as f64 / (warm_up + 1) as f64;
    }
    let gone = (step - warm_up) as f64 / total.saturating_sub(warm_up).max(1) as f64;
    let wave = 0.5 * (1.0 + (std::f64::consts::PI * gone).cos());
    match pace.schedule {
        Schedule::Constant => 1.0,
        Schedule::Linear => 1.0 - gone,
        Schedule::Cosine => wave,
        _ => LAST_SHARE + (1.0 - LAST_SHARE) * wave,
    }
}

/// Where nobody has chosen, the learning rate ends at this share of its highest.
const LAST_SHARE: f64 = 0.05;

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(pace: Pace) -> Vec<f64> {
        (0..100).map(|step| share(&pace, step, 100)).collect()
    }

    #[test]
    fn the_learning_rate_rises_then_falls() {
        for schedule in [Schedule::Auto, Schedule::Cosine, Schedule::Linear] {
            let shares = shares(Pace::default().with_schedule(schedule));
            assert!(shares[..5].windows(2).all(|pair| pair[0] < pair[1]));
            assert!(shares[5..].windows(2).all(|pair| pair[0] > pair[1]));
            assert!(shares.iter().all(|share| *share > 0.0 && *share <= 1.0));
        }
    }

    #[test]
    fn it_rises_for_as_long_as_asked_and_falls_as_asked() {
        let linear = shares(Pace::default().with_schedule(Schedule::Linear).with_warmup_ratio(0.2));
        assert_eq!((linear[19], linear[20], linear[60]), (20.0 / 21.0, 1.0, 0.5));
        let constant = Pace::default().with_schedule(Schedule::Constant).with_warmup_ratio(0.0);
        assert!(shares(constant).iter().all(|share| *share == 1.0));
        let cosine = shares(Pace::default().with_schedule(Schedule::Cosine).with_warmup_ratio(0.0));
        assert!((cosine[50] - 0.5).abs() < 1e-12 && cosine[99] < 1e-3);
    }

    #[test]
    fn one_that_only_rises_is_never_out_of_range() {
        let pace = Pace::default().with_schedule(Schedule::Linear).with_warmup_ratio(1.0);
        assert!(shares(pace).iter().all(|share| *share > 0.0 && *share < 1.0));
    }
}
