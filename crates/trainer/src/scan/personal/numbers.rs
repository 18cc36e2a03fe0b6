//! Numbers: cards, American and Russian numbers of persons, and what may be a telephone's.

use crate::scan::personal::context::{Context, is_word};
use crate::scan::personal::{Finding, Kind, phone};

/// The finding that begins at `at`, a digit, `+` or `(`; or where to go on.
pub(super) fn at(context: &Context<'_>, at: usize) -> Result<Finding, usize> {
    let Some(number) = Number::read(context, at) else {
        // Only a sign, or more digits than any number has.
        return Err(context.run(at, usize::MAX, |byte| byte.is_ascii_digit()).max(at + 1));
    };
    let next = number.groups()[0].end;
    if number.digits().len() < LEAST_DIGITS || !begins_alone(context, at) {
        return Err(context.run(next, usize::MAX, is_word));
    }
    let found = (card(context, &number))
        .or_else(|| snils(context, &number))
        .or_else(|| ssn(context, &number))
        .or_else(|| inn(context, &number))
        .or_else(|| phone::of(context, &number));
    found.ok_or_else(|| context.run(next, usize::MAX, is_word))
}

/// Digits in groups, with one separator or two between them.
#[derive(Debug)]
pub(super) struct Number {
    pub(super) start: usize,
    /// Whether a `+` stands before it.
    pub(super) plus: bool,
    groups: [Group; MOST_GROUPS],
    group_count: usize,
    digits: [u8; MOST_DIGITS],
    digit_count: usize,
}

/// Some digits with nothing in between.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    /// What stands before.
    pub(super) gap: Gap,
    /// The end in the text.
    pub(super) end: usize,
    /// How many digits there are up to here.
    pub(super) digits: usize,
    pub(super) len: usize,
}

/// What stands between two groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gap {
    /// Nothing: the first group.
    None,
    Space,
    Hyphen,
    Dot,
    Slash,
    /// A parenthesis opens, perhaps behind a space.
    Open,
    /// A parenthesis closes, perhaps with a space or a hyphen behind.
    Close,
}

impl Number {
    /// Reads as many groups as there is room for; nothing where no digit follows, or too many.
    fn read(context: &Context<'_>, at: usize) -> Option<Self> {
        let plus = context.at(at) == b'+';
        let mut start = at + usize::from(plus);
        let mut gap = Gap::None;
        if context.at(start) == b'(' {
            gap = Gap::Open;
            start += 1;
        }
        let blank = Group { gap, end: start, digits: 0, len: 0 };
        let mut number = Self {
            start: at,
            plus,
            groups: [blank; MOST_GROUPS],
            group_count: 0,
            digits: [0; MOST_DIGITS],
            digit_count: 0,
        };
        while number.group_count < MOST_GROUPS {
            let room = &mut number.digits[number.digit_count..];
            let end = context.run(start, room.len() + 1, |byte| byte.is_ascii_digit());
            let len = end - start;
            if len == 0 || len > room.len() {
                break;
            }
            for (digit, byte) in room.iter_mut().zip(&context.bytes()[start..end]) {
                *digit = byte - b'0';
            }
            number.digit_count += len;
            let digits = number.digit_count;
            number.groups[number.group_count] = Group { gap, end, digits, len };
            number.group_count += 1;
            let Some(next) = separator(context, end) else { break };
            (gap, start) = next;
        }
        // `(212-555-0123)` is a number in parentheses; the number itself begins behind.
        let opens = number.groups().first().is_some_and(|group| group.gap == Gap::Open);
        let closes = number.groups().get(1).is_some_and(|group| group.gap == Gap::Close);
        (!number.groups().is_empty() && opens == closes).then_some(number)
    }

    pub(super) fn groups(&self) -> &[Group] {
        &self.groups[..self.group_count]
    }

    /// All digits, each from 0 to 9.
    pub(super) fn digits(&self) -> &[u8] {
        &self.digits[..self.digit_count]
    }

    /// How long the first so many groups are.
    pub(super) fn lengths(&self, groups: usize) -> Vec<usize> {
        self.groups()[..groups].iter().map(|group| group.len).collect()
    }

    /// Whether the same stands between all of the first so many groups.
    pub(super) fn is_even(&self, groups: usize, gap: Gap) -> bool {
        self.groups()[1..groups].iter().all(|group| group.gap == gap)
    }

    /// The digits of the first so many groups, which end there and not in something longer.
    pub(super) fn first(&self, context: &Context<'_>, groups: usize) -> Option<(&[u8], usize)> {
        let last = self.groups().get(groups.checked_sub(1)?)?;
        ends_alone(context, last.end).then(|| (&self.digits()[..last.digits], last.end))
    }
}

