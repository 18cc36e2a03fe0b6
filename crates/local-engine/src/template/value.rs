//! The values of templates, as Python has them.

use std::cell::{Cell, RefCell};
use std::cmp::Ordering;
use std::rc::Rc;

use crate::template::budget::{Budget, Fault, Outcome, misuse};

#[derive(Clone)]
pub(super) enum Value {
    Undefined,
    None,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(Rc<str>),
    List(Rc<List>),
    Dict(Rc<Dict>),
    /// What `namespace()` makes: the only value that a template can change.
    Space(Rc<RefCell<Fields>>),
    /// `loop`, in the body of a loop.
    Loop(Rc<Loop>),
    /// The number of a macro.
    Macro(usize),
    /// A function or a method, by its name.
    Function(&'static str),
}

pub(super) type Fields = Vec<(Rc<str>, Value)>;

/// A list, or a tuple.
pub(super) struct List {
    pub(super) items: Vec<Value>,
    pub(super) tuple: bool,
    depth: usize,
}

/// Keys and values in the order in which they came.
pub(super) struct Dict {
    pub(super) entries: Vec<(Value, Value)>,
    depth: usize,
}

pub(super) struct Loop {
    pub(super) items: Vec<Value>,
    pub(super) at: Cell<usize>,
}

impl Value {
    /// A list; its memory must be paid for already.
    pub(super) fn list(items: Vec<Self>) -> Outcome<Self> {
        let depth = deepest(items.iter())?;
        Ok(Self::List(Rc::new(List { items, tuple: false, depth })))
    }

    pub(super) fn tuple(items: Vec<Self>) -> Outcome<Self> {
        let depth = deepest(items.iter())?;
        Ok(Self::List(Rc::new(List { items, tuple: true, depth })))
    }

    /// A dictionary; its memory must be paid for, and its keys must differ.
    pub(super) fn dict(entries: Vec<(Self, Self)>) -> Outcome<Self> {
        let depth = deepest(entries.iter().flat_map(|(key, value)| [key, value]))?;
        Ok(Self::Dict(Rc::new(Dict { entries, depth })))
    }

    /// How many lists and dictionaries it holds inside each other.
    ///
    /// # Errors
    ///
    /// [`Fault`] if it can change: such values lie in variables only, so that there are no rings.
    pub(super) fn depth(&self) -> Outcome<usize> {
        match self {
            Self::List(list) => Ok(list.depth),
            Self::Dict(dict) => Ok(dict.depth),
            Self::Space(_) | Self::Loop(_) => {
                misuse("keeps a namespace or a loop in another value")
            }
            _ => Ok(0),
        }
    }

