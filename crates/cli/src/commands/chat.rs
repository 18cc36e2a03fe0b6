//! `attune chat`: a conversation that remembers.

use anyhow::Result;
use dialogue_store::{Feedback, Rating};
use facade::{Ask, OpenAiModel, Reply, Session};

use crate::Outcome;
use crate::args;
use crate::commands::{ask, stdin};
use crate::context::Context;
use crate::failure;
use crate::render::Closed;

pub(crate) async fn run(context: &Context, args: args::Chat) -> Result<Outcome> {
    let model = context.model().await?;
    let session = match &args.resume {
        Some(id) => model.resume(&id.parse()?).await?,
        None => model.session(),
    };
    let interactive = stdin::is_terminal();
    if interactive {
        context.output.note(format_args!("{} answers. {HELP}", model.model()));
    }
    let mut chat = Chat { context, args, model, session, last: None };
    let mut outcome = Outcome::Done;
    loop {
        if interactive {
            eprompt();
        }
        let Some(line) = stdin::line().await? else { break };
        match chat.line(line.trim()).await {
            Ok(Next::Line) => {}
            Ok(Next::Quit) => break,
            Err(error) if error.is::<Closed>() => return Err(error),
            Err(error) => {
                failure::tell(&error, context.output);
                if !interactive {
                    outcome = Outcome::Failed;
                }
            }
        }
    }
    Ok(outcome)
}

struct Chat<'a> {
    context: &'a Context,
    args: args::Chat,
    model: OpenAiModel,
    session: Session,
    /// The answer that /good and /bad speak of.
    last: Option<Reply>,
}

enum Next {
    Line,
    Quit,
}

impl Chat<'_> {
    async fn line(&mut self, line: &str) -> Result<Next> {
        match Line::parse(line) {
            Line::Nothing => {}
            Line::Quit => return Ok(Next::Quit),
            Line::Help => self.context.output.note(HELP),
            Line::Unknown(command) => {
                self.context.output.note(format_args!("there is no {command}. {HELP}"));
            }
            Line::Good => self.rate(Feedback::new(Rating::Up)).await?,
            Line::Bad(None) => self.rate(Feedback::new(Rating::Down)).await?,
            Line::Bad(Some(correction)) => {
                self.rate(Feedback::new(Rating::Down).with_correction(correction)).await?;
            }
            Line::Question(question) => self.ask(question).await?,
        }
        Ok(Next::Line)
    }

    async fn ask(&mut self, question: &str) -> Result<()> {
        let output = self.context.output;
        let question = ask::with(self.context, Ask::new(question), &self.args.how);
        let session = &mut self.session;
        let asked = async || {
            if output.is_json() {
                return Ok(session.ask(question.clone()).await?);
            }
            ask::grow(output, session.ask_stream(question.clone()).await?).await
        };
        let reply = self.context.answer(&self.model, asked).await?;
        if output.is_json() {
            output.json(&ask::to_json(&reply))?;
        }
        ask::note_cut(output, &reply);
        self.last = Some(reply);
        Ok(())
    }

    async fn rate(&self, feedback: Feedback) -> Result<()> {
        let output = self.context.output;
        match &self.last {
            Some(reply) => {
                self.model.rate(reply, feedback).await?;
                output.note("noted; `attune learn` goes by it");
            }
            None => output.note("there is no answer yet to rate"),
        }
        Ok(())
    }
}

/// What a line means.
#[derive(Debug, PartialEq)]
enum Line<'a> {
    Nothing,
    Quit,
    Help,
    Good,
    Bad(Option<&'a str>),
    Unknown(&'a str),
    Question(&'a str),
}

impl<'a> Line<'a> {
    fn parse(line: &'a str) -> Self {
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim();
        match word {
            "" => Self::Nothing,
            "/quit" | "/exit" => Self::Quit,
            "/help" => Self::Help,
            "/good" => Self::Good,
            "/bad" => Self::Bad(Some(rest).filter(|rest| !rest.is_empty())),
            _ if is_command(word) => Self::Unknown(word),
            _ => Self::Question(line),
        }
    }
}

/// `/wrod` is a slip of the pen; `/usr/bin` is none, and may begin a question.
fn is_command(word: &str) -> bool {
    word.strip_prefix('/')
        .is_some_and(|name| !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase()))
}

fn eprompt() {
    use std::io::Write;
    // Whoever closed standard error does not want to know.
    let _ = write!(std::io::stderr(), "> ").and_then(|()| std::io::stderr().flush());
}

const HELP: &str = "/good and /bad [what it should have said] rate the last answer, /quit ends";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_questions_unless_they_begin_with_a_command() {
        assert_eq!(Line::parse("How deep is it?"), Line::Question("How deep is it?"));
        assert_eq!(Line::parse("/bad Call me  Nerpa."), Line::Bad(Some("Call me  Nerpa.")));
        assert_eq!(Line::parse("/bad"), Line::Bad(None));
        assert_eq!(Line::parse("/good job"), Line::Good);
        assert_eq!(Line::parse("/goood"), Line::Unknown("/goood"));
        assert_eq!(Line::parse("/etc/passwd is what?"), Line::Question("/etc/passwd is what?"));
        assert_eq!(Line::parse("/"), Line::Question("/"));
        assert_eq!(Line::parse(""), Line::Nothing);
    }
}
