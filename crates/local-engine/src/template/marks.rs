//! What a template puts around messages, told for those who cannot run it.

use std::time::SystemTime;

use serde_json::Map;

use super::{Ask, ChatTemplate, Turn};

/// What stands around the messages of a conversation, where each is written for itself.
///
/// Other programs have templates in languages of their own; this is what those need.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChatMarks {
    /// Before the first message: the token that begins a text, if the template writes it and the
    /// model's tokenizer does not; else empty.
    pub start: String,
    /// Before and after an instruction; `None` if the template takes none.
    pub system: Option<[String; 2]>,
    /// Before and after a question.
    pub user: [String; 2],
    /// Before and after an answer that was given.
    pub assistant: [String; 2],
    /// Before an answer that is to be given.
    pub answer: String,
}

impl ChatTemplate {
    /// What stands around messages; `None` if that depends on other messages.
    ///
    /// It is found by rendering a few conversations, so what a template does with longer ones, with
    /// tools or with reasoning is not seen. Whether the tokenizer writes the start is not asked here.
    pub(crate) fn marks(&self) -> Option<ChatMarks> {
        let [question, answered, further] =
            [("user", "probe1"), ("assistant", "probe2"), ("user", "probe3")];
        let one = self.probe(&[question], false)?;
        let two = self.probe(&[question, answered], false)?;
        let three = self.probe(&[question, answered, further], false)?;
        let assistant = around(two.strip_prefix(&one)?, answered.1)?;
        let user = around(three.strip_prefix(&two)?, further.1)?;
        let answer = self.probe(&[question], true)?.strip_prefix(&one)?.to_owned();
        let later = self.probe(&[question, answered, further], true)?;
        let written = |text: &str| format!("{}{text}{}", user[0], user[1]);
        let start = one.strip_suffix(&written(question.1))?;
        let is_plain = start.is_empty() || self.token("bos_token") == Some(start);
        if !is_plain || later != format!("{three}{answer}") {
            return None;
        }
        // A template may refuse instructions, and then there are none.
        let system = match self.probe(&[("system", "probe4"), question], false) {
            None => None,
            Some(whole) => {
                let head = whole.strip_prefix(start)?.strip_suffix(&written(question.1))?;
                Some(around(head, "probe4")?)
            }
        };
        Some(ChatMarks { start: start.to_owned(), system, user, assistant, answer })
    }

    /// Renders a conversation, if the template takes it.
    fn probe(&self, messages: &[(&str, &str)], answer_next: bool) -> Option<String> {
        let turn = |(role, content): &(&str, &str)| Turn {
            role: (*role).to_owned(),
            content: (*content).to_owned(),
            more: Map::new(),
        };
        let turns: Vec<Turn> = messages.iter().map(turn).collect();
        let (variables, now) = (Map::new(), SystemTime::UNIX_EPOCH);
        let ask = Ask { turns: &turns, tools: None, answer_next, variables, now };
        self.render_all(&ask).ok()
    }
}

/// What is before and after a text that is there once.
fn around(whole: &str, text: &str) -> Option<[String; 2]> {
    let (before, after) = whole.split_once(text)?;
    (!after.contains(text)).then(|| [before.to_owned(), after.to_owned()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::ModelFiles;
    use crate::models::BASE_FILES;

    fn pair(before: &str, after: &str) -> [String; 2] {
        [before.to_owned(), after.to_owned()]
    }

    /// The marks of a template with the token `<s>`.
    fn marks(template: &str) -> Option<ChatMarks> {
        let folder = tempfile::tempdir().unwrap();
        let config = serde_json::json!({"bos_token": "<s>", "chat_template": template});
        std::fs::write(folder.path().join("tokenizer_config.json"), config.to_string()).unwrap();
        ChatTemplate::load(&ModelFiles::Folder(folder.path().to_owned())).unwrap().marks()
    }

    /// The same of one of the well-known templates.
    fn known(name: &str) -> Option<ChatMarks> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/templates/");
        marks(&std::fs::read_to_string(format!("{folder}{name}.jinja")).unwrap())
    }

    #[test]
    fn what_stands_around_messages_is_told() {
        let own = ChatTemplate::load(&BASE_FILES).unwrap().marks().unwrap();
        let expected = ChatMarks {
            start: String::new(),
            system: Some(pair("<|system|>", "<|end|>")),
            user: pair("<|user|>", "<|end|>"),
            assistant: pair("<|assistant|>", "<|end|>"),
            answer: "<|assistant|>".to_owned(),
        };
        assert_eq!(own, expected);
        let phi = known("phi3").unwrap();
        assert_eq!(phi.user, pair("<|user|>\n", "<|end|>\n"));
        assert_eq!(phi.answer, "<|assistant|>\n");
        let llama = known("llama3").unwrap();
        assert_eq!(llama.start, "<s>");
        assert_eq!(llama.user, pair("<|start_header_id|>user<|end_header_id|>\n\n", "<|eot_id|>"));
    }

    #[test]
    fn messages_that_depend_on_others_have_no_marks() {
        // The first has an instruction of its own, the second puts them into questions.
        assert_eq!(known("qwen2_5"), None);
        assert_eq!(known("gemma3"), None);
        assert_eq!(marks("{{ messages | length }}{{ messages[-1].content }}"), None);
        assert_eq!(
            marks("<x>{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}"),
            None
        );
        assert_eq!(marks("{{ raise_exception('no') }}"), None);
        let answering = "{{ bos_token }}{% for m in messages %}{% if m.role == 'system' %}\
                         {{ raise_exception('none') }}{% endif %}[{{ m.role }}]{{ m.content }}{% endfor %}";
        let marks = marks(answering).unwrap();
        assert_eq!((marks.system, marks.answer), (None, String::new()));
        assert_eq!(marks.user, pair("[user]", ""));
    }
}
