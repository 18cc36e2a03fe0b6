//! Questions with the answers that a trained model should give.

use std::path::Path;

use anyhow::{Context as _, Result};
use openai_api::{ChatBackend, ChatRequest, Message, ModelId};
use trainer::{Dataset, Label};

/// The questions and answers of a CSV file.
pub(super) struct Exam {
    items: Vec<Item>,
}

/// A question and its answer.
#[derive(Clone)]
pub(super) struct Item {
    pub(super) question: String,
    pub(super) answer: String,
}

impl Exam {
    pub(super) fn load(path: &Path) -> Result<Self> {
        let dataset = Dataset::from_path(path, Label::Positive)?;
        let item = |example: &trainer::Example| {
            let (question, answer) = (example.prompt().last()?, example.answer()?);
            Some(Item { question: question.text(), answer: answer.text() })
        };
        Ok(Self { items: dataset.examples.iter().filter_map(item).collect() })
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// The first question, and another wording of it that is not trained on.
    pub(super) fn question_and_rewording(&self, held_out: &Self) -> Result<(Item, Item)> {
        let asked = self.items.first().context("the training data has no question")?;
        let reworded = held_out
            .items
            .iter()
            .find(|item| item.answer == asked.answer)
            .context("no question held out has the answer of the first one")?;
        Ok((asked.clone(), reworded.clone()))
    }

    /// How many questions `model` answers word for word, greedily; nothing of it is stored.
    pub(super) async fn right_answers(
        &self,
        backend: &dyn ChatBackend,
        model: &ModelId,
    ) -> Result<usize> {
        let mut right = 0;
        for item in &self.items {
            let question = vec![Message::user(item.question.as_str())];
            let request = ChatRequest::new(model, question).with_temperature(0.0);
            let answer = backend.complete(request).await?.text();
            right += usize::from(answer.trim() == item.answer.trim());
        }
        Ok(right)
    }
}
