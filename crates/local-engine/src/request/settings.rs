//! Reading a request's settings: how tokens are chosen, and what would change the answer.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use openai_api::ChatRequest;
use serde_json::Value;

use crate::error::Result;
use crate::generate::Sampling;
use crate::model::Habits;
#[cfg(feature = "json")]
use crate::request::form;
use crate::request::refuse;
use crate::sample::Choosing;
use crate::tools::Offer;

/// What a request says of how it is answered.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Settings {
    /// How many answers there are to be.
    pub(crate) answers: u32,
    /// The tools that they may call.
    pub(crate) offer: Option<Offer>,
    /// The schema of the JSON that they are to be.
    #[cfg(feature = "json")]
    pub(crate) schema: Option<Value>,
    temperature: Option<f32>,
    top_p: Option<f32>,
    /// The rest, with the temperature and the `top_p` of nobody's habits.
    sampling: Sampling,
}

impl Settings {
    /// Reads them, and refuses those that are out of their ranges or that the engine cannot keep.
    pub(super) fn read(request: &ChatRequest) -> Result<Self> {
        let within =
            |value: Option<f32>, most: f32| value.is_none_or(|v| (0.0..=most).contains(&v));
        if !within(request.temperature, 2.0) {
            return refuse("temperature", "must be 0 to 2");
        }
        if !within(request.top_p, 1.0) {
            return refuse("top_p", "must be 0 to 1");
        }
        if request.token_limit() == Some(0) {
            return refuse("max_tokens", "must be at least 1");
        }
        for (field, plain) in CHANGES_THE_ANSWER {
            if let Some(value) = setting(request, field)
                && !value.is_null()
                && !plain.iter().any(|plain| same(&value, plain))
            {
                return refuse(*field, "local models do not offer this; leave it out");
            }
        }
        let answers = whole(request, "n", 1..=128, "a whole number from 1 to 128")?;
        let sampling = Sampling {
            choosing: choosing(request)?,
            limit: request.token_limit().map(|limit| limit as usize),
            stop: request.stop.iter().filter(|stop| !stop.is_empty()).cloned().collect(),
            shown: Vec::new(),
        };
        Ok(Self {
            answers: answers.unwrap_or(1) as u32,
            offer: Offer::read(request)?,
            #[cfg(feature = "json")]
            schema: form::schema(request)?,
            temperature: request.temperature,
            top_p: request.top_p,
            sampling,
        })
    }

    /// How tokens are chosen: by the model's habits where the request does not say.
    pub(crate) fn sampling(&self, habits: &Habits) -> Sampling {
        let mut sampling = self.sampling.clone();
        sampling.choosing.temperature = self.temperature.unwrap_or(habits.temperature);
        sampling.choosing.top_p = self.top_p.unwrap_or(habits.top_p);
        sampling
    }
}

/// All of it but the temperature and the `top_p`.
fn choosing(request: &ChatRequest) -> Result<Choosing> {
    let read = |field, range, wanted| number(request, field, range, wanted);
    let penalty = |field| read(field, -2.0..=2.0, "a number from -2 to 2");
    let others = whole(request, "top_logprobs", 0..=20, "a whole number from 0 to 20")?;
    let is_told = match setting(request, "logprobs").as_deref() {
        None | Some(Value::Null) => false,
        Some(Value::Bool(told)) => *told,
        Some(_) => return refuse("logprobs", "must be true or false"),
    };
    if others.is_some_and(|others| others > 0) && !is_told {
        return refuse("top_logprobs", "goes with logprobs, which is not set");
    }
    let top_k = whole(request, "top_k", -1..=1 << 20, "a whole number; 0 and -1 are all")?;
    let repetition = read("repetition_penalty", 0.01..=100.0, "a number above 0; 1 is none")?;
    Ok(Choosing {
        top_k: top_k.map_or(0, |top_k| top_k.max(0) as usize),
        min_p: read("min_p", 0.0..=1.0, "a number from 0 to 1")?.unwrap_or(0.0) as f32,
        repetition_penalty: repetition.unwrap_or(1.0) as f32,
        presence_penalty: penalty("presence_penalty")?.unwrap_or(0.0) as f32,
        frequency_penalty: penalty("frequency_penalty")?.unwrap_or(0.0) as f32,
        bias: bias(request)?,
        seed: request.seed.map(i64::cast_unsigned),
        told: is_told.then(|| others.unwrap_or(0) as usize),
        ..Choosing::greedy()
    })
}

/// What the request says of a field that holds a number.
fn number(
    request: &ChatRequest,
    field: &str,
    range: RangeInclusive<f64>,
    wanted: &str,
) -> Result<Option<f64>> {
    let Some(value) = setting(request, field).filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    match value.as_f64().filter(|number| range.contains(number)) {
        Some(number) => Ok(Some(number)),
        None => refuse(field, format!("must be {wanted}")),
    }
}

/// What it says of one that holds a whole number, be it written as a float.
fn whole(
    request: &ChatRequest,
    field: &str,
    range: RangeInclusive<i32>,
    wanted: &str,
) -> Result<Option<i32>> {
    let range = f64::from(*range.start())..=f64::from(*range.end());
    match number(request, field, range, wanted)? {
        Some(number) if number.fract() != 0.0 => refuse(field, format!("must be {wanted}")),
        number => Ok(number.map(|number| number as i32)),
    }
}

