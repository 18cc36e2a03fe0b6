//! What is trained.

use crate::network::{Adapter, Dropout, Keep, Network, Packed, Pass, Tuning};
use crate::tensor::Tensor;
use crate::train::encode::Encoded;

/// A network whose own weights are trained, or an adapter beside them.
#[derive(Clone, Debug)]
pub(crate) struct Learner {
    pub(crate) network: Network,
    pub(crate) adapter: Option<Adapter>,
    /// What is kept of each layer until the way back.
    pub(crate) keep: Keep,
}

impl Learner {
    /// Trains all weights.
    pub(crate) fn full(network: Network) -> Self {
        Self { network: network.unshared(), adapter: None, keep: Keep::Steps }
    }

    /// Trains an adapter, and leaves the network as it is.
    pub(crate) fn beside(network: Network, mut adapter: Adapter) -> Self {
        let network = network.widened();
        adapter.measure(&network);
        Self { network, adapter: Some(adapter), keep: Keep::Steps }
    }

    /// What is learned.
    pub(crate) fn tensors(&self) -> impl Iterator<Item = &Tensor> {
        let of_network = self.adapter.is_none().then(|| self.network.tensors());
        let of_adapter = self.adapter.as_ref().map(Adapter::tensors);
        of_network.into_iter().flatten().chain(of_adapter.into_iter().flatten())
    }

    /// What is learned, to be changed; [`changed`](Self::changed) is to be called after.
    pub(crate) fn tensors_mut(&mut self) -> impl Iterator<Item = &mut Tensor> {
        let Self { network, adapter, .. } = self;
        let of_network = adapter.is_none().then(|| network.tensors_mut());
        let of_adapter = adapter.as_mut().map(Adapter::tensors_mut);
        of_network.into_iter().flatten().chain(of_adapter.into_iter().flatten())
    }

    /// Finds anew what depends on the weights.
    pub(crate) fn changed(&mut self) {
        if let Some(adapter) = &mut self.adapter {
            adapter.measure(&self.network);
        }
    }

    /// The log-probabilities of all examples' targets.
    pub(crate) fn log_probs(&self, examples: &[&Encoded]) -> Vec<f32> {
        let (batch, targets) = pack(examples);
        let tuning = self.adapter.as_ref().map(Tuning::new);
        self.network.log_probs(tuning, &batch, targets)
    }

    /// A pass over the examples that can be gone back; `seed` decides what of it is dropped, if it
    /// is to drop anything.
    pub(crate) fn pass(&self, examples: &[&Encoded], seed: Option<u64>) -> Pass<'_> {
        let (batch, targets) = pack(examples);
        let tuning = self.adapter.as_ref().map(|adapter| {
            let rate = adapter.lora.dropout as f32;
            let dropout = seed.filter(|_| rate > 0.0).map(|seed| Dropout { rate, seed });
            Tuning { dropout, ..Tuning::new(adapter) }
        });
        Pass::forward(&self.network, tuning, batch, targets, self.keep)
    }
}

/// The examples end to end, and what is to be learned after which row.
fn pack(examples: &[&Encoded]) -> (Packed, Vec<(usize, u32)>) {
    let batch = Packed::new(examples.iter().map(|example| &example.input[..]));
    let starts: Vec<usize> = batch.rows().map(|rows| rows.start).collect();
    let targets = examples.iter().zip(starts).flat_map(|(example, start)| {
        example.targets.iter().map(move |(row, token)| (start + row, *token))
    });
    let targets = targets.collect();
    (batch, targets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::with_everything;
    use crate::network::tests::noise_tensors;
    use crate::quant::Dtype;

    #[test]
    fn all_that_is_trained_lies_in_memory_before_the_first_step() {
        let config = with_everything();
        let stored = noise_tensors(&config, 7).into_iter().map(|(name, tensor)| {
            let bytes: Vec<u8> = tensor.values().iter().flat_map(|it| it.to_le_bytes()).collect();
            let shape = tensor.shape().to_vec();
            (name, Tensor::stored(shape, Dtype::F32, bytes.into()).unwrap())
        });
        let network = Network::new(config.clone(), stored.collect(), "m").unwrap();
        assert!(network.tensors().all(|tensor| tensor.stored_bytes().is_some()));
        let learner = Learner::full(network.clone());
        assert_eq!(learner.tensors().count(), config.tensors().len());
        assert!(learner.tensors().all(|tensor| tensor.stored_bytes().is_none()));
        assert!(learner.tensors().zip(network.tensors()).all(|(ours, theirs)| ours == theirs));
    }
}
