//! Names of models.

/// The model that a fine-tuned one was made from: `gpt-4o` of `ft:gpt-4o:acme::abc`; of any other,
/// itself.
pub(super) fn base(model: &str) -> &str {
    let tuned = model.strip_prefix("ft:").map(|rest| rest.split(':').next().unwrap_or(rest));
    tuned.unwrap_or(model)
}

/// Whether a table's entry is for a model: it has its name, or one of the two names leaves out the
/// version that the other ends with.
pub(super) fn is_listed_as(model: &str, listed: &str) -> bool {
    let model = base(model);
    model == listed
        || without_version(model) == Some(listed)
        || without_version(listed) == Some(model)
}

/// `gpt-4o` of `gpt-4o-2024-08-06`, and `gpt-3.5-turbo` of `gpt-3.5-turbo-0125`.
fn without_version(model: &str) -> Option<&str> {
    let is_number =
        |part: &str, digits| part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit());
    let (rest, last) = model.rsplit_once('-')?;
    if is_number(last, 4) {
        return Some(rest);
    }
    let (rest, month) = rest.rsplit_once('-')?;
    let (rest, year) = rest.rsplit_once('-')?;
    (is_number(last, 2) && is_number(month, 2) && is_number(year, 4)).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::is_listed_as;

    #[test]
    fn a_name_may_leave_the_version_out_but_not_have_another() {
        assert!(is_listed_as("gpt-4o-2024-08-06", "gpt-4o-2024-08-06"));
        assert!(is_listed_as("gpt-4o", "gpt-4o-2024-08-06"));
        assert!(is_listed_as("gpt-3.5-turbo-0125", "gpt-3.5-turbo"));
        assert!(is_listed_as("ft:gpt-4o-2024-08-06:acme::abc", "gpt-4o-2024-08-06"));
        assert!(!is_listed_as("gpt-4o-2024-05-13", "gpt-4o-2024-08-06"));
        assert!(!is_listed_as("gpt-4o-mini", "gpt-4o-2024-08-06"));
        assert!(!is_listed_as("davinci", "davinci-002"));
    }
}
