//! Azure OpenAI: the paths of its two forms.

use std::fmt;

use reqwest::Url;
use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};

use crate::client::address::parse_url;
use crate::error::{Error, Result};
use crate::model::ModelId;

/// Where a deployment of Azure OpenAI is, and which form of its API it speaks.
///
/// By default that is the [v1 form]: paths below `{endpoint}/openai/v1`, in which the request's
/// model names the deployment. [With a version](Self::with_api_version) it is the [dated form]:
/// `{endpoint}/openai/deployments/{deployment}/chat/completions?api-version=…`, and all but what a
/// model answers below `{endpoint}/openai`.
///
/// ```
/// use openai_api::{Azure, Client, Key};
///
/// let azure = Azure::new("https://lake.openai.azure.com").with_api_version("2024-10-21");
/// let client = Client::builder().azure(azure).key("0123456789abcdef").build().unwrap();
/// assert_eq!(client.base_url(), "https://lake.openai.azure.com/openai");
///
/// let azure = Azure::new("https://lake.openai.azure.com");
/// let client = Client::builder().azure(azure).key(Key::token("eyJ0…")).build();
/// assert!(client.is_err(), "no header can carry this token");
/// ```
///
/// [v1 form]: https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle
/// [dated form]: https://learn.microsoft.com/azure/ai-foundry/openai/reference
#[derive(Clone, PartialEq, Eq)]
pub struct Azure {
    endpoint: String,
    api_version: Option<String>,
    deployments: Vec<(ModelId, String)>,
}

impl Azure {
    /// The v1 form, at an endpoint such as `https://RESOURCE.openai.azure.com`.
    ///
    /// The endpoint may end in a slash, in `/openai` or in `/openai/v1`.
    pub fn new(endpoint: impl Into<String>) -> Self {
        Self { endpoint: endpoint.into(), api_version: None, deployments: Vec::new() }
    }

    /// Sets the version to ask for, in each request's `api-version`.
    ///
    /// A date such as `2024-10-21` makes it the dated form; `preview` and `latest` are versions of
    /// the v1 form.
    #[must_use]
    pub fn with_api_version(mut self, api_version: impl Into<String>) -> Self {
        self.api_version = Some(api_version.into());
        self
    }

    /// Sets which deployment requests for a model go to, in the dated form; by default it is the
    /// one that is named as the model.
    #[must_use]
    pub fn with_deployment(
        mut self,
        model: impl Into<ModelId>,
        deployment: impl Into<String>,
    ) -> Self {
        self.deployments.push((model.into(), deployment.into()));
        self
    }

    fn is_dated(&self) -> bool {
        let is_undated = |version: &str| {
            ["preview", "latest"].iter().any(|word| version.eq_ignore_ascii_case(word))
        };
        self.api_version.as_deref().is_some_and(|version| !is_undated(version))
    }

    /// The base URL of all its paths.
    pub(super) fn base_url(&self) -> Result<Url> {
        let hint = "write it like https://RESOURCE.openai.azure.com";
        let mut url = parse_url("Azure endpoint", &self.endpoint, hint)?;
        let pieces: Vec<_> = url.path_segments().into_iter().flatten().collect();
        let known = match pieces[..] {
            [.., "openai", "v1"] => 2,
            [.., "openai"] => 1,
            _ => 0,
        };
        if let Ok(mut segments) = url.path_segments_mut() {
            (0..known).for_each(|_| {
                segments.pop();
            });
            segments.pop_if_empty().push("openai");
            if !self.is_dated() {
                segments.push("v1");
            }
        }
        if let Some(version) = &self.api_version {
            if version.trim().is_empty() {
                return Err(Error::invalid("api-version", "is blank; write it like 2024-10-21"));
            }
            url.query_pairs_mut().append_pair("api-version", version);
        }
        Ok(url)
    }

    /// Where requests go that a model answers, if the form has paths of their own for them.
    pub(super) fn deployments(&self) -> Result<Option<Deployments>> {
        if !self.is_dated() && !self.deployments.is_empty() {
            let problem = "is there for the dated form, and no version is set; in the v1 form name \
                           the deployment as the request's model";
            return Err(Error::invalid("deployment", problem));
        }
        for (_, deployment) in &self.deployments {
            check_name(deployment)?;
        }
        Ok(self.is_dated().then(|| Deployments { by_model: self.deployments.clone() }))
    }
}

impl fmt::Debug for Azure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The endpoint may carry credentials, and it is not parsed yet.
        f.debug_struct("Azure")
            .field("api_version", &self.api_version)
            .field("deployments", &self.deployments)
            .finish_non_exhaustive()
    }
}

/// The deployments of the dated form.
#[derive(Clone)]
pub(super) struct Deployments {
    by_model: Vec<(ModelId, String)>,
}

