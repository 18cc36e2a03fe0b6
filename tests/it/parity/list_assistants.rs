use facade::Error;

use crate::support::{embedded, example};

#[tokio::test]
async fn names_come_from_a_catalogue_whose_path_can_be_set() {
    let (_home, builder) = embedded();
    let model = builder.assistants_file(example("assistants.json")).build().unwrap();
    assert_eq!(model.assistants().unwrap().names(), ["Lake Guide", "Code Assistant", "Editor"]);
}

#[tokio::test]
async fn a_malformed_entry_is_an_error_with_file_line_and_field() {
    let (home, builder) = embedded();
    let file = home.path().join("assistants.json");
    std::fs::write(&file, "[\n{\"name\": \"A\", \"id\": \"asst_1\"},\n{\"name\": \"B\"}]").unwrap();
    let error = builder.assistants_file(&file).build().unwrap().assistants().unwrap_err();
    let Error::Catalogue { path, line, field, .. } = error else { panic!("{error:?}") };
    assert_eq!((path, line, field), (file, 3, Some("id")));
}
