//! From a schema that schemars makes to one that servers keep to strictly.
//!
//! The rules are those of OpenAI's guide to structured outputs, "Supported schemas", and of its
//! API's errors where the guide is silent: `oneOf` and `default` are not permitted, a `$ref` may
//! have nothing beside it, and objects of one `anyOf` must not share their first key.

use std::fmt;

use serde_json::{Map, Value};

type Node = Map<String, Value>;

/// What strict schemas cannot tell, and where.
#[derive(Debug)]
pub(super) struct Fault {
    path: String,
    problem: Problem,
}

#[derive(Debug)]
enum Problem {
    NoStruct,
    AnyJson,
    FreeKeys,
    Tuple,
    Conflict(String),
    Keyword(String),
    Reference(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str("a strict schema ")?;
        match &self.problem {
            Problem::NoStruct => {
                f.write_str("must be a struct's; put the type into a field of one")
            }
            Problem::AnyJson => f.write_str("cannot allow just any JSON; use a type, or a text"),
            Problem::FreeKeys => {
                f.write_str("cannot have keys that are not known; use a list of structs for a map")
            }
            Problem::Tuple => f.write_str("has no tuples; use a struct"),
            Problem::Conflict(key) => {
                write!(
                    f,
                    "cannot hold two different `{key}` in one place; look at what is flattened"
                )
            }
            Problem::Keyword(key) => write!(f, "has no `{key}`"),
            Problem::Reference(reference) => write!(f, "cannot refer to `{reference}`"),
        }
    }
}

/// Makes a schema strict.
pub(super) fn strict(root: &Value) -> Result<Node, Fault> {
    let mut strict =
        Strict { root, path: Vec::new(), expanding: Vec::new(), references: Vec::new() };
    let mut schema = root.as_object().cloned().unwrap_or_default();
    schema.shift_remove(DEFS);
    // The root of a recursive type may itself be a reference.
    if let Some(reference) = schema.get(REF).and_then(Value::as_str).map(str::to_owned) {
        schema = strict.resolve(&reference)?;
    }
    let mut schema = strict.node(schema)?;
    if schema.get(TYPE).is_none_or(|of| of != OBJECT) {
        return Err(strict.fault(Problem::NoStruct));
    }
    let mut defs = Node::new();
    while let Some(reference) = strict.references.pop() {
        let Some(name) = reference.strip_prefix(DEFS_PATH) else { continue };
        if !defs.contains_key(name) {
            // A type that refers to itself must find its name taken.
            defs.insert(name.to_owned(), Value::Null);
            let definition = strict.resolve(&reference)?;
            strict.path.push(name.to_owned());
            let definition = strict.node(definition)?;
            strict.path.pop();
            defs.insert(name.to_owned(), definition.into());
        }
    }
    if !defs.is_empty() {
        schema.insert(DEFS.to_owned(), defs.into());
    }
    Ok(schema)
}

/// Takes out of a strict schema what OpenAI's fine-tuned models refuse.
pub(super) fn remove_constraints(schema: &mut Value) {
    let Value::Object(node) = schema else { return };
    node.retain(|key, _| key != FORMAT && !CONSTRAINTS.contains(&key.as_str()));
    for (key, value) in node {
        match (key.as_str(), value) {
            (PROPERTIES | DEFS, Value::Object(named)) => {
                named.values_mut().for_each(remove_constraints);
            }
            (ANY_OF, Value::Array(branches)) => branches.iter_mut().for_each(remove_constraints),
            (ITEMS, items) => remove_constraints(items),
            _ => {}
        }
    }
}

struct Strict<'s> {
    root: &'s Value,
    /// Where in the type, for errors.
    path: Vec<String>,
    /// The references that are being written out in place.
    expanding: Vec<String>,
    /// Those that are left, whose definitions are needed.
    references: Vec<String>,
}