impl Deployments {
    /// Turns the URL of a request that a model answers into that of the model's deployment.
    pub(super) fn route(
        &self,
        base: &Url,
        url: &mut Url,
        model: impl FnOnce() -> Option<String>,
    ) -> Result<()> {
        let path = url.path().strip_prefix(base.path()).unwrap_or_default();
        let path = path.trim_start_matches('/');
        if !DEPLOYED.contains(&path) {
            return Ok(());
        }
        let Some(model) = model() else {
            let problem = "is missing; Azure needs it to tell the deployment";
            return Err(Error::invalid("model", problem));
        };
        let known = self.by_model.iter().rev().find(|(known, _)| known.as_str() == model);
        let deployment = known.map_or(&model, |(_, deployment)| deployment);
        check_name(deployment)?;
        let mut routed = base.clone();
        if let Ok(mut segments) = routed.path_segments_mut() {
            segments.push("deployments").push(deployment).extend(path.split('/'));
        }
        url.set_path(routed.path());
        Ok(())
    }
}

/// Refuses what would change the path instead of being a piece of it.
fn check_name(deployment: &str) -> Result<()> {
    if matches!(deployment, "" | "." | "..") {
        return Err(Error::invalid("deployment", format!("`{deployment}` is no name")));
    }
    Ok(())
}

/// The model that a body in JSON, or the beginning of one, names.
pub(super) fn model_of(start: &[u8]) -> Option<String> {
    struct Search<'m>(&'m mut Option<String>);

    impl<'de> Visitor<'de> for Search<'_> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a request")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
            while let Some(name) = fields.next_key::<String>()? {
                if name == "model" {
                    *self.0 = Some(fields.next_value()?);
                    break;
                }
                fields.next_value::<IgnoredAny>()?;
            }
            Ok(())
        }
    }

    let mut model = None;
    // It ends in an error where the model is found before the body's end.
    let start = std::str::from_utf8(start).ok()?;
    let _ = serde_json::Deserializer::from_str(start).deserialize_map(Search(&mut model));
    model
}

/// What a model answers, in the dated form.
const DEPLOYED: &[&str] = &[
    "chat/completions",
    "completions",
    "embeddings",
    "audio/transcriptions",
    "audio/translations",
    "audio/speech",
    "images/generations",
    "images/edits",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_is_found_wherever_it_stands() {
        for (body, expected) in [
            (r#"{"model":"m","messages":[]}"#, Some("m")),
            (r#"{"model":"m","messages":[{"content":[{"url":""#, Some("m")),
            (r#"{"messages":[{"model":"x"}],"a":{"model":1},"model":"g\"p"}"#, Some("g\"p")),
            (r#"{"messages":[]}"#, None),
            (r#"{"model":7}"#, None),
            ("", None),
            ("[]", None),
        ] {
            assert_eq!(model_of(body.as_bytes()).as_deref(), expected, "{body}");
        }
    }

    #[track_caller]
    fn check(azure: &Azure, expected: &str) {
        assert_eq!(azure.base_url().unwrap().as_str(), expected);
    }

    #[test]
    fn the_endpoint_is_taken_in_every_form_in_which_it_is_shown() {
        for endpoint in ["https://lake.openai.azure.com", "https://lake.openai.azure.com/openai/"] {
            check(&Azure::new(endpoint), "https://lake.openai.azure.com/openai/v1");
        }
        let gateway = Azure::new("https://h/ai/openai/v1/?tier=2");
        check(&gateway, "https://h/ai/openai/v1?tier=2");
        let preview = gateway.clone().with_api_version("preview");
        check(&preview, "https://h/ai/openai/v1?tier=2&api-version=preview");
        let dated = gateway.with_api_version("2024-10-21");
        check(&dated, "https://h/ai/openai?tier=2&api-version=2024-10-21");
    }

    #[test]
    fn what_cannot_be_used_is_told() {
        let dated = Azure::new("https://h").with_api_version("2024-10-21");
        let problem = |azure: &Azure| match (azure.base_url(), azure.deployments()) {
            (Err(error), _) | (_, Err(error)) => error.to_string(),
            _ => "none".into(),
        };
        expect_test::expect![[r#"
            Azure endpoint: relative URL without a base; write it like https://RESOURCE.openai.azure.com
            api-version: is blank; write it like 2024-10-21
            deployment: is there for the dated form, and no version is set; in the v1 form name the deployment as the request's model
            deployment: `..` is no name"#]]
        .assert_eq(
            &[
                problem(&Azure::new("lake")),
                problem(&Azure::new("https://h").with_api_version(" ")),
                problem(&Azure::new("https://h").with_deployment("m", "d")),
                problem(&dated.with_deployment("m", "..")),
            ]
            .join("\n"),
        );
    }
}