/// What stands at `at` between two groups of digits, and where the second begins.
fn separator(context: &Context<'_>, at: usize) -> Option<(Gap, usize)> {
    let next = |at| context.at(at);
    let (gap, start) = match next(at) {
        b' ' => match next(at + 1) {
            b'(' => (Gap::Open, at + 2),
            b'-' if next(at + 2) == b' ' => (Gap::Hyphen, at + 3),
            b'/' if next(at + 2) == b' ' => (Gap::Slash, at + 3),
            _ => (Gap::Space, at + 1),
        },
        b'-' => (Gap::Hyphen, at + 1),
        b'.' => (Gap::Dot, at + 1),
        b'/' => (Gap::Slash, at + 1),
        b'(' => (Gap::Open, at + 1),
        b')' if matches!(next(at + 1), b' ' | b'-') => (Gap::Close, at + 2),
        b')' => (Gap::Close, at + 1),
        // Spaces that do not break, and hyphens.
        0xc2 if next(at + 1) == 0xa0 => (Gap::Space, at + 2),
        0xe2 if next(at + 1) == 0x80 => match next(at + 2) {
            0x80..=0x8a | 0xaf => (Gap::Space, at + 3),
            0x90..=0x93 => (Gap::Hyphen, at + 3),
            _ => return None,
        },
        _ => return None,
    };
    next(start).is_ascii_digit().then_some((gap, start))
}

/// Whether a number may begin here: not within a name, a price, a longer number.
fn begins_alone(context: &Context<'_>, at: usize) -> bool {
    let before = context.before(at);
    let last = at.checked_sub(1).map_or(0, |at| context.before(at));
    match before {
        b'.' | b',' | b':' => !last.is_ascii_digit(),
        b'-' | b'/' | b'\\' | b')' => !is_word(last),
        b' ' if last == b'#' || context.bytes()[..at - 1].ends_with("№".as_bytes()) => false,
        b'+' | b'#' | b'$' | b'%' | b'*' | b'^' | b'~' => false,
        // £, ¥; €, №, ₽
        0xa3 | 0xa5 if last == 0xc2 => false,
        0xac | 0x96 | 0xbd if last == 0x82 || last == 0x84 => false,
        _ => !is_word(before),
    }
}

/// Whether a number may end here.
fn ends_alone(context: &Context<'_>, end: usize) -> bool {
    let (after, next) = (context.at(end), context.at(end + 1));
    match after {
        b'-' => !is_word(next),
        b'/' | b':' | b',' => !next.is_ascii_digit(),
        // An address of mail may go on with a dot.
        b'.' => {
            let is_local = |byte: u8| is_word(byte) || b".+-".contains(&byte);
            !next.is_ascii_digit() && context.at(context.run(end, 64, is_local)) != b'@'
        }
        b'@' | b'%' | b'\'' => false,
        _ => !is_word(after),
    }
}

/// A payment card: prefixes and lengths of the issuers, the check digit of ISO/IEC 7812-1.
fn card(context: &Context<'_>, number: &Number) -> Option<Finding> {
    if number.plus || number.groups()[0].gap == Gap::Open {
        return None;
    }
    let groups = (1..=number.groups().len().min(5)).rev();
    groups.filter(|groups| is_card_shape(number, *groups)).find_map(|groups| {
        let (digits, end) = number.first(context, groups)?;
        let issuer = card_issuer(digits)?;
        // Articles and rows of databases have such lengths, too.
        let is_said = groups > 1 || matches!(digits.len(), 14..=16);
        let is_card = luhn(digits) && (is_said || context.said_before(number.start, &CARD_WORDS));
        is_card.then(|| Finding::new(Kind::Card, number.start..end).by(issuer))
    })
}

fn is_card_shape(number: &Number, groups: usize) -> bool {
    let is_even = number.is_even(groups, Gap::Space) || number.is_even(groups, Gap::Hyphen);
    is_even
        && matches!(
            number.lengths(groups)[..],
            [13..=19] | [4, 4, 4, 1..=4] | [4, 4, 4, 4, 1..=3] | [4, 6, 4 | 5] | [6, 13]
        )
}

/// What people write before a card's number, in lower case.
const CARD_WORDS: [&str; 12] = [
    "card",
    "visa",
    "credit",
    "debit",
    "mastercard",
    "maestro",
    "unionpay",
    "карт",
    "卡",
    "carte",
    "tarjeta",
    "karte",
];

