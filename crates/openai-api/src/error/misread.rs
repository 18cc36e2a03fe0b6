//! What is wrong with JSON, without the text that stands in it.

/// Where JSON is not what it should be, without the text that stands there.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Misread(String);

impl Misread {
    pub(crate) fn new(error: &serde_json::Error) -> Self {
        let mut said = error.to_string();
        // serde quotes a text that it did not expect, and that may be a message.
        if let Some(start) = said.find("string \"") {
            let start = start + "string".len();
            let end = said.rfind("\", expected").map_or(said.len(), |end| end + 1);
            said.replace_range(start..end.max(start), "");
        }
        Self(said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_reading_tells_the_place_and_not_the_text() {
        let error = serde_json::from_str::<Vec<u32>>(r#"["my \"secret\", expected"]"#).unwrap_err();
        expect_test::expect!["invalid type: string, expected u32 at line 1 column 26"]
            .assert_eq(&Misread::new(&error).to_string());
        let error = serde_json::from_str::<u32>("tru").unwrap_err();
        assert_eq!(Misread::new(&error).to_string(), error.to_string());
    }
}
