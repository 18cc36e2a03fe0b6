//! The forward pass of answering: some tokens of several sequences at once.
//!
//! Weights are read once for the rows of all sequences. What comes of a row depends on its own
//! sequence alone, to the bit: a few rows go through kernels that take each for itself, and the
//! cells of a product of matrices are summed up in one order however many there are. A long part
//! gives the same bits in one piece and in several if each begins with a page and has more than
//! [`FEW`] rows.

use std::ops::Range;

use crate::config::Module;
use crate::kernels::{self, FEW, Seen, Span};
use crate::network::cache::PAGE;
use crate::network::{Cache, Linear, Network, Tuning};
use crate::tensor::Tensor;

/// The tokens that one sequence takes in.
#[derive(Debug)]
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
    pub(crate) fn step(&self, parts: &mut [Part<'_>]) -> Vec<Vec<f32>> {
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
                Seen { queries: queries(of), pages, page: PAGE, keys }
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
    let width = matrix.width();
    if x.len() <= FEW * width {
        return if x.is_empty() { Vec::new() } else { matrix.product(x) };
    }
    x.chunks(FEW * width).flat_map(|x| matrix.product(x)).collect()
}

/// A matrix of so many rows is a small one to `gemm`.
const SMALL: usize = 64;
