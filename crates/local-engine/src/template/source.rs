//! What must be known of a template before it is parsed.

use minijinja::Error;
use minijinja::machinery::{Token, tokenize};
use minijinja::syntax::SyntaxConfig;

use crate::template::budget::{Fault, Outcome, SOURCE};

/// The blocks are trimmed as `transformers` trims them.
pub(super) fn syntax() -> Result<SyntaxConfig, Error> {
    SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()
}

/// Refuses templates whose shape alone would exhaust a thread's stack, and writes
/// `{% generation %}`, which the parser does not know, as `{% with %}`: both are a scope.
///
/// The parser and the tree it makes use the stack as deep as expressions nest, be it in brackets,
/// in chains (`a ~ a ~ …`) or in branches (`elif … elif …`), and it bounds the first alone.
pub(super) fn prepare(source: &str) -> Outcome<String> {
    if source.len() > SOURCE {
        return Err(Fault::Long);
    }
    // Jinja reads all line ends as one.
    let source = source.replace("\r\n", "\n").replace('\r', "\n");
    let mut prepared = String::with_capacity(source.len());
    let mut copied = 0;
    let (mut tokens, mut brackets) = (0_usize, 0_usize);
    let mut open: Vec<usize> = Vec::new();
    let mut first = false;
    for token in tokenize(&source, false, syntax()?) {
        let (token, span) = token?;
        tokens += 1;
        match token {
            Token::VariableStart | Token::BlockStart | Token::TemplateData(_) => {
                (tokens, brackets) = (0, 0);
            }
            Token::ParenOpen | Token::BracketOpen | Token::BraceOpen => brackets += 1,
            Token::ParenClose | Token::BracketClose | Token::BraceClose => {
                brackets = brackets.saturating_sub(1);
            }
            Token::Ident(word) if first => {
                if OPENS.contains(&word) {
                    open.push(0);
                } else if word.starts_with("end") {
                    open.pop();
                } else if let ("elif", Some(branches)) = (word, open.last_mut()) {
                    *branches += 1;
                    if *branches > BRANCHES {
                        return Err(Fault::Crowded { what: "condition", most: BRANCHES });
                    }
                }
                let written = match word {
                    "generation" => Some("with"),
                    "endgeneration" => Some("endwith"),
                    _ => None,
                };
                if let Some(written) = written {
                    prepared.push_str(&source[copied..span.start_offset as usize]);
                    prepared.push_str(written);
                    copied = span.end_offset as usize;
                }
            }
            _ => {}
        }
        first = matches!(token, Token::BlockStart);
        if tokens > TOKENS {
            return Err(Fault::Crowded { what: "tag", most: TOKENS });
        }
        if brackets > NESTED || open.len() > NESTED {
            return Err(Fault::Depth(NESTED));
        }
    }
    prepared.push_str(&source[copied..]);
    Ok(prepared)
}

const OPENS: [&str; 9] =
    ["autoescape", "block", "call", "filter", "for", "generation", "if", "macro", "with"];
/// The tokens of one tag, the branches of one condition, and the levels of brackets and of blocks.
const TOKENS: usize = 600;
const BRANCHES: usize = 60;
const NESTED: usize = 30;
