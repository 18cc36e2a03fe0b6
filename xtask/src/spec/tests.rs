use serde_json::{Value, json};

use super::{Extract, bare};

#[test]
fn prose_goes_and_names_that_look_like_it_stay() {
    let node = json!({
        "description": "prose",
        "properties": {"description": {"type": "string", "description": "prose"}},
        "default": {"description": "data"},
        "x-oaiMeta": {"example": "{}"},
        "responses": {"200": {"description": "prose"}},
    });
    let expected = json!({
        "properties": {"description": {"type": "string"}},
        "default": {"description": "data"},
        "responses": {"200": {"description": ""}},
    });
    assert_eq!(bare(&node), expected);
}

#[test]
fn the_extract_has_what_it_refers_to_and_nothing_else() {
    let whole = json!({
        "openapi": "3.1.0",
        "paths": {
            "/models": {"get": {"a": {"$ref": "#/components/schemas/A"}}},
            "/models?beta=true": {"get": {}},
            "/skills": {"get": {"c": {"$ref": "#/components/schemas/C"}}},
        },
        "webhooks": {"done": {"post": {"mapping": {"d": "#/components/schemas/D"}}}},
        "components": {"schemas": {
            "A": {"items": {"$ref": "#/components/schemas/B"}},
            "B": {"items": {"$ref": "#/components/schemas/A"}},
            "C": {},
            "D": {},
        }},
    });
    let extract = Extract::of(&whole).unwrap();
    assert_eq!(extract.schemas().collect::<Vec<_>>(), ["A", "B", "D"]);
    assert_eq!(extract.paths.keys().collect::<Vec<_>>(), ["/models"]);
    let written: Value = serde_json::from_str(&extract.to_text()).unwrap();
    assert_eq!(written["components"]["schemas"]["D"], json!({}));
    assert_eq!(written["openapi"], "3.1.0");
}
