//! The forward pass of answering: some tokens of several sequences at once.
//!
//! Weights are read once for the rows of all sequences. What comes of a row depends on its own
//! sequence alone, to the bit: a few rows go through kernels that take each for itself, and the
//! cells of a product of matrices are summed up in one order however many there are. A long part
//! gives the same bits in one piece and in several if each begins with a page and has more than
//! [`FEW`] rows.

use std::ops::Range;

use crate::available::available_memory;
use crate::config::Module;
use crate::kernels::{self, FEW, Seen, Span};
use crate::network::cache::PAGE;
use crate::network::{Cache, Linear, Network, Tuning};
use crate::tensor::{Tensor, pack};

/// The tokens that one sequence takes in.
pub(crate) struct Part<'a> {
    /// At least one.
    pub(crate) tokens: &'a [u32],
    pub(crate) cache: &'a mut Cache,
    pub(crate) tuning: Option<Tuning<'a>>,
    /// Whether it is asked what comes after the last of them.
    pub(crate) asks: bool,
}

impl Part<'_> {
    fn is_long(&self) -> bool {
        self.tokens.len() > FEW
    }
}

impl Network {
    /// Takes `tokens` in and returns the logits of what comes after the last of them.
    #[cfg(test)]
    pub(crate) fn advance(
        &self,
        tokens: &[u32],
        tuning: Option<Tuning<'_>>,
        cache: &mut Cache,
    ) -> Vec<f32> {
        self.step(&mut [Part { tokens, cache, tuning, asks: true }]).remove(0)
    }

    /// Takes tokens of each sequence in, and returns the logits of what comes after those of the
    /// parts that ask, one after another.
    ///
    /// Before the first step, the weights are packed that answers are faster from, if there is
    /// memory for them; if not, they are not later on either.
    pub(crate) fn step(&self, parts: &mut [Part<'_>]) -> Vec<Vec<f32>> {
        pack(self.matrices(), available_memory);
        // On a thread of the pool: from outside, each product would wait for one to wake up.
        rayon::scope(|_| self.step_here(parts))
    }

    fn step_here(&self, parts: &mut [Part<'_>]) -> Vec<Vec<f32>> {
        let mut rows = Rows::new(parts);
        let (config, angles) = (&self.config, self.config.rope.angles(&rows.positions()));
        let (query_width, key_width) =
            (config.heads.query * config.heads.dim, config.heads.key * config.heads.dim);
        let mut x = Vec::with_capacity(rows.tokens.len() * config.hidden);
        for token in &rows.tokens {
            self.embedding.push_row(*token as usize, &mut x);
        }
        for (index, layer) in self.layers.iter().enumerate() {
            let normed = self.normed(&x, &layer.attention_norm);
            let apply =
                |module: Module, x: &[f32]| rows.apply(layer.linear(module), (index, module), x);
            let [mut q, mut k, v] = [Module::Q, Module::K, Module::V].map(|it| apply(it, &normed));
            if let Some([q_norm, k_norm]) = &layer.head_norms {
                (q, k) = (self.normed(&q, q_norm), self.normed(&k, k_norm));
            }
            angles.rotate(&mut q, query_width, 1.0);
            angles.rotate(&mut k, key_width, 1.0);
            rows.keep(index, &k, &v);
            let attended = rows.attend(self, index, &q);
            let apply =
                |module: Module, x: &[f32]| rows.apply(layer.linear(module), (index, module), x);
            kernels::accumulate(&mut x, &apply(Module::O, &attended));
            let normed = self.normed(&x, &layer.mlp_norm);
            let inner = kernels::swiglu(&apply(Module::Gate, &normed), &apply(Module::Up, &normed));
            kernels::accumulate(&mut x, &apply(Module::Down, &inner));
        }
        let last = rows.settle(&x, config.hidden);
        let logits = products(self.head(), &self.normed(&last, &self.norm));
        logits.chunks_exact(config.vocabulary).map(<[f32]>::to_vec).collect()
    }
}

/// The rows of all parts, those first of parts that have a few.
struct Rows<'p, 'a> {
    parts: &'p mut [Part<'a>],
    /// Which rows are those of each part.
    of: Vec<Range<usize>>,
    tokens: Vec<u32>,
    /// How many are of parts that have a few.
    few: usize,
}

impl<'p, 'a> Rows<'p, 'a> {
    fn new(parts: &'p mut [Part<'a>]) -> Self {
        let (mut of, mut tokens, mut few) = (vec![0..0; parts.len()], Vec::new(), 0);
        for long in [false, true] {
            for (part, of) in parts.iter().zip(&mut of).filter(|(part, _)| part.is_long() == long) {
                *of = tokens.len()..tokens.len() + part.tokens.len();
                tokens.extend_from_slice(part.tokens);
            }
            if !long {
                few = tokens.len();
            }
        }
        Self { parts, of, tokens, few }
    }

