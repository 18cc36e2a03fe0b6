//! Functions that a model may call.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use futures_util::future::join_all;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::chat::ChatCompletion;
use crate::error::Result;
use crate::message::{Message, Role};
use crate::tool::{FunctionCall, Tool, ToolCall};

type Answer = Pin<Box<dyn Future<Output = String> + Send>>;
type Function = Box<dyn Fn(&FunctionCall) -> Answer + Send + Sync>;

/// Functions that a model may call, each with arguments of a Rust type.
///
/// ```
/// use openai_api::{ChatBackend, ChatCompletion, ChatRequest, Toolbox};
/// # use openai_api::schemars;
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// struct Place {
///     city: String,
/// }
///
/// async fn temperature(place: Place) -> Result<f32, String> {
///     if place.city == "Riga" { Ok(21.5) } else { Err(format!("{} is unknown", place.city)) }
/// }
///
/// # async fn run(backend: impl ChatBackend, mut request: ChatRequest) -> openai_api::Result<ChatCompletion> {
/// let toolbox =
///     Toolbox::new().with("temperature", "Tells the temperature in °C", temperature)?;
/// request.tools = toolbox.tools();
/// let mut completion = backend.complete(request.clone()).await?;
/// loop {
///     let answers = toolbox.run(&completion).await;
///     if answers.is_empty() {
///         return Ok(completion);
///     }
///     request.messages.extend(answers);
///     completion = backend.complete(request.clone()).await?;
/// }
/// # }
/// ```
#[derive(Default)]
pub struct Toolbox {
    entries: Vec<(Tool, Function)>,
}

impl Toolbox {
    /// A toolbox with nothing in it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts in a function; one of the same name takes the place of the former.
    ///
    /// # Errors
    ///
    /// Those of [`StrictSchema::of`](crate::StrictSchema::of), for its arguments.
    pub fn with<Args, F, Fut, T, E>(
        mut self,
        name: &str,
        description: &str,
        function: F,
    ) -> Result<Self>
    where
        Args: JsonSchema + DeserializeOwned,
        F: Fn(Args) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
        T: Serialize,
        E: fmt::Display,
    {
        let tool = Tool::of::<Args>(name, description)?;
        let call = move |call: &FunctionCall| -> Answer {
            match call.arguments_as() {
                Ok(args) => {
                    let running = function(args);
                    Box::pin(async move { told(running.await) })
                }
                Err(fault) => Box::pin(async move { told::<Value, _>(Err(fault)) }),
            }
        };
        self.entries.retain(|(known, _)| known.function.name != name);
        self.entries.push((tool, Box::new(call)));
        Ok(self)
    }

    /// The tools, to offer them to the model.
    #[must_use]
    pub fn tools(&self) -> Vec<Tool> {
        self.entries.iter().map(|(tool, _)| tool.clone()).collect()
    }

    /// Runs the calls of the first answer, all at once, and gives the messages that continue the
    /// conversation: the answer itself and a tool's message for each call, in order.
    ///
    /// Nothing if the answer calls no tool. What a function returns is told to the model as JSON. A
    /// function's error is told as `{"error": …}`, by its `Display` and to the model alone; so are
    /// arguments of another shape and a function that is not there, for the model to mend its
    /// call. Dropping the future drops those of the functions.
    pub async fn run(&self, completion: &ChatCompletion) -> Vec<Message> {
        let message = completion.choices.first().map(|choice| &choice.message);
        let Some(message) = message.filter(|message| !message.tool_calls.is_empty()) else {
            return Vec::new();
        };
        let answers = join_all(message.tool_calls.iter().map(|call| self.answer(call))).await;
        [message.clone()].into_iter().chain(answers).collect()
    }

    async fn answer(&self, call: &ToolCall) -> Message {
        let name = &call.function.name;
        let entry = self.entries.iter().find(|(tool, _)| tool.function.name == *name);
        let content = match entry {
            Some((_, function)) => function(&call.function).await,
            None => told::<Value, _>(Err("there is no function of this name")),
        };
        let mut answer = Message::new(Role::Tool, content);
        answer.tool_call_id = Some(call.id.clone());
        answer
    }
}

impl fmt::Debug for Toolbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.entries.iter().map(|(tool, _)| &tool.function.name);
        f.debug_list().entries(names).finish()
    }
}

/// What the model is told of a function's result.
fn told<T: Serialize, E: fmt::Display>(result: Result<T, E>) -> String {
    let written = match result {
        Ok(value) => serde_json::to_string(&value).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    written.unwrap_or_else(|error| json!({"error": error}).to_string())
}
