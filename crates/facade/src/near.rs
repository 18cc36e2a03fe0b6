//! Names that were probably meant.

use openai_api::{Model, ModelId};

/// The ids nearest to `wanted`, nearest first, at most [`MOST`], and none that is far off.
pub(crate) fn near_names(wanted: &ModelId, models: &[Model]) -> Vec<ModelId> {
    let mut scored: Vec<(f64, &ModelId)> = models
        .iter()
        .map(|model| (strsim::jaro_winkler(wanted.as_str(), model.id.as_str()), &model.id))
        .filter(|(score, _)| *score >= LEAST)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    scored.into_iter().take(MOST).map(|(_, id)| id.clone()).collect()
}

const MOST: usize = 3;
/// Below this Jaro–Winkler similarity two names have little in common.
const LEAST: f64 = 0.7;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_finds_the_name_that_was_meant() {
        let models = ["attune-tiny", "gpt-4o-mini", "whisper-1"].map(Model::new);
        assert_eq!(near_names(&"atune-tiny".into(), &models), ["attune-tiny"]);
        assert_eq!(near_names(&"gpt-4o-mni".into(), &models)[0], "gpt-4o-mini");
        assert_eq!(near_names(&"zzz".into(), &models), [] as [ModelId; 0]);
    }
}
