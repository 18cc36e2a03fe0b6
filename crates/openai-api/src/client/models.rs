//! `/models`.

use reqwest::Method;

use crate::client::Client;
use crate::client::call::Call;
use crate::client::list::List;
use crate::model::{Model, ModelId};

impl Client {
    /// Lists the models, in any order.
    #[inline]
    pub fn list_models(&self) -> List<Model> {
        self.list(&["models"], "list of models")
    }

    /// Tells one model.
    #[inline]
    pub fn model(&self, id: &ModelId) -> Call<Model> {
        self.call(Method::GET, &["models", id.as_str()], "model")
    }
}