    fn positions(&self) -> Vec<u32> {
        let mut positions = vec![0; self.tokens.len()];
        for (part, of) in self.parts.iter().zip(&self.of) {
            for (position, at) in positions[of.clone()].iter_mut().zip(part.cache.tokens()..) {
                *position = at as u32;
            }
        }
        positions
    }

    /// What a linear module makes of all rows, each with the adapter of its part.
    fn apply(&self, linear: &Linear, (layer, module): (usize, Module), x: &[f32]) -> Vec<f32> {
        let (from, to) = (linear.weight.width(), linear.weight.rows());
        let (few, many) = x.split_at(self.few * from);
        let mut y = products(&linear.weight, few);
        match to {
            _ if many.is_empty() => {}
            // The sums of small products are made of other parts than those of large ones, so that
            // it must not depend on the company how large they are.
            ..=SMALL => {
                let long = self.of.iter().filter(|of| of.start >= self.few);
                let pieces =
                    long.flat_map(|of| x[of.start * from..of.end * from].chunks(PAGE * from));
                y.extend(pieces.flat_map(|x| linear.weight.product(x)));
            }
            _ => y.append(&mut linear.weight.product(many)),
        }
        for (part, of) in self.parts.iter().zip(&self.of) {
            if let Some(delta) = part.tuning.and_then(|tuning| tuning.at(layer, module)) {
                let (x, y) =
                    (&x[of.start * from..of.end * from], &mut y[of.start * to..of.end * to]);
                for (x, y) in x.chunks(PAGE * from).zip(y.chunks_mut(PAGE * to)) {
                    delta.apply(linear, x, y);
                }
            }
        }
        linear.add_bias(&mut y);
        y
    }

    /// Keeps the keys and values of a layer.
    fn keep(&mut self, layer: usize, k: &[f32], v: &[f32]) {
        let width = k.len() / self.tokens.len();
        for (part, of) in self.parts.iter_mut().zip(&self.of) {
            let values = of.start * width..of.end * width;
            part.cache.write(layer, &k[values.clone()], &v[values]);
        }
    }

    /// What the rows see in a layer, each in its own sequence.
    fn attend(&self, network: &Network, layer: usize, q: &[f32]) -> Vec<f32> {
        let (heads, window) = (network.config.heads, network.config.sliding[layer]);
        let width = heads.query * heads.dim;
        let queries = |of: &Range<usize>| &q[of.start * width..of.end * width];
        let parts = || self.parts.iter().zip(&self.of);
        let few: Vec<Seen<'_>> = parts()
            .filter(|(part, _)| !part.is_long())
            .map(|(part, of)| {
                let keys = part.cache.tokens() + of.len();
                let pages = part.cache.layer(layer).collect();
                let steps = [PAGE * heads.dim, heads.dim];
                Seen { queries: queries(of), pages, page: PAGE, steps, keys }
            })
            .collect();
        let mut attended = kernels::attention_few(heads, window, &few);
        for (part, of) in parts().filter(|(part, _)| part.is_long()) {
            let start = part.cache.tokens();
            let first = window.map_or(0, |window| (start + 1).saturating_sub(window));
            let [k, v] = part.cache.gathered(layer, first..start + of.len());
            let span = [Span { queries: 0..of.len(), keys: 0..start + of.len() - first }];
            attended.extend(kernels::attention(heads, window, &span, queries(of), &k, &v));
        }
        attended
    }

    /// Ends the step; returns the last rows of the parts that ask.
    fn settle(self, x: &[f32], width: usize) -> Vec<f32> {
        let mut last = Vec::new();
        for (part, of) in self.parts.iter_mut().zip(&self.of) {
            part.cache.settle(part.tokens.len());
            if part.asks {
                last.extend_from_slice(&x[(of.end - 1) * width..of.end * width]);
            }
        }
        last
    }
}

/// `x · matrixᵀ`, where each row gives the same bits however many there are.
fn products(matrix: &Tensor, x: &[f32]) -> Vec<f32> {
    let mut chunks = x.chunks(FEW * matrix.width());
    let mut y = chunks.next().map_or_else(Vec::new, |x| matrix.product(x));
    for x in chunks {
        y.append(&mut matrix.product(x));
    }
    y
}

