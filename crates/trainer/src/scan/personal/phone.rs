//! Telephone numbers.

use crate::scan::personal::context::Context;
use crate::scan::personal::numbers::{Gap, Number};
use crate::scan::personal::{Finding, Kind};

/// The telephone number that a number begins with.
pub(super) fn of(context: &Context<'_>, number: &Number) -> Option<Finding> {
    let found = |groups: usize| {
        let (_, end) = number.first(context, groups)?;
        Some(Finding::new(Kind::Phone, number.start..end))
    };
    let most = number.groups().len();
    if is_other(number) && !(number.plus && most == 1) {
        return None;
    }
    if number.plus {
        return (1..=most).rev().filter(|groups| is_international(number, *groups)).find_map(found);
    }
    // Two zeros stand for the plus, if something is apart.
    let is_apart = |groups: usize| groups > 2 && is_international(number, groups);
    if number.digits().starts_with(&[0, 0]) && number.groups()[0].len >= 3 {
        return (1..=most).rev().filter(|groups| is_apart(*groups)).find_map(found);
    }
    let national = (2..=most.min(5)).rev();
    national.filter(|groups| is_national(context, number, *groups)).find_map(found).or_else(|| {
        let mut spoken = (1..=most).rev().filter(|groups| is_plausible(number, *groups));
        let found = spoken.find_map(found)?;
        context.said_before(number.start, &WORDS).then_some(found)
    })
}

/// Whether the first groups are a number of E.164: a calling code, and up to 15 digits.
fn is_international(number: &Number, groups: usize) -> bool {
    let end = number.groups()[groups - 1].digits;
    let mut digits = &number.digits()[..end];
    if !number.plus {
        digits = &digits[2..];
    }
    let Some(code) = calling_code(digits) else { return false };
    let rest = &digits[code..];
    let is_length = match digits[0] {
        1 => is_north_american(rest),
        7 => rest.len() == 10 && matches!(rest[0], 3..=9),
        _ => (9 - code..=13).contains(&rest.len()) && digits.len() <= 15,
    };
    if !is_length {
        return false;
    }
    let groups = &number.groups()[..groups];
    // The zero of long distance is left out abroad, or put in parentheses; in Italy, San Marino,
    // Ivory Coast, Benin, Gabon and the Congo it belongs to the number.
    let zero = groups.iter().find(|group| group.gap == Gap::Open);
    let is_zero_right = rest[0] != 0
        || matches!(digits[..code], [3, 9] | [3, 7, 8] | [2, 2, 5 | 9] | [2, 4, 1 | 2])
        || zero.is_some_and(|group| number.digits()[group.digits - group.len] == 0);
    // One dot stands behind the calling code (RFC 5733) or is that of a fraction.
    let dots = groups.iter().filter(|group| group.gap == Gap::Dot).count();
    let are_dots_right = dots != 1 || groups[0].len == code;
    let singles = groups.iter().filter(|group| group.len == 1).count();
    is_zero_right && are_dots_right && singles <= 2 && number.parentheses(groups.len())
}

/// How many digits the calling code has (ITU-T E.164, assigned codes of 2024).
fn calling_code(digits: &[u8]) -> Option<usize> {
    let [first, second, third, ..] = *digits else { return None };
    let is_two = match first {
        1 | 7 => return Some(1),
        2 => matches!(second, 0 | 7),
        3 => !matches!(second, 5 | 7 | 8),
        4 => second != 2,
        5 => !matches!(second, 0 | 9),
        6 => second < 7,
        8 => matches!(second, 1 | 2 | 4 | 6),
        9 => !matches!(second, 6 | 7 | 9),
        _ => return None,
    };
    if is_two {
        return Some(2);
    }
    let is_free = match (first, second) {
        (2, 1) => matches!(third, 0 | 4 | 5 | 7 | 9),
        (2, 5) | (3, 7) => third == 9,
        (2, 8) | (8, 3 | 9) => true,
        (2, 9) => !matches!(third, 0 | 1 | 7..=9),
        (3, 8) => matches!(third, 4 | 8),
        (4, 2) => !matches!(third, 0 | 1 | 3),
        (6, 7) => third == 1,
        (6, 8) => third == 4,
        (6, 9) => third > 2,
        (8, 0) => !matches!(third, 0 | 8),
        (8, 5) => matches!(third, 1 | 4 | 7 | 8 | 9),
        (8, 7) => !matches!(third, 0 | 8),
        (8, 8) => matches!(third, 4 | 5 | 7 | 9),
        (9, 6) => third == 9,
        (9, 7) => third == 8,
        (9, 9) => matches!(third, 0 | 1 | 7 | 9),
        _ => false,
    };
    (!is_free).then_some(3)
}

