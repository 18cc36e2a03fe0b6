//! Chat completions that a server keeps.

use crate::wire::wire;

wire! {
    /// What a server says when it has deleted a chat completion that it kept.
    pub struct ChatCompletionDeleted = "chat.completion.deleted" {
        /// The completion's id.
        pub id: String = required,
        /// Whether it is gone.
        pub deleted: bool = stated,
    }
}
