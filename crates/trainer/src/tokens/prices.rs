//! What training costs.

use serde::{Deserialize, Serialize};

use super::model_name::is_listed_as;

/// What it costs to train models, and to ask the models that come of it.
///
/// [`PriceTable::openai`] is what OpenAI's page said when it was last read; prices change, so each
/// has its source and the day. A table of one's own, in the same shape, goes before it:
///
/// ```
/// use trainer::tokens::PriceTable;
///
/// let mine: PriceTable = serde_json::from_str(
///     r#"{"prices": [{"model": "gpt-4o-2024-08-06", "training": {"per_million_tokens": 20.0},
///         "source": "our contract", "read": "2026-11-22"}]}"#,
/// )?;
/// let prices = PriceTable::openai().overridden_by(mine);
/// assert_eq!(prices.of_model("gpt-4o").unwrap().training_cost(2_000_000, 3), Some(120.0));
/// let mini = prices.of_model("ft:gpt-4o-mini-2024-07-18:acme::abc").unwrap();
/// assert_eq!(mini.training_cost(1_000_000, 3), Some(9.0));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PriceTable {
    /// A price for each model; of several, the first counts.
    pub prices: Vec<ModelPrice>,
}

/// What it costs to train a model, and to ask what comes of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ModelPrice {
    /// The model that is trained.
    pub model: String,
    /// What its training costs.
    pub training: TrainingPrice,
    /// A million tokens sent to the trained model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<f64>,
    /// A million tokens that the server had in its cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_input: Option<f64>,
    /// A million tokens that the trained model writes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<f64>,
    /// What the prices are in, US dollars unless set.
    #[serde(default = "usd")]
    pub currency: String,
    /// Where the prices are from.
    pub source: String,
    /// When they were read there, as `YYYY-MM-DD`.
    pub read: String,
}

/// What training is paid by.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TrainingPrice {
    /// A million tokens, each as often as it is trained on.
    PerMillionTokens(f64),
    /// An hour of training.
    PerHour(f64),
}

impl PriceTable {
    /// What OpenAI asks at its standard tier, without the discount for shared data.
    ///
    /// Read in a stored copy of OpenAI's page, which is from after 2026-07-30, since it tells of
    /// a change on that day.
    #[must_use]
    pub fn openai() -> Self {
        openai()
    }

    /// Puts the prices of another table before these.
    #[must_use]
    pub fn overridden_by(mut self, mut first: Self) -> Self {
        first.prices.append(&mut self.prices);
        first
    }

    /// The price of a model, by its name or by that of a model tuned from it (`ft:…`); `None` if
    /// the table has none. A name may leave out the version that it has in the table.
    #[must_use]
    pub fn of_model(&self, model: &str) -> Option<&ModelPrice> {
        self.prices.iter().find(|price| is_listed_as(model, &price.model))
    }
}

impl ModelPrice {
    /// What it costs to train a model, in US dollars, and where and when that was read.
    #[must_use]
    pub fn new(
        model: impl Into<String>,
        training: TrainingPrice,
        source: impl Into<String>,
        read: impl Into<String>,
    ) -> Self {
        Self {
            model: model.into(),
            training,
            input: None,
            cached_input: None,
            output: None,
            currency: usd(),
            source: source.into(),
            read: read.into(),
        }
    }

    /// What it costs to train on so many tokens, so many times over, in [`currency`](Self::currency);
    /// `None` if it is paid by the hour.
    #[must_use]
    pub fn training_cost(&self, tokens: u64, epochs: u32) -> Option<f64> {
        match self.training {
            TrainingPrice::PerMillionTokens(price) => {
                Some(tokens as f64 * f64::from(epochs) * price / 1e6)
            }
            TrainingPrice::PerHour(_) => None,
        }
    }
}

#[expect(clippy::expect_used, reason = "it is compiled in, and a test reads it")]
fn openai() -> PriceTable {
    serde_json::from_str(include_str!("prices.json")).expect("the table is whole")
}

fn usd() -> String {
    "USD".to_owned()
}

#[cfg(test)]
mod tests {
    use super::{PriceTable, TrainingPrice};

    #[test]
    fn each_price_says_where_it_is_from_and_when() {
        let table = PriceTable::openai();
        assert_eq!(table.prices.len(), 9);
        for price in &table.prices {
            assert!(price.source.starts_with("https://"), "{}", price.model);
            assert_eq!(price.read.len(), "2026-11-22".len(), "{}", price.model);
            assert_eq!(price.currency, "USD");
            assert!(price.input.is_some() && price.output.is_some());
        }
    }

    #[test]
    fn a_model_is_found_by_its_name_and_by_what_was_tuned_from_it() {
        let table = PriceTable::openai();
        let training = |model| table.of_model(model).map(|price| price.training);
        let dollars = |price| Some(TrainingPrice::PerMillionTokens(price));
        assert_eq!(training("gpt-4.1-mini-2025-04-14"), dollars(5.0));
        assert_eq!(training("ft:gpt-4.1-nano-2025-04-14:acme::abc"), dollars(1.5));
        assert_eq!(training("gpt-3.5-turbo-0125"), dollars(8.0));
        assert_eq!(training("gpt-4o-2024-05-13"), None);
        assert_eq!(training("llama-3"), None);
        assert_eq!(training("o4-mini"), Some(TrainingPrice::PerHour(100.0)));
        assert_eq!(table.of_model("o4-mini").unwrap().training_cost(1_000_000, 1), None);
    }

    #[test]
    fn a_table_survives_its_json() {
        let table = PriceTable::openai();
        let json = serde_json::to_string(&table).unwrap();
        assert_eq!(serde_json::from_str::<PriceTable>(&json).unwrap(), table);
    }
}
