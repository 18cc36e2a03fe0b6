//! What an expression comes to.

use std::cmp::Ordering;

use minijinja::machinery::ast::{
    BinOp, BinOpKind, Compare, CompareOpKind, Expr, Slice, UnaryOpKind,
};

use crate::template::budget::{Budget, Outcome, misuse};
use crate::template::methods::{is_method, slice_bounds};
use crate::template::print::print;
use crate::template::run::Run;
use crate::template::value::{Loop, Value};
use crate::template::{functions, operators};

impl<'t> Run<'t> {
    pub(in crate::template) fn eval(&mut self, expr: &'t Expr<'t>) -> Outcome<Value> {
        self.budget.enter()?;
        let value = match expr {
            Expr::Var(var) => self.lookup(var.id),
            Expr::Const(constant) => self.constant(&constant.value),
            Expr::Slice(slice) => self.slice(slice),
            Expr::UnaryOp(unary) => match unary.op {
                UnaryOpKind::Not => self.eval(&unary.expr).map(|v| Value::Bool(!v.is_true())),
                UnaryOpKind::Neg => self.eval(&unary.expr).and_then(|v| operators::negate(&v)),
            },
            Expr::BinOp(binary) => self.binary(binary),
            Expr::Compare(compare) => self.compare(compare),
            Expr::IfExpr(choice) => match (self.eval(&choice.test_expr)?, &choice.false_expr) {
                (holds, _) if holds.is_true() => self.eval(&choice.true_expr),
                (_, Some(otherwise)) => self.eval(otherwise),
                (_, None) => Ok(Value::Undefined),
            },
            Expr::Filter(_) | Expr::Test(_) => self.filter_or_test(expr),
            Expr::GetAttr(attr) => {
                let value = self.eval(&attr.expr)?;
                self.attribute(&value, attr.name)
            }
            Expr::GetItem(item) => {
                let value = self.eval(&item.expr)?;
                let key = self.eval(&item.subscript_expr)?;
                self.item(&value, &key)
            }
            Expr::Call(call) => self.call(call),
            Expr::List(list) => self.evaluated(&list.items).and_then(Value::list),
            Expr::Tuple(tuple) => self.evaluated(&tuple.items).and_then(Value::tuple),
            Expr::Map(map) => self.evaluated(&map.keys).and_then(|keys| {
                let values = self.evaluated(&map.values)?;
                functions::dict_of(keys.into_iter().zip(values), &mut self.budget)
            }),
        }?;
        self.budget.leave();
        Ok(value)
    }

    #[inline(never)]
    fn constant(&mut self, value: &minijinja::Value) -> Outcome<Value> {
        use minijinja::value::ValueKind;
        Ok(match value.kind() {
            ValueKind::None => Value::None,
            ValueKind::Bool => Value::Bool(value.is_true()),
            ValueKind::Number => match i128::try_from(value.clone()) {
                Ok(int) if value.is_integer() => Value::Int(int),
                _ => Value::Float(f64::try_from(value.clone())?),
            },
            _ => self.budget.text(value.as_str().unwrap_or_default())?,
        })
    }