    pub(super) fn from_json(json: &serde_json::Value) -> Outcome<Self> {
        match json {
            serde_json::Value::Null => Ok(Self::None),
            serde_json::Value::Bool(bool) => Ok(Self::Bool(*bool)),
            serde_json::Value::Number(number) => {
                Ok(match (number.as_i64(), number.as_u64(), number.as_f64()) {
                    (Some(int), ..) => Self::Int(int.into()),
                    (_, Some(int), _) => Self::Int(int.into()),
                    (.., float) => Self::Float(float.unwrap_or(f64::NAN)),
                })
            }
            serde_json::Value::String(text) => Ok(Self::Text(text.as_str().into())),
            serde_json::Value::Array(items) => {
                Self::list(items.iter().map(Self::from_json).collect::<Outcome<_>>()?)
            }
            serde_json::Value::Object(fields) => {
                let entries = fields.iter().map(|(key, value)| {
                    Ok((Self::Text(key.as_str().into()), Self::from_json(value)?))
                });
                Self::dict(entries.collect::<Outcome<_>>()?)
            }
        }
    }

    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::Undefined | Self::None => false,
            Self::Bool(bool) => *bool,
            Self::Int(int) => *int != 0,
            Self::Float(float) => *float != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::List(list) => !list.items.is_empty(),
            Self::Dict(dict) => !dict.entries.is_empty(),
            Self::Space(_) | Self::Loop(_) | Self::Macro(_) | Self::Function(_) => true,
        }
    }

    /// What Python calls its type.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Undefined => "undefined",
            Self::None => "None",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float",
            Self::Text(_) => "str",
            Self::List(list) if list.tuple => "tuple",
            Self::List(_) => "list",
            Self::Dict(_) => "dict",
            Self::Space(_) => "namespace",
            Self::Loop(_) => "loop",
            Self::Macro(_) => "macro",
            Self::Function(_) => "function",
        }
    }

    /// A whole number, which `True` and `False` are too.
    pub(super) fn as_int(&self) -> Option<i128> {
        match self {
            Self::Int(int) => Some(*int),
            Self::Bool(bool) => Some((*bool).into()),
            _ => None,
        }
    }

    pub(super) fn as_float(&self) -> Option<f64> {
        match self {
            Self::Float(float) => Some(*float),
            #[expect(clippy::cast_precision_loss, reason = "as Python's float() rounds")]
            other => other.as_int().map(|int| int as f64),
        }
    }

    /// What a loop over it goes through.
    pub(super) fn items(&self, budget: &mut Budget) -> Outcome<Vec<Self>> {
        match self {
            Self::Undefined => Ok(Vec::new()),
            Self::List(list) => {
                budget.make_items(list.items.len())?;
                Ok(list.items.clone())
            }
            Self::Dict(dict) => {
                budget.make_items(dict.entries.len())?;
                Ok(dict.entries.iter().map(|(key, _)| key.clone()).collect())
            }
            Self::Text(text) => {
                // Each character is a value and a text of its own.
                budget.make(text.len().saturating_mul(2 * size_of::<Self>()))?;
                let mut buffer = [0; 4];
                Ok(text
                    .chars()
                    .map(|c| Self::Text((&*c.encode_utf8(&mut buffer)).into()))
                    .collect())
            }
            other => misuse(format!("loops over a value of type {}", other.kind())),
        }
    }

    pub(super) fn equals(&self, other: &Self, budget: &mut Budget) -> Outcome<bool> {
        budget.work(1)?;
        Ok(match (self, other) {
            (Self::Undefined, Self::Undefined) | (Self::None, Self::None) => true,
            (Self::Text(a), Self::Text(b)) => {
                if a.len() == b.len() {
                    budget.look(a)?;
                }
                a == b
            }
            (Self::List(a), Self::List(b)) => {
                if a.items.len() != b.items.len() || a.tuple != b.tuple {
                    return Ok(false);
                }
                for (a, b) in a.items.iter().zip(&b.items) {
                    if !a.equals(b, budget)? {
                        return Ok(false);
                    }
                }
                true
            }
            (Self::Dict(a), Self::Dict(b)) => {
                if a.entries.len() != b.entries.len() {
                    return Ok(false);
                }
                for (key, value) in &a.entries {
                    match b.get(key, budget)? {
                        Some(other) if value.equals(&other, budget)? => {}
                        _ => return Ok(false),
                    }
                }
                true
            }
            (Self::Space(a), Self::Space(b)) => Rc::ptr_eq(a, b),
            (Self::Loop(a), Self::Loop(b)) => Rc::ptr_eq(a, b),
            (Self::Macro(a), Self::Macro(b)) => a == b,
            (Self::Function(a), Self::Function(b)) => a == b,
            (a, b) => match (a.as_int(), b.as_int()) {
                (Some(a), Some(b)) => a == b,
                _ => matches!((a.as_float(), b.as_float()), (Some(a), Some(b)) if a == b),
            },
        })
    }

    /// Which comes first; `None` where a number is not a number.
    pub(super) fn compare(&self, other: &Self, budget: &mut Budget) -> Outcome<Option<Ordering>> {
        budget.work(1)?;
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => {
                budget.look(if a.len() < b.len() { a } else { b })?;
                Ok(Some(a.cmp(b)))
            }
            (Self::List(a), Self::List(b)) if a.tuple == b.tuple => {
                for (a, b) in a.items.iter().zip(&b.items) {
                    if !a.equals(b, budget)? {
                        return a.compare(b, budget);
                    }
                }
                Ok(Some(a.items.len().cmp(&b.items.len())))
            }
            (a, b) => match (a.as_int(), b.as_int(), a.as_float(), b.as_float()) {
                (Some(a), Some(b), ..) => Ok(Some(a.cmp(&b))),
                (.., Some(a), Some(b)) => Ok(a.partial_cmp(&b)),
                _ => misuse(format!("compares {} with {}", a.kind(), b.kind())),
            },
        }
    }

    /// Python's `in`.
    pub(super) fn contains(&self, part: &Self, budget: &mut Budget) -> Outcome<bool> {
        match (self, part) {
            (Self::Undefined, _) => Ok(false),
            (Self::Text(text), Self::Text(part)) => {
                budget.look(text)?;
                budget.look(part)?;
                Ok(text.contains(&**part))
            }
            (Self::List(list), part) => {
                for item in &list.items {
                    if item.equals(part, budget)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            (Self::Dict(dict), key) => Ok(dict.get(key, budget)?.is_some()),
            (whole, part) => misuse(format!("looks for {} in {}", part.kind(), whole.kind())),
        }
    }
}

impl Dict {
    pub(super) fn get(&self, key: &Value, budget: &mut Budget) -> Outcome<Option<Value>> {
        match key {
            Value::Text(key) => self.get_text(key, budget),
            key => {
                for (candidate, value) in &self.entries {
                    if candidate.equals(key, budget)? {
                        return Ok(Some(value.clone()));
                    }
                }
                Ok(None)
            }
        }
    }

    pub(super) fn get_text(&self, key: &str, budget: &mut Budget) -> Outcome<Option<Value>> {
        budget.work(1 + self.entries.len().saturating_mul(8 + key.len()) / 64)?;
        let found = self.entries.iter().find(|(k, _)| matches!(k, Value::Text(k) if **k == *key));
        Ok(found.map(|(_, value)| value.clone()))
    }
}

fn deepest<'v>(values: impl Iterator<Item = &'v Value>) -> Outcome<usize> {
    let mut deepest = 0;
    for value in values {
        deepest = deepest.max(value.depth()?);
    }
    // serde_json reads no deeper than 128.
    if deepest >= NESTED { Err(Fault::Depth(NESTED)) } else { Ok(deepest + 1) }
}

/// How many lists and dictionaries may lie inside each other.
const NESTED: usize = 140;