/// What is added to the logits of tokens, by their ids.
fn bias(request: &ChatRequest) -> Result<Vec<(u32, f32)>> {
    let wanted = "must map ids of tokens to numbers from -100 to 100";
    let Some(value) = setting(request, "logit_bias").filter(|value| !value.is_null()) else {
        return Ok(Vec::new());
    };
    let read = |(token, bias): (&String, &Value)| {
        let bias = bias.as_f64().filter(|bias| (-100.0..=100.0).contains(bias))?;
        Some((token.parse().ok()?, bias as f32))
    };
    let biases = value.as_object().map(|map| map.iter().map(read).collect::<Option<_>>());
    biases.flatten().map_or_else(|| refuse("logit_bias", wanted), Ok)
}

/// What the request says of a field, be it in its place or among the unknown ones.
fn setting<'r>(request: &'r ChatRequest, field: &str) -> Option<Cow<'r, Value>> {
    let owned = |value: Option<Value>| value.map(Cow::Owned);
    let known = match field {
        "n" => owned(request.n.map(Value::from)),
        "logprobs" => owned(request.logprobs.map(Value::from)),
        "top_logprobs" => owned(request.top_logprobs.map(Value::from)),
        "presence_penalty" => owned(request.presence_penalty.map(Value::from)),
        "frequency_penalty" => owned(request.frequency_penalty.map(Value::from)),
        _ => None,
    };
    known.or_else(|| request.extra.get(field).map(Cow::Borrowed))
}

fn same(value: &Value, plain: &str) -> bool {
    match value {
        Value::String(text) => text == plain,
        Value::Number(number) => number.as_f64() == plain.parse().ok(),
        other => {
            let text = other.to_string();
            text == plain
        }
    }
}

/// Fields that would change the answer, with the values that ask for nothing new.
const CHANGES_THE_ANSWER: &[(&str, &[&str])] = &[
    ("functions", &["[]"]),
    ("function_call", &["none", "auto"]),
    ("modalities", &[r#"["text"]"#]),
    ("audio", &[]),
    ("web_search_options", &[]),
    ("guided_json", &[]),
    ("guided_regex", &[]),
    ("guided_grammar", &[]),
    ("guided_choice", &[]),
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::request::tests::{param, request};

    #[test]
    fn what_would_change_the_answer_is_refused_by_name() {
        let choice = request().with_tool_choice("required");
        assert_eq!(param(&choice).as_deref(), Some("tool_choice"));
        let functions = json!([{"name": "f"}]);
        assert_eq!(param(&with("functions", &functions)).as_deref(), Some("functions"));
        assert_eq!(param(&request().with_temperature(2.5)).as_deref(), Some("temperature"));
        assert_eq!(param(&request().with_top_p(f32::NAN)).as_deref(), Some("top_p"));
        assert_eq!(param(&request().with_max_tokens(0)).as_deref(), Some("max_tokens"));
    }

    #[test]
    fn what_asks_for_nothing_new_passes() {
        for (field, value) in [("modalities", json!(["text"])), ("user", json!("someone"))] {
            assert_eq!(param(&with(field, &value)), None, "{field}");
        }
    }

    #[test]
    fn settings_are_read_from_their_place_or_from_beside_it() {
        let habits = Habits { temperature: 0.0, top_p: 1.0, end: Vec::new() };
        let mut request = request().with_presence_penalty(0.5).with_logprobs(3).with_n(2);
        for (field, value) in [
            ("top_k", json!(40)),
            ("min_p", json!(0.05)),
            ("repetition_penalty", json!(1.1)),
            ("frequency_penalty", json!(-1)),
            ("logit_bias", json!({"7": -100})),
        ] {
            request.extra.insert(field.to_owned(), value);
        }
        let settings = Settings::read(&request).unwrap();
        let expected = Choosing {
            top_k: 40,
            min_p: 0.05,
            repetition_penalty: 1.1,
            presence_penalty: 0.5,
            frequency_penalty: -1.0,
            bias: vec![(7, -100.0)],
            told: Some(3),
            ..Choosing::greedy()
        };
        assert_eq!(settings.sampling(&habits).choosing, expected);
        assert_eq!(settings.answers, 2);
    }

    #[test]
    fn a_setting_out_of_its_range_is_refused_by_name() {
        for (field, value) in [
            ("n", json!(0)),
            ("n", json!(1.5)),
            ("top_k", json!(-2)),
            ("min_p", json!(2)),
            ("presence_penalty", json!("much")),
            ("frequency_penalty", json!(2.5)),
            ("repetition_penalty", json!(0)),
            ("logit_bias", json!({"a": 1})),
            ("logit_bias", json!({"1": 101})),
            ("logit_bias", json!([])),
            ("top_logprobs", json!(3)),
            ("logprobs", json!(3)),
        ] {
            assert_eq!(param(&with(field, &value)).as_deref(), Some(field), "{value}");
        }
        let mut request = request().with_logprobs(0);
        request.top_logprobs = Some(21);
        assert_eq!(param(&request).as_deref(), Some("top_logprobs"));
    }

    fn with(field: &str, value: &Value) -> ChatRequest {
        let mut request = request();
        request.extra.insert(field.to_owned(), value.clone());
        request
    }
}