/// Whether the first groups are a number as people of a country write it.
fn is_national(context: &Context<'_>, number: &Number, groups: usize) -> bool {
    let lengths = number.lengths(groups);
    let digits = &number.digits()[..number.groups()[groups - 1].digits];
    let is_first_in_parentheses = number.groups()[0].gap == Gap::Open;
    let even = |gap| number.is_even(groups, gap);
    // Numbers in a row with spaces may be anything, unless they stand alone.
    let is_spaced = even(Gap::Space) && is_alone(context, number, groups);
    let is_tight = even(Gap::Hyphen) || even(Gap::Dot);
    let is_apart = is_spaced || is_tight;
    let area = number.groups()[..groups].iter().any(|group| group.gap == Gap::Close);
    let is_shape = match lengths[..] {
        // North America.
        [3, 3, 4] => is_north_american(digits) && (is_first_in_parentheses || is_apart),
        [1, 3, 3, 4] if digits[0] == 1 => is_north_american(&digits[1..]) && (area || is_apart),
        // Russia and Kazakhstan.
        [3, 3, 2, 2] => is_first_in_parentheses && matches!(digits[0], 3 | 4 | 7..=9),
        [4, 2 | 3, 2, 2] | [5, 1 | 2, 2, 2] => is_first_in_parentheses && digits[0] > 2,
        [1, 3, 3, 2, 2] | [1, 3, 3, 4] | [1, 3, 7] => {
            matches!(digits, [7 | 8, 3 | 4 | 7..=9, ..]) && (area || is_apart)
        }
        [1, 4, 2 | 3, 2, 2] | [1, 5, 1 | 2, 2, 2] => matches!(digits, [7 | 8, 3..=9, ..]) && area,
        // Great Britain, Japan, China.
        [3, 4, 4] => match digits {
            [0, 2, ..] => is_first_in_parentheses || is_apart,
            [0, 7..=9, 0, ..] => is_apart,
            [1, 3..=9, ..] => is_spaced || even(Gap::Hyphen),
            _ => false,
        },
        [5, 6] | [5, 3, 3] => matches!(digits, [0, 1 | 7, ..]) && (area || is_apart),
        [4, 3, 4] => matches!(digits, [0, 1 | 3 | 8, ..]) && (area || is_apart),
        // Australia.
        [4, 3, 3] => matches!(digits, [0, 4, ..]) && is_apart,
        // Japan; Australia and Brazil.
        [2, 4, 4] if even(Gap::Hyphen) => matches!(digits, [0, 3 | 6, ..]),
        [2, 4, 4] | [2, 5, 4] => {
            is_first_in_parentheses && matches!(digits, [0, 2..=9, ..] | [1..=9, 1..=9, ..])
        }
        // France.
        [2, 2, 2, 2, 2] => matches!(digits, [0, 1..=9, ..]) && is_apart,
        // Germany.
        [4, 7 | 8] => matches!(digits, [0, 1, 5..=7, ..]) && (is_apart || even(Gap::Slash)),
        [3..=5, 5..=8] => {
            matches!(digits, [0, 2..=9, ..]) && (even(Gap::Slash) || is_first_in_parentheses)
        }
        _ => false,
    };
    is_shape && number.parentheses(groups)
}

