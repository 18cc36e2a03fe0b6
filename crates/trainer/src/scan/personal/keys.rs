//! Keys and tokens that say by their first letters what they are.

use crate::scan::personal::context::{Context, is_word, work};
use crate::scan::personal::{Finding, Kind};

/// The key or token that begins with the word at `at`.
pub(super) fn at(context: &Context<'_>, at: usize) -> Option<Finding> {
    if context.before(at) == b'-' {
        return None;
    }
    let first = context.at(at);
    if first == b'e' {
        return jwt(context, at);
    }
    let (start, end) = STARTS[usize::from(first)];
    let mut rules = RULES[usize::from(start)..usize::from(end)].iter();
    let rule = rules.find(|rule| context.starts_with(at, rule.prefix))?;
    let start = at + rule.prefix.len();
    let end = context.run(start, rule.most + 1, |byte| rule.body.has(byte));
    let body = &context.bytes()[start..end];
    // What is longer than its kind ever is, or says one thing all over, is no key.
    let is_key = (rule.least..=rule.most).contains(&body.len())
        && different(body) >= LEAST_DIFFERENT
        && !(is_word(context.at(end)) || context.at(end) == b'-' && rule.body.has(b'-'));
    is_key.then(|| Finding::new(Kind::ApiKey, at..end).by(rule.issuer))
}

/// Whether a key or a token begins with these two bytes.
#[inline]
pub(super) fn begin_with(first: u8, second: u8) -> bool {
    second < 128 && SECONDS[usize::from(first & 127)] >> second & 1 == 1
}

/// A JSON Web Token (RFC 7519): two JSON objects and a signature, in base64url.
fn jwt(context: &Context<'_>, at: usize) -> Option<Finding> {
    if !context.starts_with(at, "eyJ") {
        return None;
    }
    let mut end = at;
    for (part, least) in [10, 10, 16].into_iter().enumerate() {
        let start = if part == 0 { at } else { end + 1 };
        if part > 0 && context.at(end) != b'.' || part == 1 && !context.starts_with(start, "eyJ") {
            return None;
        }
        end = context.run(start.min(context.text.len()), usize::MAX, |byte| Body::Url.has(byte));
        if end < start + least {
            return None;
        }
    }
    Some(Finding::new(Kind::Jwt, at..end))
}

/// The private key in PEM (RFC 7468) that begins with the hyphens at `at`.
pub(super) fn pem(context: &Context<'_>, at: usize, none_from: &mut usize) -> Option<Finding> {
    if at >= *none_from || !context.starts_with(at, "-----BEGIN ") {
        return None;
    }
    let name = at + "-----BEGIN ".len();
    let end = context.run(name, 40, |byte| byte.is_ascii_uppercase() || byte == b' ');
    let label = &context.text[name..end];
    let is_private = label.ends_with("PRIVATE KEY") || label == "PGP PRIVATE KEY BLOCK";
    if !is_private || !context.starts_with(end, "-----") {
        return None;
    }
    let found = context.text[end..].find("-----END ");
    work::add(found.unwrap_or(context.text.len() - end));
    let Some(found) = found else {
        // Looked for once: what is not there from here on is not there later either.
        *none_from = end;
        let body = end + "-----".len();
        let is_body = |byte: u8| {
            byte.is_ascii_alphanumeric() || byte.is_ascii_whitespace() || b"+/=\\".contains(&byte)
        };
        let end = context.run(body, usize::MAX, is_body);
        return (end > body + 32).then(|| Finding::new(Kind::PrivateKey, at..end));
    };
    let label_end = end + found + "-----END ".len();
    let end = context.run(label_end, 40, |byte| byte.is_ascii_uppercase() || byte == b' ');
    let end = context.run(end, 5, |byte| byte == b'-');
    Some(Finding::new(Kind::PrivateKey, at..end))
}

/// How many different bytes there are.
pub(super) fn different(bytes: &[u8]) -> u32 {
    let seen = bytes.iter().fold(0_u128, |seen, byte| seen | 1 << (byte & 127));
    seen.count_ones()
}

const LEAST_DIFFERENT: u32 = 8;

/// How keys of one sort look.
#[derive(Debug)]
struct Rule {
    prefix: &'static str,
    issuer: &'static str,
    body: Body,
    /// The length behind the prefix.
    least: usize,
    most: usize,
}

/// What a key consists of behind its prefix.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Body {
    Letters,
    Hex,
    Upper,
    /// Letters, digits, `_` and `-`.
    Url,
    /// These, and dots.
    Dotted,
    /// Letters, digits and `_`.
    Word,
}

impl Body {
    fn has(self, byte: u8) -> bool {
        match self {
            Self::Letters => byte.is_ascii_alphanumeric(),
            Self::Hex => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
            Self::Upper => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Self::Url => is_word(byte) || byte == b'-',
            Self::Dotted => is_word(byte) || matches!(byte, b'-' | b'.'),
            Self::Word => is_word(byte),
        }
    }
}

