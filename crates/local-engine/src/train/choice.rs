//! What of a model a job trains.

use serde::{Deserialize, Serialize};
use trainer::{Error, Result, Tuning};

use crate::config::Module;
use crate::model::LoadedModel;
use crate::network::{Adapter, Lora};
use crate::train::learner::Learner;

/// What of a model a job trains.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Choice {
    /// All weights; an adapter becomes part of them first.
    Full,
    /// A new adapter beside these modules.
    Beside(Lora, Vec<Module>),
    /// The adapter that the model has.
    Further,
}

impl Choice {
    /// What is asked for, or what is best for the model.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidJob`] if what is asked for does not fit the model.
    pub(crate) fn new(tuning: &Tuning, model: &LoadedModel) -> Result<Self> {
        match (tuning, &model.adapter) {
            (Tuning::Full, _) => Ok(Self::Full),
            (Tuning::Lora(asked), None) => {
                let (lora, modules) = read(asked)?;
                Ok(Self::Beside(lora, modules))
            }
            (Tuning::Lora(asked), Some(there)) => {
                if read(asked)? == (there.lora.clone(), there.modules()) {
                    return Ok(Self::Further);
                }
                let problem = "differs from the adapter that the base model is; \
                               leave it at auto to train that further, or train all weights";
                Err(Error::invalid_job("tuning", problem))
            }
            (_, Some(_)) => Ok(Self::Further),
            (_, None) if model.network.config().parameters() <= FEW_PARAMETERS => Ok(Self::Full),
            (_, None) => Self::new(&Tuning::Lora(trainer::Lora::default()), model),
        }
    }

    /// What is trained, as it is before the first step; `None` if the model is no adapter any more.
    pub(crate) fn learner(&self, model: &LoadedModel, seed: u64) -> Option<Learner> {
        // Weights are shared with the model until a step changes them.
        let network = model.network.clone();
        Some(match (self, &model.adapter) {
            (Self::Full, None) => Learner::full(network),
            (Self::Full, Some(adapter)) => Learner::full(adapter.merged(network)),
            (Self::Further, adapter) => Learner::beside(network, adapter.clone()?),
            (Self::Beside(lora, modules), _) => {
                let adapter = Adapter::fresh(&network, lora.clone(), modules, seed);
                Learner::beside(network, adapter)
            }
        })
    }
}

/// The adapter that is asked for, and the modules beside which it is to stand.
fn read(asked: &trainer::Lora) -> Result<(Lora, Vec<Module>)> {
    let rank = usize::try_from(asked.rank).unwrap_or(usize::MAX);
    if rank > Lora::MOST_RANK {
        let problem = format!("must be at most {}, found {rank}", Lora::MOST_RANK);
        return Err(Error::invalid_job("tuning.rank", problem));
    }
    let lora = Lora {
        rank,
        alpha: asked.alpha,
        dropout: asked.dropout,
        has_root_scale: asked.use_rslora,
        learns_lengths: asked.use_dora,
    };
    let known = || Module::ALL.map(Module::name).join(", ");
    let mut modules = Vec::new();
    for name in &asked.target_modules {
        let module = Module::ALL.into_iter().find(|module| module.name() == name);
        modules.push(module.ok_or_else(|| {
            let problem = format!("names {name:?}, and the modules are {}", known());
            Error::invalid_job("tuning.target_modules", problem)
        })?);
    }
    if modules.is_empty() {
        modules.extend(Module::ALL);
    }
    modules.sort_unstable();
    modules.dedup();
    Ok((lora, modules))
}

/// What is trained, for people.
pub(crate) fn told(learner: &Learner) -> String {
    let learned: usize = learner.tensors().map(|tensor| tensor.values().len()).sum();
    let all = learner.network.config().parameters();
    match &learner.adapter {
        None => format!("all {all} parameters are trained"),
        Some(adapter) => format!(
            "an adapter of rank {} is trained: {learned} parameters beside {all}",
            adapter.lora.rank
        ),
    }
}

/// Up to so many parameters all of them are trained unless that is set.
const FEW_PARAMETERS: usize = 16_000_000;
