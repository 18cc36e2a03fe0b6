//! Models that were fine-tuned.

use crate::model::ModelId;
use crate::wire::wire;

wire! {
    /// What a server says when it has deleted a model.
    pub struct ModelDeleted = "model" {
        /// The model's id.
        pub id: ModelId = required,
        /// Whether it is gone.
        pub deleted: bool = stated,
    }
}