fn card_issuer(digits: &[u8]) -> Option<&'static str> {
    let prefix = |len: usize| digits[..len].iter().fold(0, |n, digit| n * 10 + u32::from(*digit));
    let four = prefix(4);
    Some(match (digits.len(), four / 100, four) {
        (13 | 16 | 19, 40..=49, _) => "Visa",
        (16, 51..=55, _) | (16, _, 2221..=2720) => "Mastercard",
        (15, 34 | 37, _) => "American Express",
        (16..=19, _, 2200..=2204) => "Mir",
        (16..=19, _, 3528..=3589) => "JCB",
        (14 | 16, 36 | 38 | 39, _) | (14 | 16, _, 3000..=3059 | 3095) => "Diners Club",
        (16..=19, 65, _) | (16..=19, _, 6011 | 6440..=6499) => "Discover",
        (16..=19, 62, _) | (16..=19, _, 8100..=8171) => "UnionPay",
        (13..=19, _, 5018 | 5020 | 5038 | 5893 | 6304 | 6759 | 6761..=6763) => "Maestro",
        _ => return None,
    })
}

/// The check digit by Hans Peter Luhn (US patent 2950048).
fn luhn(digits: &[u8]) -> bool {
    let doubled = |digit: u8| if digit < 5 { digit * 2 } else { digit * 2 - 9 };
    let sum: u32 = (digits.iter().rev().enumerate())
        .map(|(at, digit)| u32::from(if at % 2 == 1 { doubled(*digit) } else { *digit }))
        .sum();
    sum.is_multiple_of(10)
}

/// An American social security number: with hyphens, or with spaces behind its name.
fn ssn(context: &Context<'_>, number: &Number) -> Option<Finding> {
    let (digits, end) = number.first(context, 3)?;
    if number.plus || number.lengths(3) != [3, 2, 4] {
        return None;
    }
    let said = || context.said_before(number.start, &["ssn", "social security"]);
    let is_written = number.is_even(3, Gap::Hyphen) || number.is_even(3, Gap::Space) && said();
    let part = |range: std::ops::Range<usize>| {
        digits[range].iter().fold(0, |n, digit| n * 10 + u32::from(*digit))
    };
    let parts = (part(0..3), part(3..5), part(5..9));
    // Never given out; the last two are known from advertisements.
    let is_given = !matches!(
        parts,
        (0 | 666 | 900.., ..) | (_, 0, _) | (_, _, 0) | (78, 5, 1120) | (219, 9, 9999)
    );
    (is_written && is_given).then(|| Finding::new(Kind::Ssn, number.start..end))
}

/// A Russian insurance account's number: `112-233-445 95`, or its digits behind its name.
fn snils(context: &Context<'_>, number: &Number) -> Option<Finding> {
    let said = || context.said_before(number.start, &["снилс", "snils"]);
    let groups = match number.lengths(number.groups().len().min(4))[..] {
        [3, 3, 3, 2] => {
            let hyphens = number.is_even(3, Gap::Hyphen);
            (hyphens || number.is_even(3, Gap::Space) && said()).then_some(4)
        }
        [11, ..] => said().then_some(1),
        _ => None,
    }?;
    let (digits, end) = number.first(context, groups)?;
    let weights = (1..=9).rev();
    let sum: u32 =
        digits.iter().zip(weights).map(|(digit, weight)| u32::from(*digit) * weight).sum();
    let check = u32::from(digits[9]) * 10 + u32::from(digits[10]);
    let is_number = !number.plus && sum % 101 % 100 == check;
    is_number.then(|| Finding::new(Kind::Snils, number.start..end))
}

/// A Russian taxpayer's number behind its name: 12 digits of a person, 10 of a company.
fn inn(context: &Context<'_>, number: &Number) -> Option<Finding> {
    let Group { end, digits, .. } = number.groups()[0];
    let digits = &number.digits()[..digits];
    let check = |weights: &[u32]| {
        let sum: u32 = digits.iter().zip(weights).map(|(digit, w)| u32::from(*digit) * w).sum();
        sum % 11 % 10 == u32::from(digits[weights.len()])
    };
    let is_number = match digits.len() {
        10 => check(&INN_WEIGHTS[2..]),
        12 => check(&INN_WEIGHTS[1..]) && check(&INN_WEIGHTS),
        _ => false,
    };
    let is_found =
        is_number && !number.plus && context.said_before(number.start, &["инн.", "inn."]);
    is_found.then(|| Finding::new(Kind::Inn, number.start..end))
}

const INN_WEIGHTS: [u32; 11] = [3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8];

const MOST_GROUPS: usize = 8;
/// What a telephone number within a town has.
const LEAST_DIGITS: usize = 7;
/// More than any number has, and room for what stands behind it.
const MOST_DIGITS: usize = 32;
