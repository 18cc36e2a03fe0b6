//! `GET /models` and `GET /models/{id}`.

use crate::client::Client;
use crate::error::Result;
use crate::model::{Model, ModelId};

impl Client {
    /// Tells one model.
    ///
    /// # Errors
    ///
    /// [`Error::Api`](crate::Error::Api) with status 404 if the server does not know it.
    pub async fn model(&self, id: &ModelId) -> Result<Model> {
        self.get(&["models", id.as_str()])?.read("model").await
    }

    pub(super) async fn list_models(&self) -> Result<Vec<Model>> {
        Ok(self.get(&["models"])?.read_page("list of models").await?.data)
    }
}