/// Whether a number behind a word such as "phone" can be one.
fn is_plausible(number: &Number, groups: usize) -> bool {
    let digits = &number.digits()[..number.groups()[groups - 1].digits];
    let is_one = groups == 1;
    let is_round = is_one && digits.len() < 10 && digits.ends_with(&[0, 0, 0]);
    let most = if is_one { 12 } else { 15 };
    let dots = number.groups()[1..groups].iter().filter(|group| group.gap == Gap::Dot).count();
    (7..=most).contains(&digits.len()) && !is_round && dots != 1 && number.parentheses(groups)
}

/// An area, then an exchange, neither beginning with 0 or 1 nor ending in 11, as the plan of
/// numbers of North America has it.
fn is_north_american(digits: &[u8]) -> bool {
    let is_good = |part: &[u8]| matches!(part, [2..=9, rest @ ..] if *rest != [1, 1]);
    digits.len() == 10 && is_good(&digits[..3]) && digits[1] != 9 && is_good(&digits[3..6])
}

/// Whether no other number stands beside it, a space apart.
fn is_alone(context: &Context<'_>, number: &Number, groups: usize) -> bool {
    let before = context.before(number.start);
    let last = number.start.checked_sub(1).map_or(0, |at| context.before(at));
    groups == number.groups().len() && !(before == b' ' && last.is_ascii_digit())
}

/// Dates, ISBNs and the like.
fn is_other(number: &Number) -> bool {
    let lengths = number.lengths(number.groups().len().min(3));
    let digits = number.digits();
    let value = |from: usize, to: usize| {
        digits.get(from..to).map_or(0, |part| part.iter().fold(0, |n, d| n * 10 + u32::from(*d)))
    };
    let is_year = |year: u32| (1900..2100).contains(&year);
    let is_day = |month: u32, day: u32| (1..=12).contains(&month) && (1..=31).contains(&day);
    let either = |one: u32, other: u32| is_day(one, other) || is_day(other, one);
    let is_isbn = number.digits().len() == 13 && matches!(value(0, 3), 978 | 979);
    match lengths[..] {
        // 2024-01-15, 15.01.2024, 1/15/2024
        [4, 2, 2] | [4, 1, 2] | [4, 2, 1] => {
            let month = lengths[1];
            is_year(value(0, 4))
                && either(value(4, 4 + month), value(4 + month, 4 + month + lengths[2]))
        }
        [1 | 2, 1 | 2, 4] => {
            let (day, month) = (lengths[0], lengths[0] + lengths[1]);
            is_year(value(month, month + 4)) && either(value(0, day), value(day, month))
        }
        // 20240115, with or without a time; 2023-2024
        [8 | 12 | 14, ..] => is_year(value(0, 4)) && is_day(value(4, 6), value(6, 8)),
        [4, 4, ..] => is_year(value(0, 4)) && is_year(value(4, 8)) && number.groups().len() == 2,
        _ => is_isbn,
    }
}

impl Number {
    /// Whether each parenthesis that opens within the first so many groups closes after one.
    fn parentheses(&self, groups: usize) -> bool {
        let gap = |at: usize| self.groups()[..groups].get(at).map(|group| group.gap);
        (0..groups).all(|at| {
            (gap(at) == Some(Gap::Open)) == (gap(at + 1) == Some(Gap::Close))
                && !(at == 0 && gap(0) == Some(Gap::Close))
        })
    }
}

/// What people write before a telephone number, in lower case.
#[rustfmt::skip]
const WORDS: [&str; 38] = [
    "phone", "telephone", "tel.", "mobile", "cell.", "cellphone", "fax.", "call.", "dial.", "sms.",
    "whatsapp", "viber", "hotline", "text me", "телефон", "тел.", "позвони", "звони", "звонит",
    "моб.", "мобильн", "факс", "вотсап", "ватсап", "telefon", "teléfono", "telefone", "móvil",
    "celular", "téléphone", "portable", "handy.", "电话", "手机", "电话号码", "联系方式", "電話", "携帯",
];
