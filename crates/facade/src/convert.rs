//! The one bridge between what is stored and what goes over the wire.

use std::time::{SystemTime, UNIX_EPOCH};

use dialogue_store::{DialogueId, NewDialogue, SINGLE_TURN, Speaker, Turn, TurnSentiment};
use openai_api::{ChatCompletion, Message, ModelId, Role};
use sentiment::Sentiment;

/// A new dialogue's id: the model's name and the time, as the original named its log files.
pub(crate) fn dialogue_id(model: &ModelId) -> DialogueId {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let name: String = model
        .as_str()
        .chars()
        .map(|c| if allowed(c) { c } else { '-' })
        .skip_while(|c| *c == '.')
        .take(MAX_MODEL_NAME)
        .collect();
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let random = DialogueId::random();
    // The end of a random id tells apart what begins within one second.
    let tail = &random.as_str()[random.as_str().len().saturating_sub(8)..];
    format!("{name}_{seconds}_{tail}").parse().unwrap_or(random)
}

/// The dialogue that keeps questions which do not know of each other.
pub(crate) fn new_single_turn_dialogue(id: &DialogueId, model: &ModelId) -> NewDialogue {
    new_session_dialogue(id, model).with_tags(vec![SINGLE_TURN.to_owned()])
}

/// The dialogue that keeps a conversation.
pub(crate) fn new_session_dialogue(id: &DialogueId, model: &ModelId) -> NewDialogue {
    NewDialogue::default().with_id(id.clone()).with_model(model.as_str())
}

/// What stands before an answer; no instruction, no system turn.
pub(crate) fn asked(system: Option<&str>, message: &str) -> Vec<Turn> {
    system.map(Turn::system).into_iter().chain([Turn::user(message)]).collect()
}

/// An answer as it is stored.
pub(crate) fn answered(completion: &ChatCompletion, sentiment: Option<&Sentiment>) -> Turn {
    let mut turn = Turn::assistant(completion.text().trim()).with_model(completion.model.as_str());
    if let Some(sentiment) = sentiment {
        turn = turn.with_sentiment(
            TurnSentiment::new(sentiment.label.as_str()).with_score(sentiment.compound),
        );
    }
    if let Some(usage) = &completion.usage {
        turn.attributes.insert("prompt_tokens".into(), usage.prompt_tokens.into());
        turn.attributes.insert("completion_tokens".into(), usage.completion_tokens.into());
    }
    if let Some(id) = completion.request_id() {
        turn.attributes.insert("request_id".into(), id.into());
    }
    turn
}

/// Questions and answers as messages; instructions are left out.
pub(crate) fn messages(turns: &[Turn]) -> Vec<Message> {
    turns.iter().filter(|turn| turn.speaker != Speaker::System).map(message).collect()
}

/// A turn as a message.
pub(crate) fn message(turn: &Turn) -> Message {
    let role = match &turn.speaker {
        Speaker::System => Role::System,
        Speaker::User => Role::User,
        Speaker::Assistant => Role::Assistant,
        Speaker::Tool => Role::Tool,
        other => Role::from(other.as_str()),
    };
    Message::new(role, turn.text.as_str())
}

const MAX_MODEL_NAME: usize = 64;