impl Strict<'_> {
    fn node(&mut self, mut node: Node) -> Result<Node, Fault> {
        node.retain(|key, _| !LEFT_OUT.contains(&key.as_str()));
        if let Some(Value::Array(parts)) = node.shift_remove("allOf") {
            for part in parts {
                let part = self.object(part)?;
                self.merge(&mut node, part)?;
            }
            return self.node(node);
        }
        if let Some(Value::String(reference)) = node.shift_remove(REF) {
            return self.reference(reference, node);
        }
        let (any_of, one_of) = (node.shift_remove(ANY_OF), node.shift_remove("oneOf"));
        match any_of.or(one_of) {
            Some(Value::Array(branches)) => self.union(branches, node),
            _ => self.plain(node),
        }
    }

    /// A reference, or what it refers to where something stands beside it.
    fn reference(&mut self, reference: String, mut beside: Node) -> Result<Node, Fault> {
        let recursive = self.expanding.contains(&reference);
        if beside.is_empty() || (recursive && beside.keys().eq([DESCRIPTION])) {
            self.references.push(reference.clone());
            return Ok(Node::from_iter([(REF.to_owned(), reference.into())]));
        }
        if recursive {
            return Err(self.fault(Problem::Reference(reference)));
        }
        let target = self.resolve(&reference)?;
        self.merge(&mut beside, target)?;
        self.expanding.push(reference);
        let node = self.node(beside);
        self.expanding.pop();
        node
    }

    /// One of several; what stands beside them goes into each.
    fn union(&mut self, branches: Vec<Value>, mut beside: Node) -> Result<Node, Fault> {
        let description = beside.shift_remove(DESCRIPTION);
        if beside.get(TYPE).is_some_and(|of| of == OBJECT) && !beside.contains_key(PROPERTIES) {
            beside.shift_remove(TYPE);
        }
        let mut strict = Vec::with_capacity(branches.len());
        for branch in branches {
            let mut branch = self.object(branch)?;
            // Behind the branch's own fields, for those tell it from the others.
            self.merge(&mut branch, beside.clone())?;
            strict.push(Value::Object(self.node(branch)?));
        }
        let mut node = Node::new();
        if let Some(description) = description {
            node.insert(DESCRIPTION.to_owned(), description);
        }
        node.insert(ANY_OF.to_owned(), strict.into());
        Ok(node)
    }

    fn plain(&mut self, node: Node) -> Result<Node, Fault> {
        if ![TYPE, "enum", "const"].iter().any(|key| node.contains_key(*key)) {
            return Err(self.fault(Problem::AnyJson));
        }
        let is = |of: &str| match node.get(TYPE) {
            Some(Value::Array(types)) => types.iter().any(|known| known == of),
            Some(known) => known == of,
            None => false,
        };
        let (is_object, is_array) = (is(OBJECT), is("array"));
        let mut strict = Node::new();
        let mut properties = Node::new();
        for (key, value) in node {
            match key.as_str() {
                TYPE | DESCRIPTION | "enum" | "const" => {}
                FORMAT if !value.as_str().is_some_and(|format| FORMATS.contains(&format)) => {
                    continue;
                }
                FORMAT => {}
                key if CONSTRAINTS.contains(&key) => {}
                PROPERTIES => {
                    let Value::Object(named) = value else { continue };
                    for (name, property) in named {
                        self.path.push(name.clone());
                        let property = self.object(property)?;
                        properties.insert(name, self.node(property)?.into());
                        self.path.pop();
                    }
                    continue;
                }
                ITEMS => {
                    self.path.push("[]".to_owned());
                    let items = self.object(value)?;
                    strict.insert(key, self.node(items)?.into());
                    self.path.pop();
                    continue;
                }
                REQUIRED => continue,
                "additionalProperties" if value == false => continue,
                "additionalProperties" | "patternProperties" => {
                    return Err(self.fault(Problem::FreeKeys));
                }
                "prefixItems" => return Err(self.fault(Problem::Tuple)),
                _ => return Err(self.fault(Problem::Keyword(key))),
            }
            strict.insert(key, value);
        }
        if is_array && !strict.contains_key(ITEMS) {
            return Err(self.fault(Problem::AnyJson));
        }
        if is_object {
            let names: Vec<_> = properties.keys().cloned().collect();
            strict.insert(PROPERTIES.to_owned(), properties.into());
            strict.insert(REQUIRED.to_owned(), names.into());
            strict.insert("additionalProperties".to_owned(), false.into());
        }
        Ok(strict)
    }

    /// Adds what a value must also fit.
    fn merge(&self, into: &mut Node, other: Node) -> Result<(), Fault> {
        for (key, value) in other {
            if LEFT_OUT.contains(&key.as_str()) || key == REQUIRED {
                continue;
            }
            match (into.get_mut(&key), value) {
                (None, value) => {
                    into.insert(key, value);
                }
                (Some(Value::Object(named)), Value::Object(more)) if key == PROPERTIES => {
                    for (name, property) in more {
                        match named.get(&name) {
                            Some(known) if *known != property => {
                                return Err(self.fault(Problem::Conflict(name)));
                            }
                            Some(_) => {}
                            None => {
                                named.insert(name, property);
                            }
                        }
                    }
                }
                (Some(known), value) if *known == value || key == DESCRIPTION => {}
                _ => return Err(self.fault(Problem::Conflict(key))),
            }
        }
        Ok(())
    }

    fn object(&self, schema: Value) -> Result<Node, Fault> {
        match schema {
            Value::Object(node) => Ok(node),
            _ => Err(self.fault(Problem::AnyJson)),
        }
    }

    fn resolve(&self, reference: &str) -> Result<Node, Fault> {
        let found = reference.strip_prefix('#').and_then(|path| self.root.pointer(path));
        let mut node = found
            .and_then(Value::as_object)
            .cloned()
            .ok_or_else(|| self.fault(Problem::Reference(reference.to_owned())))?;
        node.shift_remove(DEFS);
        Ok(node)
    }

    fn fault(&self, problem: Problem) -> Fault {
        Fault { path: self.path.join("."), problem }
    }
}

