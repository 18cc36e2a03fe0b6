use std::sync::{Arc, Mutex};

use facade::{Builder, OpenAiModel};
use openai_api::{
    ApiError, ChatCompletion, ChatRequest, Error, FinishReason, Message, MockChatBackend, Model,
    Usage,
};

/// A backend that answers each question with `answer`, and notes what it was asked.
pub struct Answering {
    pub builder: Builder,
    pub requests: Arc<Mutex<Vec<ChatRequest>>>,
}

impl Answering {
    pub fn with(answer: impl Fn(&ChatRequest) -> Result<String, Error> + Send + 'static) -> Self {
        Self::in_window(None, answer)
    }

    pub fn in_window(
        window: Option<u32>,
        answer: impl Fn(&ChatRequest) -> Result<String, Error> + Send + 'static,
    ) -> Self {
        let requests = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&requests);
        let mut backend = MockChatBackend::new();
        backend.expect_complete().returning(move |request| {
            noted.lock().unwrap().push(request.clone());
            let text = answer(&request)?;
            let mut completion =
                ChatCompletion::new(request.model, Message::assistant(text), FinishReason::Stop);
            let words = request.messages.iter().map(|m| m.text().split(' ').count() as u64).sum();
            completion.usage = Some(Usage::new(words, 1));
            Ok(completion)
        });
        backend.expect_models().returning(move || {
            let models = ["gpt-4o-mini", "gpt-4o", "attune-tiny"].map(Model::new);
            let sized = |model: Model| match window {
                Some(tokens) => model.with_context_window(tokens),
                None => model,
            };
            Ok(models.into_iter().map(sized).collect())
        });
        Self { builder: OpenAiModel::builder().backend(Arc::new(backend)), requests }
    }

    pub fn build(self) -> (OpenAiModel, Arc<Mutex<Vec<ChatRequest>>>) {
        (self.builder.build().unwrap(), self.requests)
    }
}

pub fn api(status: u16) -> Error {
    ApiError::new(status, "as scripted").into()
}
