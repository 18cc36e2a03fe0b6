//! From logits to tokens.

use std::collections::{HashMap, HashSet};

/// How tokens are chosen.
///
/// What is done to the logits comes in the order of `transformers`: penalties and biases, then
/// temperature, `top_k`, `top_p` and `min_p`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Choosing {
    /// 0 takes the likeliest token each time.
    pub(crate) temperature: f32,
    /// How many of the likeliest tokens are chosen from; 0 is all.
    pub(crate) top_k: usize,
    /// The share of likelihood that is chosen from.
    pub(crate) top_p: f32,
    /// The least likelihood that is chosen from, as a share of the likeliest token's.
    pub(crate) min_p: f32,
    /// What the logits of tokens in the prompt or the answer are divided by, or multiplied with
    /// where they are negative (Keskar et al. 2019); 1 changes nothing.
    pub(crate) repetition_penalty: f32,
    /// What is taken from the logit of each token that is in the answer.
    pub(crate) presence_penalty: f32,
    /// What is taken from it for each time that it is.
    pub(crate) frequency_penalty: f32,
    /// What is added to the logits of some tokens.
    pub(crate) bias: Vec<(u32, f32)>,
    pub(crate) seed: Option<u64>,
    /// Whether to tell how likely each token was, and beside how many others.
    pub(crate) told: Option<usize>,
}

impl Choosing {
    /// Takes the likeliest token each time.
    pub(crate) fn greedy() -> Self {
        Self {
            temperature: 0.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            repetition_penalty: 1.0,
            presence_penalty: 0.0,
            frequency_penalty: 0.0,
            bias: Vec::new(),
            seed: None,
            told: None,
        }
    }
}

/// A token, and how likely the model found it and others in its place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Choice {
    pub(crate) token: u32,
    pub(crate) likelihood: Option<Likelihood>,
}

/// Log-probabilities as the model has them, before anything was done to its logits.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Likelihood {
    pub(crate) own: f32,
    /// The likeliest tokens with theirs.
    pub(crate) top: Vec<(u32, f32)>,
}

/// The tokens that may come next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Allowed {
    /// A bit for each, the lowest first.
    bits: Vec<u32>,
}

#[cfg(feature = "json")]
impl Allowed {
    pub(crate) fn new(bits: Vec<u32>) -> Self {
        Self { bits }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bits.iter().all(|bits| *bits == 0)
    }

    pub(crate) fn add(&mut self, token: u32) {
        if let Some(bits) = self.bits.get_mut(token as usize / 32) {
            *bits |= 1 << (token % 32);
        }
    }

    /// Says whether it was there.
    pub(crate) fn remove(&mut self, token: u32) -> bool {
        let was_there = self.has(token);
        if was_there {
            self.bits[token as usize / 32] &= !(1 << (token % 32));
        }
        was_there
    }
}

impl Allowed {
    fn has(&self, token: u32) -> bool {
        self.bits.get(token as usize / 32).is_some_and(|bits| bits >> (token % 32) & 1 == 1)
    }

    /// Makes all others impossible.
    fn keep(&self, logits: &mut [f32]) {
        for (token, logit) in (0..).zip(logits) {
            if !self.has(token) {
                *logit = f32::NEG_INFINITY;
            }
        }
    }
}

/// Picks one token after another.
#[derive(Debug)]
pub(crate) struct Sampler<'a> {
    choosing: &'a Choosing,
    rng: fastrand::Rng,
    prompt: HashSet<u32>,
    /// How often each token is in the answer.
    answer: HashMap<u32, u32>,
}

impl<'a> Sampler<'a> {
    /// For an answer to a prompt; the same seed gives the `nth` answer the same tokens.
    pub(crate) fn new(choosing: &'a Choosing, prompt: &[u32], nth: u64) -> Self {
        let seeded = |seed: u64| fastrand::Rng::with_seed(seed.wrapping_add(nth));
        Self {
            choosing,
            rng: choosing.seed.map_or_else(fastrand::Rng::new, seeded),
            // Only that penalty looks at the prompt.
            prompt: match choosing.repetition_penalty {
                1.0 => HashSet::new(),
                _ => prompt.iter().copied().collect(),
            },
            answer: HashMap::new(),
        }
    }

    /// Picks the next token, of those that are allowed; the logits are changed on the way.
    pub(crate) fn choose(&mut self, logits: &mut [f32], allowed: Option<&Allowed>) -> Choice {
        let raw = self.choosing.told.map(|others| LogProbs::new(logits, others));
        self.weigh(logits);
        if let Some(allowed) = allowed {
            allowed.keep(logits);
        }
        let token = self.pick(logits);
        *self.answer.entry(token).or_insert(0) += 1;
        Choice { token, likelihood: raw.map(|raw| raw.of(token)) }
    }