const TYPE: &str = "type";
const OBJECT: &str = "object";
const PROPERTIES: &str = "properties";
const REQUIRED: &str = "required";
const ITEMS: &str = "items";
const ANY_OF: &str = "anyOf";
const REF: &str = "$ref";
const DEFS: &str = "$defs";
const DEFS_PATH: &str = "#/$defs/";
const DESCRIPTION: &str = "description";
const FORMAT: &str = "format";
/// Keywords that servers may not know and that change nothing, or only what Rust looks after.
const LEFT_OUT: &[&str] = &[
    "$schema",
    "$id",
    "$comment",
    "title",
    "default",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
    "minLength",
    "maxLength",
    "uniqueItems",
    "contentEncoding",
    "contentMediaType",
    "unevaluatedProperties",
];
/// Keywords that all but fine-tuned models keep to.
const CONSTRAINTS: &[&str] = &[
    "pattern",
    "multipleOf",
    "minimum",
    "exclusiveMinimum",
    "maximum",
    "exclusiveMaximum",
    "minItems",
    "maxItems",
];
const FORMATS: &[&str] =
    &["date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(schema: Value, expected: Result<Value, &str>) {
        let strict = strict(&schema).map(Value::Object).map_err(|fault| fault.to_string());
        assert_eq!(strict, expected.map_err(str::to_owned));
    }

    #[test]
    fn what_all_of_asks_is_put_together() {
        let closed = json!({
            "type": "object",
            "properties": {"a": {"type": "string"}, "b": {"type": "null"}},
            "required": ["a", "b"],
            "additionalProperties": false,
        });
        let part =
            |name: &str, of: &str| json!({"type": "object", "properties": {name: {"type": of}}});
        check(json!({"allOf": [part("a", "string"), part("b", "null")]}), Ok(closed));
        check(
            json!({"allOf": [part("a", "string"), part("a", "null")]}),
            Err("a strict schema cannot hold two different `a` in one place; look at what is \
                 flattened"),
        );
    }

    #[test]
    fn what_strict_schemas_have_no_word_for_is_told_with_its_place() {
        let within = |schema: Value| json!({"type": "object", "properties": {"a": schema}});
        check(within(json!({"not": {}, "type": "null"})), Err("a: a strict schema has no `not`"));
        check(
            within(json!({"type": "array", "items": {}})),
            Err("a.[]: a strict schema cannot allow just any JSON; use a type, or a text"),
        );
        check(
            within(json!({"$ref": "elsewhere.json", "description": "d"})),
            Err("a: a strict schema cannot refer to `elsewhere.json`"),
        );
        check(
            json!({"anyOf": [{"type": "null"}]}),
            Err("a strict schema must be a struct's; put the type into a field of one"),
        );
    }

    proptest::proptest! {
        #[test]
        fn no_schema_makes_it_panic(
            keys in proptest::collection::vec(proptest::sample::select(KEYS), 0..6),
            values in proptest::collection::vec(proptest::sample::select(VALUES), 6),
        ) {
            let inner: Node = keys
                .iter()
                .zip(&values)
                .map(|(key, value)| ((*key).to_owned(), serde_json::from_str(value).unwrap()))
                .collect();
            let _ = strict(&inner.clone().into());
            let outer = json!({
                "type": "object",
                "properties": {"p": inner},
                "$defs": {"D": inner},
            });
            let _ = strict(&outer);
        }
    }

    const KEYS: &[&str] = &[
        "type",
        "properties",
        "items",
        "anyOf",
        "oneOf",
        "allOf",
        "$ref",
        "$defs",
        "required",
        "additionalProperties",
        "description",
        "enum",
        "const",
        "format",
        "prefixItems",
    ];
    const VALUES: &[&str] = &[
        "null",
        "true",
        "1",
        "[]",
        "{}",
        r#""object""#,
        r#""array""#,
        r##""#""##,
        r##""#/$defs/D""##,
        r#"["object","null"]"#,
        r##"[{"$ref":"#/$defs/D"},{"type":"null"}]"##,
        r#"{"a":{"type":"object"}}"#,
        r##"{"$ref":"#","description":"d"}"##,
        r##"{"a":{"$ref":"#/$defs/D","description":"d"}}"##,
    ];
}
