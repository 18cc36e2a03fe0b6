//! Settings from the environment, which nothing else reads.

use crate::client::ClientBuilder;
use crate::client::azure::Azure;
use crate::client::key::Key;
use crate::error::{Error, Result};

impl ClientBuilder {
    /// Begins with what the environment says.
    ///
    /// `OPENAI_API_KEY`, `OPENAI_BASE_URL`, `OPENAI_ORG_ID` and `OPENAI_PROJECT_ID` are looked at;
    /// one that is unset or blank leaves the default. No other function of this crate reads them.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRequest`] if one of them is not Unicode.
    pub fn from_env() -> Result<Self> {
        Self::from_variables(variable)
    }

    fn from_variables(get: impl Fn(&'static str) -> Result<Option<String>>) -> Result<Self> {
        let get = |name| -> Result<Option<String>> {
            Ok(get(name)?.filter(|value| !value.trim().is_empty()))
        };
        let mut builder = Self::default();
        if let Some(key) = get("OPENAI_API_KEY")? {
            builder = builder.key(key);
        }
        if let Some(base_url) = get("OPENAI_BASE_URL")? {
            builder = builder.base_url(base_url);
        }
        if let Some(organization) = get("OPENAI_ORG_ID")? {
            builder = builder.organization(organization);
        }
        if let Some(project) = get("OPENAI_PROJECT_ID")? {
            builder = builder.project(project);
        }
        Ok(builder)
    }

    /// Begins with what the environment says of Azure OpenAI.
    ///
    /// `AZURE_OPENAI_ENDPOINT`, `AZURE_OPENAI_API_KEY` or, in its place, the token
    /// `AZURE_OPENAI_AD_TOKEN`, and `OPENAI_API_VERSION` are looked at. One that is blank counts as
    /// unset; without a version it is the v1 form of [`Azure`].
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRequest`] if there is no endpoint, or one of them is not Unicode.
    #[inline]
    pub fn azure_from_env() -> Result<Self> {
        Self::azure_from_variables(variable)
    }

    fn azure_from_variables(get: impl Fn(&'static str) -> Result<Option<String>>) -> Result<Self> {
        let get = |name| -> Result<Option<String>> {
            Ok(get(name)?.filter(|value| !value.trim().is_empty()))
        };
        let endpoint = get("AZURE_OPENAI_ENDPOINT")?.ok_or_else(|| {
            let problem = "is not set; write it like https://RESOURCE.openai.azure.com";
            Error::invalid("AZURE_OPENAI_ENDPOINT", problem)
        })?;
        let mut azure = Azure::new(endpoint);
        if let Some(version) = get("OPENAI_API_VERSION")? {
            azure = azure.with_api_version(version);
        }
        let builder = Self::default().azure(azure);
        let key = match get("AZURE_OPENAI_API_KEY")? {
            Some(key) => Some(Key::new(key)),
            None => get("AZURE_OPENAI_AD_TOKEN")?.map(Key::token),
        };
        Ok(match key {
            Some(key) => builder.key(key),
            None => builder,
        })
    }
}

fn variable(name: &'static str) -> Result<Option<String>> {
    match std::env::var(name) {
        Ok(value) => Ok(Some(value)),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(Error::invalid(name, "is not Unicode")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{Reply, ScriptedServer};

    #[tokio::test]
    async fn the_environment_gives_key_base_url_organization_and_project() {
        let server = ScriptedServer::start([Reply::json(200, json!({}))]).await.unwrap();
        let builder = ClientBuilder::from_variables(|name| {
            Ok(Some(if name == "OPENAI_BASE_URL" { server.url() } else { name.to_lowercase() }))
        });
        builder.unwrap().build().unwrap().get("x").await.unwrap();
        let request = &server.requests()[0];
        assert_eq!(request.header("authorization"), Some("Bearer openai_api_key"));
        assert_eq!(request.header("openai-organization"), Some("openai_org_id"));
        assert_eq!(request.header("openai-project"), Some("openai_project_id"));
    }

    #[test]
    fn blank_variables_leave_the_defaults() {
        for value in [None, Some(" ")] {
            let builder = ClientBuilder::from_variables(|_| Ok(value.map(str::to_owned))).unwrap();
            let client = builder.build().unwrap();
            assert!(client.inner.key.is_none());
            assert_eq!(client.base_url(), "https://api.openai.com/v1");
            assert!(!client.inner.headers.contains_key("openai-organization"));
            assert!(!client.inner.headers.contains_key("openai-project"));
        }
    }

    /// What requests to Azure look like with these variables.
    #[track_caller]
    fn azure_from(variables: &[(&str, &str)]) -> String {
        let builder = ClientBuilder::azure_from_variables(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            Ok(found.map(|(_, value)| (*value).to_owned()))
        });
        let inner = match builder.and_then(ClientBuilder::build) {
            Ok(client) => client.inner,
            Err(error) => return error.to_string(),
        };
        let mut shown = inner.base.to_string();
        for name in ["api-key", "authorization"] {
            if let Some(value) = inner.headers.get(name) {
                shown.push_str(&format!(" {name}: {}", value.to_str().unwrap()));
            }
        }
        shown
    }

    #[test]
    fn the_environment_of_azure_gives_endpoint_key_or_token_and_version() {
        let endpoint = ("AZURE_OPENAI_ENDPOINT", "https://h/");
        let key = ("AZURE_OPENAI_API_KEY", "k");
        let token = ("AZURE_OPENAI_AD_TOKEN", "t");
        let version = ("OPENAI_API_VERSION", "2024-10-21");
        for (variables, expected) in [
            (&[endpoint][..], "https://h/openai/v1"),
            (&[endpoint, key, token], "https://h/openai/v1 api-key: k"),
            (
                &[endpoint, ("AZURE_OPENAI_API_KEY", " "), token],
                "https://h/openai/v1 authorization: Bearer t",
            ),
            (&[endpoint, key, version], "https://h/openai?api-version=2024-10-21 api-key: k"),
            (
                &[key, version],
                "AZURE_OPENAI_ENDPOINT: is not set; write it like https://RESOURCE.openai.azure.com",
            ),
        ] {
            assert_eq!(azure_from(variables), expected);
        }
    }
}