const fn rule(
    prefix: &'static str,
    issuer: &'static str,
    body: Body,
    least: usize,
    most: usize,
) -> Rule {
    Rule { prefix, issuer, body, least, most }
}

/// By first letter, and of two that begin alike the longer first.
///
/// Prefixes and lengths are those that the services document, or that the secret scanners of
/// GitHub and gitleaks know.
const RULES: [Rule; 44] = [
    rule("ABIA", "AWS", Body::Upper, 16, 16),
    rule("ACCA", "AWS", Body::Upper, 16, 16),
    rule("AIza", "Google", Body::Url, 35, 35),
    rule("AKIA", "AWS", Body::Upper, 16, 16),
    rule("ASIA", "AWS", Body::Upper, 16, 16),
    rule("GOCSPX-", "Google", Body::Url, 28, 28),
    rule("SG.", "SendGrid", Body::Dotted, 66, 66),
    rule("SK", "Twilio", Body::Hex, 32, 32),
    rule("dapi", "Databricks", Body::Hex, 32, 32),
    rule("dop_v1_", "DigitalOcean", Body::Hex, 64, 64),
    rule("github_pat_", "GitHub", Body::Word, 82, 82),
    rule("gho_", "GitHub", Body::Letters, 36, 255),
    rule("ghp_", "GitHub", Body::Letters, 36, 255),
    rule("ghr_", "GitHub", Body::Letters, 36, 255),
    rule("ghs_", "GitHub", Body::Letters, 36, 255),
    rule("ghu_", "GitHub", Body::Letters, 36, 255),
    rule("glpat-", "GitLab", Body::Dotted, 20, 64),
    rule("gsk_", "Groq", Body::Letters, 48, 64),
    rule("hf_", "Hugging Face", Body::Letters, 30, 40),
    rule("npm_", "npm", Body::Letters, 36, 36),
    rule("nvapi-", "NVIDIA", Body::Url, 60, 70),
    rule("pplx-", "Perplexity", Body::Letters, 48, 56),
    rule("pypi-", "PyPI", Body::Url, 50, 255),
    rule("r8_", "Replicate", Body::Letters, 37, 37),
    rule("rk_live_", "Stripe", Body::Letters, 16, 255),
    rule("rk_test_", "Stripe", Body::Letters, 16, 255),
    rule("shpat_", "Shopify", Body::Hex, 32, 32),
    rule("sk-admin-", "OpenAI", Body::Url, 40, 255),
    rule("sk-ant-", "Anthropic", Body::Url, 40, 255),
    rule("sk-or-v1-", "OpenRouter", Body::Hex, 64, 64),
    rule("sk-proj-", "OpenAI", Body::Url, 40, 255),
    rule("sk-svcacct-", "OpenAI", Body::Url, 40, 255),
    // DeepSeek's and others' too.
    rule("sk-", "OpenAI", Body::Letters, 32, 64),
    rule("sk_live_", "Stripe", Body::Letters, 16, 255),
    rule("sk_test_", "Stripe", Body::Letters, 16, 255),
    rule("whsec_", "Stripe", Body::Letters, 24, 255),
    rule("xai-", "xAI", Body::Letters, 70, 90),
    rule("xapp-", "Slack", Body::Url, 20, 255),
    rule("xoxa-", "Slack", Body::Url, 20, 255),
    rule("xoxb-", "Slack", Body::Url, 20, 255),
    rule("xoxe-", "Slack", Body::Url, 20, 255),
    rule("xoxp-", "Slack", Body::Url, 20, 255),
    rule("xoxr-", "Slack", Body::Url, 20, 255),
    rule("xoxs-", "Slack", Body::Url, 20, 255),
];

/// The rules for each first byte.
const STARTS: [(u8, u8); 256] = {
    let mut starts = [(0, 0); 256];
    let mut at = 0;
    while at < RULES.len() {
        let first = RULES[at].prefix.as_bytes()[0] as usize;
        if starts[first].1 == 0 {
            starts[first].0 = at as u8;
        }
        starts[first].1 = at as u8 + 1;
        at += 1;
    }
    starts
};

/// The second bytes, as bits, of what begins with each first byte.
const SECONDS: [u128; 128] = {
    let mut seconds = [0; 128];
    let mut at = 0;
    while at < RULES.len() {
        let prefix = RULES[at].prefix.as_bytes();
        seconds[prefix[0] as usize] |= 1 << prefix[1];
        at += 1;
    }
    // A token in JSON.
    seconds[b'e' as usize] |= 1 << b'y';
    seconds
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_with_one_first_letter_stand_together() {
        for rule in &RULES {
            let (start, end) = STARTS[usize::from(rule.prefix.as_bytes()[0])];
            let found = RULES[start.into()..end.into()]
                .iter()
                .find(|other| rule.prefix.starts_with(other.prefix));
            assert_eq!(found.map(|found| found.prefix), Some(rule.prefix));
        }
    }
}