    fn weigh(&self, logits: &mut [f32]) {
        let Choosing { repetition_penalty, presence_penalty, frequency_penalty, bias, .. } =
            self.choosing;
        if *repetition_penalty != 1.0 {
            let new = self.answer.keys().filter(|token| !self.prompt.contains(token));
            for token in self.prompt.iter().chain(new) {
                if let Some(logit) = logits.get_mut(*token as usize) {
                    let divide = *logit > 0.0;
                    *logit *= if divide { 1.0 / repetition_penalty } else { *repetition_penalty };
                }
            }
        }
        if *presence_penalty != 0.0 || *frequency_penalty != 0.0 {
            for (token, count) in &self.answer {
                if let Some(logit) = logits.get_mut(*token as usize) {
                    *logit -= presence_penalty + frequency_penalty * *count as f32;
                }
            }
        }
        for (token, bias) in bias {
            if let Some(logit) = logits.get_mut(*token as usize) {
                *logit += bias;
            }
        }
    }

    fn pick(&mut self, logits: &[f32]) -> u32 {
        let Choosing { temperature, top_k, top_p, min_p, .. } = *self.choosing;
        let (best, most) = likeliest(logits);
        if temperature <= 0.0 || top_p <= 0.0 || top_k == 1 {
            return best;
        }
        let (temperature, top_p) = (f64::from(temperature), f64::from(top_p));
        // Shares of the likeliest token's weight.
        let weight = |x: &f32| ((f64::from(*x) - f64::from(most)) / temperature).exp();
        let weights = logits.iter().map(weight).zip(0..);
        let mut kept: Vec<(f64, u32)> = weights.filter(|(weight, _)| *weight > 0.0).collect();
        let order = |a: &(f64, u32), b: &(f64, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
        if top_k > 0 && top_k < kept.len() {
            kept.select_nth_unstable_by(top_k - 1, order);
            kept.truncate(top_k);
        }
        kept.sort_unstable_by(order);
        if top_p < 1.0 {
            let total: f64 = kept.iter().map(|(weight, _)| weight).sum();
            let mut sum = 0.0;
            let is_enough = |(weight, _): &(f64, u32)| {
                sum += weight;
                sum >= top_p * total
            };
            if let Some(last) = kept.iter().position(is_enough) {
                kept.truncate(last + 1);
            }
        }
        kept.retain(|(weight, _)| *weight >= f64::from(min_p));
        let total: f64 = kept.iter().map(|(weight, _)| weight).sum();
        let mut point = self.rng.f64() * total;
        for (weight, token) in &kept {
            point -= weight;
            if point < 0.0 {
                return *token;
            }
        }
        best
    }
}

/// The first of the likeliest tokens, and its logit.
fn likeliest(logits: &[f32]) -> (u32, f32) {
    (0..).zip(logits).fold((0, f32::NEG_INFINITY), |best, (token, logit)| {
        if *logit > best.1 { (token, *logit) } else { best }
    })
}

/// What the model's own logits say.
struct LogProbs {
    logits: Vec<f32>,
    /// The logarithm of the sum of their exponentials.
    total: f64,
    others: usize,
}

impl LogProbs {
    fn new(logits: &[f32], others: usize) -> Self {
        let most = f64::from(likeliest(logits).1);
        let sum: f64 = logits.iter().map(|logit| (f64::from(*logit) - most).exp()).sum();
        Self { logits: logits.to_vec(), total: most + sum.ln(), others }
    }

