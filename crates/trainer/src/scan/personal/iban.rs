//! International bank account numbers (ISO 13616).

use crate::scan::personal::context::{Context, is_word};
use crate::scan::personal::{Finding, Kind};

/// The account number that begins at `at`, in groups of four or in one.
pub(super) fn at(context: &Context<'_>, at: usize) -> Option<Finding> {
    let head = context.bytes().get(at..at + 4)?;
    if !(head[..2].iter().all(u8::is_ascii_uppercase) && head[2..].iter().all(u8::is_ascii_digit)) {
        return None;
    }
    let (country, length) =
        COUNTRIES.iter().find(|(country, _)| country.as_bytes() == &head[..2])?;
    let is_spaced = context.at(at + 4) == b' ';
    let (mut end, mut taken, mut number) = (at, 0, [0; LONGEST]);
    while taken < *length {
        if is_spaced && taken % 4 == 0 && taken > 0 {
            if context.at(end) != b' ' {
                return None;
            }
            end += 1;
        }
        number[taken] = context.at(end);
        if !number[taken].is_ascii_digit() && !number[taken].is_ascii_uppercase() {
            return None;
        }
        taken += 1;
        end += 1;
    }
    let number = &number[..*length];
    let rest = number[4..].iter().chain(&number[..4]);
    let remainder = rest.fold(0, |remainder: u32, byte| match byte {
        b'0'..=b'9' => (remainder * 10 + u32::from(byte - b'0')) % 97,
        _ => (remainder * 100 + u32::from(byte - b'A') + 10) % 97,
    });
    (remainder == 1 && !is_word(context.at(end)))
        .then(|| Finding::new(Kind::Iban, at..end).by(country))
}

const LONGEST: usize = 33;

/// Countries and the length of their numbers: SWIFT's registry of IBAN formats, release 100, then
/// countries that use the format and are not in it. Territories use the code of their country.
#[rustfmt::skip]
const COUNTRIES: [(&str, usize); 111] = [
    ("AD", 24), ("AE", 23), ("AL", 28), ("AT", 20), ("AZ", 28), ("BA", 20), ("BE", 16), ("BG", 22),
    ("BH", 22), ("BI", 27), ("BR", 29), ("BY", 28), ("CH", 21), ("CR", 22), ("CY", 28), ("CZ", 24),
    ("DE", 22), ("DJ", 27), ("DK", 18), ("DO", 28), ("EE", 20), ("EG", 29), ("ES", 24), ("FI", 18),
    ("FK", 18), ("FO", 18), ("FR", 27), ("GB", 22), ("GE", 22), ("GI", 23), ("GL", 18), ("GR", 27),
    ("GT", 28), ("HN", 28), ("HR", 21), ("HU", 28), ("IE", 22), ("IL", 23), ("IQ", 23), ("IS", 26),
    ("IT", 27), ("JO", 30), ("KW", 30), ("KZ", 20), ("LB", 28), ("LC", 32), ("LI", 21), ("LT", 20),
    ("LU", 20), ("LV", 21), ("LY", 25), ("MC", 27), ("MD", 24), ("ME", 22), ("MK", 19), ("MN", 20),
    ("MR", 27), ("MT", 31), ("MU", 30), ("NI", 28), ("NL", 18), ("NO", 15), ("OM", 23), ("PK", 24),
    ("PL", 28), ("PS", 29), ("PT", 25), ("QA", 29), ("RO", 24), ("RS", 22), ("RU", 33), ("SA", 24),
    ("SC", 31), ("SD", 18), ("SE", 24), ("SI", 19), ("SK", 24), ("SM", 27), ("SO", 23), ("ST", 25),
    ("SV", 28), ("TL", 23), ("TN", 24), ("TR", 26), ("UA", 29), ("VA", 22), ("VG", 24), ("XK", 20),
    ("YE", 30), ("AO", 25), ("BF", 28), ("BJ", 28), ("CF", 27), ("CG", 27), ("CI", 28), ("CM", 27),
    ("CV", 25), ("DZ", 26), ("GA", 27), ("GQ", 27), ("GW", 25), ("IR", 26), ("KM", 27), ("MA", 28),
    ("MG", 27), ("ML", 28), ("MZ", 25), ("NE", 28), ("SN", 28), ("TD", 27), ("TG", 28),
];
