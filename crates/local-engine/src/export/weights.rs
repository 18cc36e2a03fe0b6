//! The weights of a model as a whole, one after the other, in the types to be written.

use std::collections::BTreeMap;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::Path;

use crate::config::{Config, Module};
use crate::error::{Error, Result};
use crate::export::{Exporting, Progress};
use crate::files::{ModelFiles, WEIGHTS};
use crate::model::read_config;
use crate::network::{Adapter, Site};
use crate::peft;
use crate::quant::{Dtype, quantize};
use crate::tensor::{Tensor, Tensors};
use crate::weights;

/// The weights of a base, and what an adapter makes of them.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) config: Config,
    tensors: Tensors,
    adapter: Option<Adapter>,
    file: String,
}

/// A tensor as it is to be written.
#[derive(Debug)]
pub(super) struct Part {
    /// Its name in the model.
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    pub(super) dtype: Dtype,
    /// The width of the heads whose halves are to lie side by side.
    pub(super) turned: Option<usize>,
}

impl Whole {
    pub(super) fn read(base: &ModelFiles, adapter: Option<&ModelFiles>) -> Result<Self> {
        let config = read_config(base)?;
        let tensors = weights::read(base, &config)?;
        let file = base.display(WEIGHTS);
        for (name, expected) in config.tensors() {
            let Some(tensor) = tensors.get(&name) else {
                return Err(Error::MissingTensor { file, tensor: name });
            };
            if tensor.shape() != expected {
                let found = tensor.shape().to_vec();
                return Err(Error::TensorShape { file, tensor: name, expected, found });
            }
        }
        let adapter = adapter.map(|files| peft::read(files, &config)).transpose()?;
        Ok(Self { config, tensors, adapter, file })
    }

    /// The type that a tensor is in, and whether the adapter changes it.
    pub(super) fn stored(&self, name: &str) -> (Dtype, bool) {
        let dtype = self.tensors.get(name).map_or(Dtype::F32, Tensor::dtype);
        (dtype, self.site(name).is_some())
    }

    /// The type that most numbers in matrices are in.
    pub(super) fn usual(&self) -> Dtype {
        let specs = self.config.tensors();
        let parts = specs.iter().filter(|(_, shape)| shape.len() > 1);
        let parts = parts.map(|(name, shape)| (self.stored(name).0, shape.as_slice()));
        count(parts).into_values().max_by_key(|(_, count)| *count).map_or(Dtype::F32, |it| it.0)
    }

    fn site(&self, name: &str) -> Option<&Site> {
        let (layer, path) = name.strip_prefix("model.layers.")?.split_once('.')?;
        let path = path.strip_suffix(".weight")?;
        let module = Module::ALL.into_iter().find(|module| module.path() == path)?;
        self.adapter.as_ref()?.site(layer.parse().ok()?, module)
    }

    /// Writes a tensor row by row.
    pub(super) fn write(&self, part: &Part, out: &mut Output<'_, '_>) -> Result<()> {
        let Part { name, shape, dtype, .. } = part;
        let Some(tensor) = self.tensors.get(name) else {
            return Err(Error::MissingTensor { file: self.file.clone(), tensor: name.clone() });
        };
        // Each value of a vector is a row of its own here, as it is where rows are turned.
        let (rows, width) = match &shape[..] {
            [length] => (*length, 1),
            _ => (tensor.rows(), tensor.width()),
        };
        let whole = match self.site(name) {
            Some(site) => Some(site.merged(tensor)),
            None => (shape.len() < 2).then(|| tensor.to_vec()),
        };
        let plain = tensor.stored_bytes().filter(|_| whole.is_none() && tensor.dtype() == *dtype);
        let bytes = dtype.row_bytes(width).unwrap_or(0);
        let (mut values, mut row) = (Vec::new(), Vec::new());
        for place in 0..rows {
            let from = part.row(place);
            if let Some(plain) = plain {
                out.write(&plain[from * bytes..][..bytes])?;
                continue;
            }
            values.clear();
            row.clear();
            match &whole {
                Some(whole) => values.extend_from_slice(&whole[from * width..][..width]),
                None => tensor.push_row(from, &mut values),
            }
            if quantize(*dtype, &values, &mut row).is_none() {
                let (tensor, wanted) = (name.clone(), dtype.name());
                let advice = "it holds what that type has no room for; take bf16 or f32";
                return Err(Error::Export { tensor, wanted, advice });
            }
            out.write(&row)?;
        }
        Ok(())
    }
}

impl Part {
    /// Where a row comes from: the two halves of a head lie one after the other there.
    ///
    /// It is the way back from what the reader of GGUF does.
    pub(super) fn row(&self, place: usize) -> usize {
        let Some(dim) = self.turned else { return place };
        let (head, within) = (place / dim * dim, place % dim);
        head + within % 2 * (dim / 2) + within / 2
    }

    pub(super) fn bytes(&self) -> Option<u64> {
        crate::gguf::stored_bytes(&self.shape, self.dtype)
    }
}

/// How many numbers are in each type.
pub(super) fn count<'p>(
    parts: impl Iterator<Item = (Dtype, &'p [usize])>,
) -> BTreeMap<&'static str, (Dtype, u64)> {
    let mut counts = BTreeMap::new();
    for (dtype, shape) in parts {
        let (_, count) = counts.entry(dtype.name()).or_insert((dtype, 0));
        *count += shape.iter().product::<usize>() as u64;
    }
    counts
}

/// Where weights are written.
pub(super) struct Output<'o, 'a> {
    pub(super) out: &'o mut dyn Write,
    /// What is said to have failed if that fails.
    pub(super) path: &'o Path,
    pub(super) count: &'o mut Count<'a>,
}

impl Output<'_, '_> {
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.out.write_all(bytes).map_err(Error::io("write", self.path))?;
        self.count.add(bytes.len() as u64)
    }
}

/// How far the writing is, and who is told.
pub(super) struct Count<'a> {
    progress: &'a mut Progress<'a>,
    pub(super) done: u64,
    total: u64,
    /// What was last told.
    told: u64,
}

impl<'a> Count<'a> {
    pub(super) fn new(total: u64, progress: &'a mut Progress<'a>) -> Result<Self> {
        let mut count = Self { progress, done: 0, total, told: 0 };
        count.tell()?;
        Ok(count)
    }

    fn add(&mut self, bytes: u64) -> Result<()> {
        self.done += bytes;
        if self.done - self.told >= OFTEN || self.done == self.total {
            self.tell()?;
        }
        Ok(())
    }

    fn tell(&mut self) -> Result<()> {
        self.told = self.done;
        match (self.progress)(Exporting { done: self.done, total: self.total }) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Error::Stopped),
        }
    }
}

/// After how many bytes it is told how far the writing is.
const OFTEN: u64 = 4 << 20;