    fn of(self, token: u32) -> Likelihood {
        let of = |logit: f32| (f64::from(logit) - self.total) as f32;
        let own = of(self.logits.get(token as usize).copied().unwrap_or(f32::NEG_INFINITY));
        let mut top: Vec<(u32, f32)> = (0..).zip(self.logits.iter().copied()).collect();
        let order = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
        let count = self.others.min(top.len());
        if count > 0 && count < top.len() {
            top.select_nth_unstable_by(count - 1, order);
        }
        top.truncate(count);
        top.sort_unstable_by(order);
        Likelihood { own, top: top.into_iter().map(|(token, logit)| (token, of(logit))).collect() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LOGITS: [f32; 4] = [0.0, 2.0, 1.0, 2.0];

    fn hot(seed: u64) -> Choosing {
        Choosing { temperature: 1.0, seed: Some(seed), ..Choosing::greedy() }
    }

    /// Many choices, each as if it were the first.
    fn chosen(choosing: &Choosing) -> Vec<u32> {
        let mut sampler = Sampler::new(choosing, &[], 0);
        let mut choose = || {
            sampler.answer.clear();
            sampler.choose(&mut LOGITS.clone(), None).token
        };
        (0..200).map(|_| choose()).collect()
    }

    fn kinds(choosing: &Choosing) -> Vec<u32> {
        let mut kinds = chosen(choosing);
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }

    /// What comes first when the likeliest is taken each time.
    fn answer(choosing: &Choosing, prompt: &[u32]) -> Vec<u32> {
        let mut sampler = Sampler::new(choosing, prompt, 0);
        (0..4).map(|_| sampler.choose(&mut LOGITS.clone(), None).token).collect()
    }

    #[test]
    fn without_temperature_the_first_of_the_likeliest_is_chosen() {
        assert_eq!(kinds(&Choosing::greedy()), [1]);
        assert_eq!(kinds(&Choosing { top_k: 1, ..hot(1) }), [1]);
    }

    #[test]
    fn a_seed_repeats_and_another_or_another_answer_differs() {
        assert_eq!(chosen(&hot(1)), chosen(&hot(1)));
        assert_ne!(chosen(&hot(1)), chosen(&hot(2)));
        let (choosing, mut second) = (hot(1), Vec::new());
        let mut sampler = Sampler::new(&choosing, &[], 1);
        for _ in 0..200 {
            second.push(sampler.choose(&mut LOGITS.clone(), None).token);
        }
        assert_ne!(second, chosen(&hot(1)));
    }

    #[test]
    fn only_so_many_or_so_likely_tokens_are_chosen_from() {
        assert_eq!(kinds(&hot(1)), [0, 1, 2, 3]);
        assert_eq!(kinds(&Choosing { top_p: 0.5, ..hot(1) }), [1, 3]);
        assert_eq!(kinds(&Choosing { top_k: 3, ..hot(1) }), [1, 2, 3]);
        // e^-1 of the likeliest is 0.37.
        assert_eq!(kinds(&Choosing { min_p: 0.3, ..hot(1) }), [1, 2, 3]);
        assert_eq!(kinds(&Choosing { min_p: 0.4, ..hot(1) }), [1, 3]);
    }

    #[test]
    fn penalties_and_biases_move_the_likeliest_away() {
        let greedy = Choosing::greedy;
        assert_eq!(answer(&greedy(), &[]), [1, 1, 1, 1]);
        assert_eq!(answer(&Choosing { presence_penalty: 0.5, ..greedy() }, &[]), [1, 3, 1, 1]);
        assert_eq!(answer(&Choosing { presence_penalty: 1.5, ..greedy() }, &[]), [1, 3, 2, 1]);
        assert_eq!(answer(&Choosing { frequency_penalty: 0.5, ..greedy() }, &[]), [1, 3, 1, 3]);
        // The prompt counts for this one alone.
        let repetition = Choosing { repetition_penalty: 4.0, ..greedy() };
        assert_eq!(answer(&repetition, &[1]), [3, 2, 1, 1]);
        assert_eq!(answer(&Choosing { bias: vec![(0, 5.0)], ..greedy() }, &[]), [0, 0, 0, 0]);
    }

    #[test]
    fn likelihoods_are_those_of_the_model_whatever_was_done_to_its_logits() {
        let choosing = Choosing { bias: vec![(0, 50.0)], told: Some(3), ..Choosing::greedy() };
        let choice = Sampler::new(&choosing, &[], 0).choose(&mut LOGITS.clone(), None);
        assert_eq!(choice.token, 0);
        let told = choice.likelihood.unwrap();
        let total = LOGITS.iter().map(|logit| logit.exp()).sum::<f32>().ln();
        assert!((told.own + total).abs() < 1e-6);
        let tokens: Vec<u32> = told.top.iter().map(|(token, _)| *token).collect();
        assert_eq!(tokens, [1, 3, 2]);
        assert!((told.top[0].1 - (2.0 - total)).abs() < 1e-6);
    }

    proptest! {
        #[test]
        fn whatever_is_asked_a_token_of_the_vocabulary_is_chosen(
            mut logits in proptest::collection::vec(-1e4_f32..1e4, 1..50),
            temperature in 0.0_f32..2.0,
            (top_k, top_p, min_p) in (0_usize..60, 0.0_f32..=1.0, 0.0_f32..=1.0),
            (penalty, others) in (0.1_f32..3.0, 0_usize..60),
            bias: Vec<(u32, f32)>,
        ) {
            let choosing = Choosing {
                temperature, top_k, top_p, min_p, bias, repetition_penalty: penalty,
                presence_penalty: penalty, told: Some(others), ..hot(1)
            };
            let (count, mut sampler) = (logits.len(), Sampler::new(&choosing, &[0, 9999], 0));
            for _ in 0..3 {
                let choice = sampler.choose(&mut logits, None);
                prop_assert!((choice.token as usize) < count);
                prop_assert_eq!(choice.likelihood.unwrap().top.len(), others.min(count));
            }
        }
    }
}
