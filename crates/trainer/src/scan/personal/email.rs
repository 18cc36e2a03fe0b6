//! E-mail addresses, and passwords in URLs.

use crate::scan::personal::context::{Context, is_spaced};
use crate::scan::personal::{Finding, Kind};

/// The address around the `@` at `at`.
pub(super) fn at(context: &Context<'_>, at: usize) -> Option<Finding> {
    let start = local_start(context, at)?;
    let end = domain_end(context, at + 1)?;
    if context.before(start) == b':' {
        // user:password@host
        let user = context.run_back(start - 1, LONGEST_LOCAL, |byte| is_local(byte) || byte >= 128);
        if context.before(user) == b'/' && context.before(user - 1) == b'/' {
            let password = &context.text[start..at];
            let is_word =
                ["password", "passwd", "pass", "pwd", "secret", "token"].contains(&password);
            return (!is_word).then(|| Finding::new(Kind::Password, start..at));
        }
    }
    let local = &context.text[start..at];
    let domain = &context.text[at + 1..end];
    let suffix = domain.rsplit('.').next().unwrap_or("");
    let is_file = FILES.iter().any(|file| suffix.eq_ignore_ascii_case(file));
    let is_address = local != "git" && !is_file;
    is_address.then(|| Finding::new(Kind::Email, start..end))
}

/// Where the part before the `@` begins.
///
/// It is of ASCII, or, if its last character is not, of letters and digits of any script.
fn local_start(context: &Context<'_>, at: usize) -> Option<usize> {
    let is_foreign = context.before(at) >= 128;
    let mut start =
        context.run_back(at, LONGEST_LOCAL + 1, |byte| is_local(byte) || is_foreign && byte >= 128);
    if at - start > LONGEST_LOCAL {
        return None;
    }
    if is_foreign {
        let local = &context.text[start..at];
        let is_part = |c: char| c.is_alphanumeric() || c.is_ascii();
        start = at - local.len()
            + local
                .rfind(|c| !is_part(c))
                .map_or(0, |found| found + local[found..].chars().next().map_or(0, char::len_utf8));
    }
    while matches!(context.at(start), b'.' | b'\'' | b'-' | b'%' | b'+') && start < at {
        start += 1;
    }
    let local = &context.text[start..at];
    let is_well_formed = !local.is_empty() && !local.ends_with('.') && !local.contains("..");
    is_well_formed.then_some(start)
}

/// Where the domain that begins at `at` ends.
fn domain_end(context: &Context<'_>, at: usize) -> Option<usize> {
    let is_foreign = context.at(at) >= 128;
    let is_domain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | 128..);
    let mut end = context.run(at, LONGEST_DOMAIN, is_domain);
    while !context.text.is_char_boundary(end) {
        end -= 1;
    }
    let all = &context.text[at..end];
    // Chinese goes on behind an address without a space.
    let is_part = |c: char| c.is_ascii() || is_spaced(c) || is_foreign && c.is_alphanumeric();
    let all = all.find(|c| !is_part(c)).map_or(all, |end| &all[..end]);
    // The last labels may belong to the sentence: `write to a@b.org.`, `a@b.org...`.
    let (mut end, mut labels, mut suffix) = (0, 0, "");
    for label in all.split('.') {
        let is_label = !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-');
        if !is_label {
            break;
        }
        end += label.len() + usize::from(labels > 0);
        labels += 1;
        suffix = label;
    }
    let is_suffix = suffix.starts_with("xn--")
        || suffix.chars().count() >= 2 && suffix.chars().all(char::is_alphabetic);
    (labels >= 2 && is_suffix).then_some(at + end)
}

/// What stands before an `@`, as far as people use it (RFC 5322 allows more).
fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'%' | b'+' | b'-' | b'\'')
}

/// RFC 5321, 4.5.3.1.
const LONGEST_LOCAL: usize = 64;
const LONGEST_DOMAIN: usize = 255;

/// `icon@2x.png` is a file.
const FILES: [&str; 14] = [
    "png", "jpg", "jpeg", "gif", "svg", "webp", "ico", "pdf", "css", "js", "ts", "json", "html",
    "tsx",
];