    #[inline(never)]
    fn evaluated(&mut self, exprs: &'t [Expr<'t>]) -> Outcome<Vec<Value>> {
        self.budget.make_items(exprs.len())?;
        exprs.iter().map(|expr| self.eval(expr)).collect()
    }

    #[inline(never)]
    fn filter_or_test(&mut self, expr: &'t Expr<'t>) -> Outcome<Value> {
        match expr {
            Expr::Filter(filter) => {
                let value = match &filter.expr {
                    Some(expr) => self.eval(expr)?,
                    None => Value::Undefined,
                };
                let args = self.args(&filter.args)?;
                self.filter(filter.name, value, &args)
            }
            Expr::Test(test) => {
                let value = self.eval(&test.expr)?;
                let args = self.args(&test.args)?;
                self.test(test.name, &value, &args.pos).map(Value::Bool)
            }
            _ => Ok(Value::Undefined),
        }
    }

    #[inline(never)]
    fn slice(&mut self, slice: &'t Slice<'t>) -> Outcome<Value> {
        let value = self.eval(&slice.expr)?;
        let mut bounds = [None; 3];
        for (bound, expr) in bounds.iter_mut().zip([&slice.start, &slice.stop, &slice.step]) {
            if let Some(expr) = expr {
                *bound = match self.eval(expr)? {
                    Value::None => None,
                    value => match value.as_int() {
                        Some(int) => Some(int),
                        None => return misuse(format!("slices at a {}", value.kind())),
                    },
                };
            }
        }
        match &value {
            Value::Text(text) => {
                self.budget.make(text.len().saturating_mul(5))?;
                let chars: Vec<char> = text.chars().collect();
                let places = slice_bounds(chars.len(), bounds)?;
                let cut: String = places.filter_map(|at| chars.get(at)).collect();
                self.budget.text(&cut)
            }
            Value::List(list) => {
                self.budget.make_items(list.items.len())?;
                let places = slice_bounds(list.items.len(), bounds)?;
                let cut = places.filter_map(|at| list.items.get(at).cloned()).collect();
                if list.tuple { Value::tuple(cut) } else { Value::list(cut) }
            }
            other => misuse(format!("slices a value of type {}", other.kind())),
        }
    }

    #[inline(never)]
    fn binary(&mut self, binary: &'t BinOp<'t>) -> Outcome<Value> {
        let left = self.eval(&binary.left)?;
        match binary.op {
            BinOpKind::ScAnd if !left.is_true() => return Ok(left),
            BinOpKind::ScOr if left.is_true() => return Ok(left),
            _ => {}
        }
        let right = self.eval(&binary.right)?;
        let budget = &mut self.budget;
        match binary.op {
            BinOpKind::ScAnd | BinOpKind::ScOr => Ok(right),
            BinOpKind::Eq => left.equals(&right, budget).map(Value::Bool),
            BinOpKind::Ne => left.equals(&right, budget).map(|same| Value::Bool(!same)),
            BinOpKind::In => right.contains(&left, budget).map(Value::Bool),
            BinOpKind::Lt => compared(CompareOpKind::Lt, &left, &right, budget),
            BinOpKind::Lte => compared(CompareOpKind::Lte, &left, &right, budget),
            BinOpKind::Gt => compared(CompareOpKind::Gt, &left, &right, budget),
            BinOpKind::Gte => compared(CompareOpKind::Gte, &left, &right, budget),
            BinOpKind::Add => operators::add(&left, &right, budget),
            BinOpKind::Sub => operators::subtract(&left, &right),
            BinOpKind::Mul => operators::multiply(&left, &right, budget),
            BinOpKind::Div => operators::divide(&left, &right),
            BinOpKind::FloorDiv => operators::divide_down(&left, &right),
            BinOpKind::Rem => operators::remainder(&left, &right, budget),
            BinOpKind::Pow => operators::power(&left, &right),
            BinOpKind::Concat => {
                let mut text = String::new();
                print(&left, &mut text, budget)?;
                print(&right, &mut text, budget)?;
                budget.text(&text)
            }
        }
    }

    #[inline(never)]
    fn compare(&mut self, chain: &'t Compare<'t>) -> Outcome<Value> {
        let mut left = self.eval(&chain.expr)?;
        for step in &chain.ops {
            let right = self.eval(&step.expr)?;
            if !compared(step.op, &left, &right, &mut self.budget)?.is_true() {
                return Ok(Value::Bool(false));
            }
            left = right;
        }
        Ok(Value::Bool(true))
    }

    /// `value.name`: what Python finds as an attribute comes before what lies under the key.
    #[inline(never)]
    pub(in crate::template) fn attribute(&mut self, value: &Value, name: &str) -> Outcome<Value> {
        if let Some(method) = is_method(value, name) {
            return Ok(Value::Function(method));
        }
        match value {
            Value::Undefined => misuse(format!("asks what is undefined for its {name}")),
            Value::Dict(dict) => {
                Ok(dict.get_text(name, &mut self.budget)?.unwrap_or(Value::Undefined))
            }
            Value::Space(fields) => {
                let fields = fields.borrow();
                self.budget.work(1 + fields.len() * (8 + name.len()) / 64)?;
                let found = fields.iter().find(|(known, _)| **known == *name);
                Ok(found.map_or(Value::Undefined, |(_, value)| value.clone()))
            }
            Value::Loop(state) => Ok(loop_attribute(state, name)),
            _ => Ok(Value::Undefined),
        }
    }

    /// `value[key]`.
    #[inline(never)]
    pub(in crate::template) fn item(&mut self, value: &Value, key: &Value) -> Outcome<Value> {
        let at = |length: usize| {
            let place = key.as_int()?;
            let place = if place < 0 { place + i128::try_from(length).ok()? } else { place };
            usize::try_from(place).ok()
        };
        let found = match value {
            Value::Undefined => return misuse("asks what is undefined for an item"),
            Value::Dict(dict) => dict.get(key, &mut self.budget)?,
            Value::List(list) => at(list.items.len()).and_then(|at| list.items.get(at).cloned()),
            Value::Text(text) => {
                self.budget.look(text)?;
                let length = text.chars().count();
                let found = at(length).and_then(|at| text.chars().nth(at));
                match found {
                    Some(c) => Some(self.budget.text(c.encode_utf8(&mut [0; 4]))?),
                    None => None,
                }
            }
            _ => None,
        };
        match (found, key) {
            (Some(found), _) => Ok(found),
            (None, Value::Text(name)) => self.attribute(value, name),
            (None, _) => Ok(Value::Undefined),
        }
    }
}

#[inline(never)]
fn compared(op: CompareOpKind, left: &Value, right: &Value, budget: &mut Budget) -> Outcome<Value> {
    let holds = match op {
        CompareOpKind::Eq => left.equals(right, budget)?,
        CompareOpKind::Ne => !left.equals(right, budget)?,
        CompareOpKind::In => right.contains(left, budget)?,
        CompareOpKind::NotIn => !right.contains(left, budget)?,
        CompareOpKind::Lt => left.compare(right, budget)?.is_some_and(Ordering::is_lt),
        CompareOpKind::Lte => left.compare(right, budget)?.is_some_and(Ordering::is_le),
        CompareOpKind::Gt => left.compare(right, budget)?.is_some_and(Ordering::is_gt),
        CompareOpKind::Gte => left.compare(right, budget)?.is_some_and(Ordering::is_ge),
    };
    Ok(Value::Bool(holds))
}

fn loop_attribute(state: &Loop, name: &str) -> Value {
    let (at, length) = (state.at.get(), state.items.len());
    let number = |number: usize| Value::Int(number as i128);
    let neighbour = |at: Option<usize>| {
        at.and_then(|at| state.items.get(at).cloned()).unwrap_or(Value::Undefined)
    };
    match name {
        "index" => number(at + 1),
        "index0" => number(at),
        "revindex" => number(length - at),
        "revindex0" => number(length - at - 1),
        "first" => Value::Bool(at == 0),
        "last" => Value::Bool(at + 1 == length),
        "length" => number(length),
        // How deep a loop that calls itself is; such loops are not offered.
        "depth" => number(1),
        "depth0" => number(0),
        "previtem" => neighbour(at.checked_sub(1)),
        "nextitem" => neighbour(at.checked_add(1)),
        _ => Value::Undefined,
    }
}
