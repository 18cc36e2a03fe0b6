//! Addresses of the Internet Protocol.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::scan::personal::context::{Context, is_word};
use crate::scan::personal::{Finding, Kind};

/// The address that begins at `at`. Those that say nothing of anybody (loopback, masks, all
/// zeros) are none.
pub(super) fn at(context: &Context<'_>, at: usize) -> Option<Finding> {
    let before = context.before(at);
    if is_word(before) || matches!(before, b'.' | b':' | b'-' | b'/' | b'@') || before >= 128 {
        return None;
    }
    let is_part = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
    let end = context.run(at, LONGEST, is_part);
    let all = &context.text[at..end];
    let colons = all.bytes().filter(|byte| *byte == b':').count();
    let (length, is_address) = if colons < 2 {
        let address = all.split(':').next().unwrap_or("").trim_end_matches('.');
        (address.len(), is_v4(address))
    } else {
        let address = all.trim_end_matches('.');
        (address.len(), is_v6(address))
    };
    let end = at + length;
    let after = context.at(end);
    let goes_on = is_word(after) || matches!(after, b'.' | b'-') && is_word(context.at(end + 1));
    (is_address && !goes_on).then(|| Finding::new(Kind::Ip, at..end))
}

fn is_v4(address: &str) -> bool {
    address.parse().is_ok_and(|address: Ipv4Addr| {
        let [first, ..] = address.octets();
        !matches!(first, 0 | 127 | 255)
    })
}

/// Some of what parses is code: `a::b`. An address has three groups at least, and a digit.
fn is_v6(address: &str) -> bool {
    let groups = address.split(':').filter(|group| !group.is_empty()).count();
    groups + usize::from(address.contains('.')) >= 3
        && address.bytes().any(|byte| byte.is_ascii_digit())
        && address.parse::<Ipv6Addr>().is_ok()
}

const LONGEST: usize = 46;
