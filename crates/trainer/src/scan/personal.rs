//! Personal data and secrets in a text.
//!
//! One pass over the text, in time that grows with its length and no faster, whatever it says:
//! what begins like a finding (`@`, a digit, the first letters of a key) is looked at once, and no
//! further than a finding can be long.
//!
//! | kind | is found | is not |
//! |---|---|---|
//! | [`Kind::Email`] | addresses with a domain of two labels or more, also in other scripts | `icon@2x.png`, `git@…`, `user@localhost` |
//! | [`Kind::Phone`] | `+` and a calling code; the forms usual in North America, Russia, Great Britain, France, Germany, China, Japan, Australia and Brazil; any other behind a word such as "phone" | dates, versions, ISBNs, plain digits with no such word |
//! | [`Kind::Card`] | the prefixes and lengths of the issuers, with the check digit (Luhn); of 13 or more than 16 digits in one only behind a word such as "card" | nine in ten other numbers of that length |
//! | [`Kind::Iban`] | the length of the country and the check digits (mod 97) | |
//! | [`Kind::Ssn`] | American numbers with hyphens, or behind "SSN" | areas, groups and serials that are not given out |
//! | [`Kind::Snils`], [`Kind::Inn`] | Russian numbers with their check digits; without hyphens behind "СНИЛС", and behind "ИНН" | |
//! | [`Kind::ApiKey`] | keys with the prefix and the length of their issuer, of 22 services | `sk-learn`, `sk-xxxx…` |
//! | [`Kind::Jwt`], [`Kind::PrivateKey`] | JSON Web Tokens; PEM blocks | public keys, certificates |
//! | [`Kind::Password`] | what is assigned to a name such as `password`, or stands in a URL | `password=None`, `${…}`, sentences |
//! | [`Kind::Ip`] | addresses of IPv4 and IPv6, if asked for | loopback, masks |
//!
//! Names, postal addresses and dates of birth need a model of the language; they are not found.
//!
//! # Examples
//!
//! ```
//! use trainer::scan::personal::{self, Kind};
//!
//! let text = "Write to ann@example.org or call +44 20 7946 0958.";
//! let found: Vec<_> = personal::find(text).map(|finding| finding.kind).collect();
//! assert_eq!(found, [Kind::Email, Kind::Phone]);
//! assert_eq!(personal::redact(text), "Write to [EMAIL] or call [PHONE].");
//! ```

mod assigned;
mod context;
mod email;
mod iban;
mod ip;
mod keys;
mod numbers;
mod phone;
mod redact;
mod scanner;

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

pub use crate::scan::personal::redact::Redactor;
pub use crate::scan::personal::scanner::Findings;

/// All findings in `text`, in order, none within another. Addresses of IP are left out.
#[must_use]
pub fn find(text: &str) -> Findings<'_> {
    Search::new().find(text)
}

/// The text with what was found replaced by its kind, such as `[EMAIL]`.
///
/// A text in which nothing is found is not copied. A redacted text stays as it is when it is
/// redacted again.
#[must_use]
pub fn redact(text: &str) -> Cow<'_, str> {
    Redactor::new(Search::new()).redact(text)
}

/// What to look for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Search {
    /// Whether addresses of IP are findings; no unless set.
    pub addresses: bool,
}

impl Search {
    /// All kinds but addresses of IP.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Also finds addresses of IP.
    #[must_use]
    pub fn with_addresses(mut self) -> Self {
        self.addresses = true;
        self
    }

    /// All findings in `text`, in order, none within another.
    #[must_use]
    pub fn find<'a>(&self, text: &'a str) -> Findings<'a> {
        Findings::new(*self, text)
    }
}

/// Something in a text that should not be learned.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// What it is.
    pub kind: Kind,
    /// Where it is, in bytes of the text, from one character's start to another's.
    pub range: Range<usize>,
    /// Who gave it out, as far as it shows: `Visa`, `OpenAI`, the country of an IBAN.
    pub issuer: Option<&'static str>,
}

impl Finding {
    fn new(kind: Kind, range: Range<usize>) -> Self {
        Self { kind, range, issuer: None }
    }

    fn by(mut self, issuer: &'static str) -> Self {
        self.issuer = Some(issuer);
        self
    }
}

/// A kind of personal data or of secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// An e-mail address.
    Email,
    /// A telephone number.
    Phone,
    /// The number of a payment card.
    Card,
    /// An international bank account number.
    Iban,
    /// An address of the Internet Protocol, version 4 or 6.
    Ip,
    /// A key or token of a service.
    ApiKey,
    /// A JSON Web Token.
    Jwt,
    /// A private key in PEM.
    PrivateKey,
    /// What is assigned to a name that stands for a secret.
    Password,
    /// An American social security number.
    Ssn,
    /// A Russian taxpayer's number (ИНН).
    Inn,
    /// A Russian insurance account's number (СНИЛС).
    Snils,
}

impl Kind {
    /// What stands in the place of a finding, without its brackets.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Email => "EMAIL",
            Self::Phone => "PHONE",
            Self::Card => "CARD",
            Self::Iban => "IBAN",
            Self::Ip => "IP",
            Self::ApiKey => "API_KEY",
            Self::Jwt => "JWT",
            Self::PrivateKey => "PRIVATE_KEY",
            Self::Password => "PASSWORD",
            Self::Ssn => "SSN",
            Self::Inn => "INN",
            Self::Snils => "SNILS",
        }
    }
}

/// Names it for people: `e-mail address`.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Email => "e-mail address",
            Self::Phone => "telephone number",
            Self::Card => "card number",
            Self::Iban => "bank account number",
            Self::Ip => "IP address",
            Self::ApiKey => "API key",
            Self::Jwt => "JSON Web Token",
            Self::PrivateKey => "private key",
            Self::Password => "password",
            Self::Ssn => "social security number",
            Self::Inn => "taxpayer's number",
            Self::Snils => "insurance number",
        })
    }
}

#[cfg(test)]
mod tests;
