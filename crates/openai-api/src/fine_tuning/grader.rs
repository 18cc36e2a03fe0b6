//! Trying out what gives marks to answers in reinforcement training.

use serde_json::{Map, Value};

use crate::wire::wire;

wire! {
    /// What a grader says of one answer.
    pub struct GraderRun {
        /// The mark.
        pub reward: f64 = stated,
        /// The marks of each grader that a `multi` grader consists of, by its name.
        pub sub_rewards: Map<String, Value> = stated,
        /// What went wrong (`errors`), how long it took, what the grader was.
        pub metadata: Map<String, Value> = stated,
        /// How many tokens each model spent that gave marks.
        pub model_grader_token_usage_per_model: Map<String, Value> = stated,
    }
}

wire! {
    /// What a server says of a grader it can use.
    pub struct GraderValidated {
        /// The grader, as the server understands it.
        pub grader: Value = stated,
    }
}
