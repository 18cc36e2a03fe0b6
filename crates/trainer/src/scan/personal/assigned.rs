//! What is assigned to a name that stands for a secret: `password = "…"`.

use crate::scan::personal::context::{Context, is_word};
use crate::scan::personal::{Finding, Kind, keys};

/// The value behind the `=` or `:` at `at`.
pub(super) fn at(context: &Context<'_>, at: usize) -> Option<Finding> {
    if !is_secret_before(context, at) {
        return None;
    }
    // `=`, `:`, `=>`, `:=`, `==` is a comparison.
    let mut start = at + 1;
    match (context.at(at), context.at(start)) {
        (b'=', b'=') => return None,
        (b'=', b'>') | (b':', b'=') => start += 1,
        _ => {}
    }
    start = context.run(start, 3, |byte| byte == b' ');
    let quote = context.at(start);
    let is_quoted = matches!(quote, b'"' | b'\'' | b'`');
    let end = if is_quoted {
        start += 1;
        let end = context.run(start, LONGEST + 1, |byte| byte != quote && byte != b'\n');
        if context.at(end) != quote {
            return None;
        }
        end
    } else {
        let end = context.run(start, LONGEST + 1, |byte| byte > b' ' && !is_end(byte));
        context.run_back(end, end - start, |byte| matches!(byte, b'.' | b'?'))
    };
    // A key that tells what it is is found as such, further on.
    if end - start > LONGEST || keys::at(context, start).is_some() {
        return None;
    }
    let value = context.text.get(start..end)?;
    is_secret(value, is_quoted).then(|| Finding::new(Kind::Password, start..end))
}

/// Whether the name before the sign at `at` stands for a secret, by its end: `DB_PASSWORD`.
fn is_secret_before(context: &Context<'_>, at: usize) -> bool {
    let end = context.run_back(at, 3, |byte| matches!(byte, b' ' | b'"' | b'\'' | b'`' | b'*'));
    // Cheap, and true of almost all that is not a name like these.
    if !matches!(
        context.before(end).to_ascii_lowercase(),
        b'd' | b'e' | b't' | b'y' | b'n' | b'a' | 128..
    ) {
        return false;
    }
    let like = |byte: u8| is_word(byte) || byte == b'-' || byte >= 128;
    let mut start = context.run_back(end, LONGEST_NAME, like);
    while !context.text.is_char_boundary(start) {
        start += 1;
    }
    let name = context.text[start..end].to_lowercase().replace(['_', '-'], "");
    NAMES.iter().any(|secret| name.ends_with(secret))
}

/// Whether a value can be a secret rather than a word about one.
fn is_secret(value: &str, is_quoted: bool) -> bool {
    let least = if is_quoted { 4 } else { 6 };
    let is_call = value.contains(['(', '<', '$', '{', '[', '*', '…']) || value.contains("...");
    let is_path = ["process.", "os.", "env.", "self.", "this.", "args.", "config."];
    let lower = value.to_lowercase();
    let is_said = PLACEHOLDERS.iter().any(|said| lower.contains(said));
    let is_name = value.starts_with('_')
        || value.starts_with("0x") && value.len() < 20
        || value.contains('_')
            && value.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        || NAMES.iter().chain(&["pass", "token"]).any(|name| lower == *name);
    let is_plain = value.bytes().all(|byte| byte.is_ascii_alphabetic() || byte >= 128);
    value.chars().count() >= least
        && !is_call
        && !is_said
        && !is_name
        && keys::different(value.as_bytes()) >= 4
        && !is_path.iter().any(|path| lower.starts_with(path))
        && !value.contains(char::is_whitespace)
        // Without quotes a value of letters alone is a word, a name of a variable, a type.
        && (is_quoted || !is_plain && value.bytes().any(|byte| byte.is_ascii_digit()))
}

fn is_end(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`' | b',' | b';' | b')' | b'>' | b'&' | b'}' | b'|')
}

const LONGEST: usize = 128;
const LONGEST_NAME: usize = 40;

/// In lower case, without `_` and `-`.
#[rustfmt::skip]
const NAMES: [&str; 20] = [
    "password", "passwd", "pwd", "passphrase", "passcode", "apikey", "secret", "secretkey",
    "accesskey", "accesstoken", "authtoken", "refreshtoken", "bearertoken", "apitoken",
    "privatekey", "signingkey", "accountkey", "пароль", "passwort", "contraseña",
];

#[rustfmt::skip]
const PLACEHOLDERS: [&str; 13] = [
    "example", "your", "xxxx", "placeholder", "no-key", "changeme", "none", "null", "undefined", "true",
    "false", "redacted", "secret_here",
];