/// A matrix of so many rows is a small one to `gemm`.
const SMALL: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::config::tests::small;
    use crate::network::adapter::tests::noise_adapter;
    use crate::network::{Adapter, Pool};
    use crate::quant::Dtype;
    use crate::quant::tests::random_blocks;
    use crate::tensor::Tensors;

    /// A network whose weights are stored, and some of whose matrices are not small.
    fn stored(dtype: Dtype) -> Network {
        let config = Config { vocabulary: 100, hidden: 96, inner: 160, window: 512, ..small() };
        let mut seed = 0;
        let tensors: Tensors = config
            .tensors()
            .into_iter()
            .map(|(name, shape)| {
                seed += 1;
                // Heads are of 4 values in all, which are no block.
                let is_matrix = shape.len() == 2 && shape[1].is_multiple_of(dtype.block().0);
                let dtype = if is_matrix { dtype } else { Dtype::F32 };
                let values = shape.iter().product();
                let bytes = match dtype {
                    Dtype::F32 => {
                        let mut rng = fastrand::Rng::with_seed(seed);
                        (0..values).flat_map(|_| (rng.f32() - 0.5).to_le_bytes()).collect()
                    }
                    _ => random_blocks(dtype, values, seed),
                };
                (name, Tensor::stored(shape, dtype, bytes.into()).unwrap())
            })
            .collect();
        Network::new(config, tensors, "m").unwrap()
    }

    fn tokens(seed: u64, count: usize) -> Vec<u32> {
        let mut rng = fastrand::Rng::with_seed(seed);
        (0..count).map(|_| rng.u32(0..100)).collect()
    }

    fn fresh(network: &Network) -> Cache {
        Cache::with_pages(&network.config, &Pool::default(), Vec::new())
    }

    #[test]
    fn a_sequence_gives_the_same_bits_in_company_and_in_pieces() {
        for dtype in [Dtype::F32, Dtype::F16, Dtype::Q8_0] {
            let network = stored(dtype);
            let mut adapter = noise_adapter(&network.config, false);
            let mut other = noise_adapter(&network.config, true);
            for adapter in [&mut adapter, &mut other] {
                adapter.measure(&network);
            }
            let adapters: [Option<&Adapter>; 3] = [None, Some(&adapter), Some(&other)];
            // The pieces that each prompt is read in; then come some tokens one by one.
            let prompts: [&[usize]; 6] = [&[3], &[30], &[64, 128, 9], &[128, 64, 6], &[64], &[200]];
            let mut alone = Vec::new();
            for (nth, pieces) in prompts.iter().enumerate() {
                let tuning = adapters[nth % 3].map(Tuning::new);
                let (length, mut cache) = (pieces.iter().sum::<usize>(), fresh(&network));
                let all = tokens(nth as u64, length + 3);
                // All at once, but for a few at the end.
                let few = if pieces.last() <= Some(&FEW) { pieces[pieces.len() - 1] } else { 0 };
                let (most, few) = all[..length].split_at(length - few);
                let mut found = Vec::new();
                for part in [most, few] {
                    if !part.is_empty() {
                        found = vec![network.advance(part, tuning, &mut cache)];
                    }
                }
                for token in &all[length..] {
                    found.push(network.advance(&[*token], tuning, &mut cache));
                }
                alone.push(found);
            }

            let mut caches: Vec<_> = prompts.iter().map(|_| fresh(&network)).collect();
            let mut found = vec![Vec::new(); prompts.len()];
            for step in 0..6 {
                let all: Vec<_> = prompts
                    .iter()
                    .enumerate()
                    .map(|(nth, pieces)| tokens(nth as u64, pieces.iter().sum::<usize>() + 3))
                    .collect();
                let mut parts = Vec::new();
                let mut asking = Vec::new();
                for (nth, cache) in caches.iter_mut().enumerate() {
                    let (start, pieces) = (cache.tokens(), prompts[nth]);
                    let count = pieces.get(step).copied().unwrap_or(1);
                    if start == all[nth].len() {
                        continue;
                    }
                    let asks = step + 1 >= pieces.len();
                    if asks {
                        asking.push(nth);
                    }
                    let tuning = adapters[nth % 3].map(Tuning::new);
                    let tokens = &all[nth][start..start + count];
                    parts.push(Part { tokens, cache, tuning, asks });
                }
                for (nth, logits) in asking.into_iter().zip(network.step(&mut parts)) {
                    found[nth].push(logits);
                }
            }
            assert!(alone == found, "{}", dtype.name());
        }
    }
}
