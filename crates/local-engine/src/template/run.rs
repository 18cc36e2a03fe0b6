//! Running a parsed template: statements and expressions.
//!
//! The parser is minijinja's. Its interpreter is not used: its fuel counts instructions and not
//! bytes, so forty rounds of `s ~ s` would make a terabyte, and it prints numbers and lists its own
//! way. Here all that is made goes through a [`Budget`], and prints as Python prints it.

use std::cell::{Cell, RefCell};
use std::cmp::Ordering;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::SystemTime;

use minijinja::machinery::ast::{
    BinOp, BinOpKind, Call, CallArg, CallBlock, Compare, CompareOpKind, Expr, ForLoop, Macro,
    Slice, Stmt, UnaryOpKind,
};

use crate::template::budget::{Budget, Fault, Outcome, misuse};
use crate::template::methods::{is_method, slice_bounds};
use crate::template::print::print;
use crate::template::value::{Loop, Value};
use crate::template::{functions, methods, operators};

/// One rendering.
pub(super) struct Run<'t> {
    pub(super) budget: Budget,
    /// What `strftime_now` tells.
    pub(super) now: SystemTime,
    /// The innermost scope in sight.
    scope: Rc<Scope<'t>>,
    /// The macros met so far, and what they see.
    macros: Vec<(&'t Macro<'t>, Rc<Scope<'t>>)>,
    out: String,
}

/// The variables of a block, inside others.
struct Scope<'t> {
    variables: RefCell<HashMap<&'t str, Value>>,
    outer: Option<Rc<Scope<'t>>>,
    depth: usize,
}

/// The arguments of a call.
#[derive(Default)]
pub(super) struct Args {
    pub(super) pos: Vec<Value>,
    pub(super) named: Vec<(Rc<str>, Value)>,
}

enum Flow {
    Next,
    Break,
    Continue,
}

/// Renders a template with the variables it is given.
pub(super) fn render<'t>(
    root: &'t Stmt<'t>,
    variables: impl IntoIterator<Item = (&'t str, Value)>,
    now: SystemTime,
) -> Outcome<String> {
    let mut globals: HashMap<&str, Value> =
        functions::NAMES.iter().map(|name| (*name, Value::Function(name))).collect();
    globals.extend(variables);
    let mut run = Run {
        budget: Budget::new(),
        now,
        scope: Rc::new(Scope { variables: RefCell::new(globals), outer: None, depth: 0 }),
        macros: Vec::new(),
        out: String::new(),
    };
    let Stmt::Template(template) = root else { return misuse("has no statements") };
    run.body(&template.children)?;
    Ok(run.out)
}

impl Args {
    /// The argument at a place or by its name.
    pub(super) fn get(&self, place: usize, name: &str) -> Option<&Value> {
        let named =
            || self.named.iter().find(|(known, _)| **known == *name).map(|(_, value)| value);
        self.pos.get(place).or_else(named)
    }

    pub(super) fn text(&self, place: usize, name: &str) -> Outcome<Option<Rc<str>>> {
        match self.get(place, name) {
            None | Some(Value::None) => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text.clone())),
            Some(other) => misuse(format!("gives a {} for {name}, a str", other.kind())),
        }
    }

    pub(super) fn int(&self, place: usize, name: &str) -> Outcome<Option<i128>> {
        match self.get(place, name) {
            None | Some(Value::None) => Ok(None),
            Some(value) => match value.as_int() {
                Some(int) => Ok(Some(int)),
                None => misuse(format!("gives a {} for {name}, an int", value.kind())),
            },
        }
    }

    pub(super) fn is_true(&self, place: usize, name: &str) -> bool {
        self.get(place, name).is_some_and(Value::is_true)
    }
}

impl<'t> Run<'t> {
    fn body(&mut self, body: &'t [Stmt<'t>]) -> Outcome<Flow> {
        self.budget.enter()?;
        for statement in body {
            match self.statement(statement)? {
                Flow::Next => {}
                flow => {
                    self.budget.leave();
                    return Ok(flow);
                }
            }
        }
        self.budget.leave();
        Ok(Flow::Next)
    }

    fn statement(&mut self, statement: &'t Stmt<'t>) -> Outcome<Flow> {
        self.budget.work(1)?;
        match statement {
            Stmt::EmitRaw(raw) => self.budget.push(&mut self.out, raw.raw)?,
            Stmt::EmitExpr(emit) => {
                let value = self.eval(&emit.expr)?;
                print(&value, &mut self.out, &mut self.budget)?;
            }
            Stmt::IfCond(cond) => {
                let holds = self.eval(&cond.expr)?.is_true();
                return self.body(if holds { &cond.true_body } else { &cond.false_body });
            }
            Stmt::ForLoop(each) => return self.for_loop(each).map(|()| Flow::Next),
            Stmt::Set(set) => {
                let value = self.eval(&set.expr)?;
                self.assign(&set.target, value)?;
            }
            Stmt::SetBlock(set) => {
                let text = self.captured(&set.body)?;
                let value = self.filtered(set.filter.as_ref(), text)?;
                self.assign(&set.target, value)?;
            }
            Stmt::FilterBlock(block) => {
                let text = self.captured(&block.body)?;
                let value = self.filtered(Some(&block.filter), text)?;
                print(&value, &mut self.out, &mut self.budget)?;
            }
            Stmt::WithBlock(with) => {
                let mut frame = Vec::with_capacity(with.assignments.len());
                for (target, value) in &with.assignments {
                    frame.push((target, self.eval(value)?));
                }
                let outer = self.open(None)?;
                for (target, value) in frame {
                    self.assign(target, value)?;
                }
                let flow = self.body(&with.body)?;
                self.scope = outer;
                return Ok(flow);
            }
            Stmt::Macro(declared) => {
                let value = self.declare(declared)?;
                self.bind(declared.name, value)?;
            }
            Stmt::CallBlock(block) => {
                let value = self.call_block(block)?;
                print(&value, &mut self.out, &mut self.budget)?;
            }
            Stmt::Do(call) => {
                self.call(&call.call)?;
            }
            Stmt::Break(_) => return Ok(Flow::Break),
            Stmt::Continue(_) => return Ok(Flow::Continue),
            Stmt::Template(_)
            | Stmt::AutoEscape(_)
            | Stmt::Block(_)
            | Stmt::Import(_)
            | Stmt::FromImport(_)
            | Stmt::Extends(_)
            | Stmt::Include(_) => {
                // Chat templates are one file, and read no others.
                return misuse("uses a tag of templates in several files");
            }
        }
        Ok(Flow::Next)
    }

    #[inline(never)]
    fn for_loop(&mut self, each: &'t ForLoop<'t>) -> Outcome<()> {
        let mut items = self.eval(&each.iter)?.items(&mut self.budget)?;
        if let Some(filter) = &each.filter_expr {
            let mut kept = Vec::new();
            for item in items {
                let outer = self.open(None)?;
                self.assign(&each.target, item.clone())?;
                if self.eval(filter)?.is_true() {
                    kept.push(item);
                }
                self.scope = outer;
            }
            items = kept;
        }
        if items.is_empty() {
            return self.scoped(&each.else_body).map(drop);
        }
        let state = Rc::new(Loop { items, at: Cell::new(0) });
        for (at, item) in state.items.iter().enumerate() {
            state.at.set(at);
            let outer = self.open(None)?;
            self.bind("loop", Value::Loop(state.clone()))?;
            self.assign(&each.target, item.clone())?;
            let flow = self.body(&each.body)?;
            self.scope = outer;
            if let Flow::Break = flow {
                break;
            }
        }
        Ok(())
    }

    fn scoped(&mut self, body: &'t [Stmt<'t>]) -> Outcome<Flow> {
        let outer = self.open(None)?;
        let flow = self.body(body)?;
        self.scope = outer;
        Ok(flow)
    }

    /// What a body writes, as a value.
    fn captured(&mut self, body: &'t [Stmt<'t>]) -> Outcome<Value> {
        let outer = std::mem::take(&mut self.out);
        self.scoped(body)?;
        let text = std::mem::replace(&mut self.out, outer);
        self.budget.text(&text)
    }

    /// Puts a value through a chain of filters that has no value at its beginning.
    fn filtered(&mut self, filter: Option<&'t Expr<'t>>, value: Value) -> Outcome<Value> {
        let Some(filter) = filter else { return Ok(value) };
        let Expr::Filter(filter) = filter else { return misuse("has a filter that is none") };
        self.budget.enter()?;
        let value = match &filter.expr {
            None => value,
            inner => self.filtered(inner.as_ref(), value)?,
        };
        let args = self.args(&filter.args)?;
        self.budget.leave();
        self.filter(filter.name, value, &args)
    }

    fn assign(&mut self, target: &'t Expr<'t>, value: Value) -> Outcome<()> {
        match target {
            Expr::Var(var) => self.bind(var.id, value),
            Expr::GetAttr(attr) => {
                let Value::Space(fields) = self.eval(&attr.expr)? else {
                    return misuse(format!("sets {} of what is no namespace", attr.name));
                };
                value.depth()?;
                let mut fields = fields.borrow_mut();
                self.budget.work(1 + fields.len() * (8 + attr.name.len()) / 64)?;
                match fields.iter_mut().find(|(name, _)| **name == *attr.name) {
                    Some((_, old)) => *old = value,
                    None => {
                        self.budget.make(attr.name.len() + 2 * size_of::<Value>())?;
                        fields.push((attr.name.into(), value));
                    }
                }
                Ok(())
            }
            Expr::List(list) => self.unpack(&list.items, &value),
            Expr::Tuple(tuple) => self.unpack(&tuple.items, &value),
            _ => misuse("sets what is no variable"),
        }
    }

    fn unpack(&mut self, targets: &'t [Expr<'t>], value: &Value) -> Outcome<()> {
        let items = value.items(&mut self.budget)?;
        if items.len() != targets.len() {
            let (found, wanted) = (items.len(), targets.len());
            return misuse(format!("unpacks {found} values into {wanted} variables"));
        }
        self.budget.enter()?;
        for (target, item) in targets.iter().zip(items) {
            self.assign(target, item)?;
        }
        self.budget.leave();
        Ok(())
    }

    /// Opens a scope, inside the current one or another; returns the one to come back to.
    fn open(&mut self, outer: Option<Rc<Scope<'t>>>) -> Outcome<Rc<Scope<'t>>> {
        let outer = outer.unwrap_or_else(|| self.scope.clone());
        let depth = outer.depth + 1;
        if depth > SCOPES {
            return Err(Fault::Depth(SCOPES));
        }
        self.budget.work(2)?;
        let scope = Rc::new(Scope { variables: RefCell::default(), outer: Some(outer), depth });
        Ok(std::mem::replace(&mut self.scope, scope))
    }

    fn bind(&mut self, name: &'t str, value: Value) -> Outcome<()> {
        self.budget.make(name.len() / 8 + 2 * size_of::<Value>())?;
        self.scope.variables.borrow_mut().insert(name, value);
        Ok(())
    }

    fn lookup(&mut self, name: &str) -> Outcome<Value> {
        let mut scope = Some(&self.scope);
        while let Some(inner) = scope {
            self.budget.work(1 + name.len() / 64)?;
            if let Some(value) = inner.variables.borrow().get(name) {
                return Ok(value.clone());
            }
            scope = inner.outer.as_ref();
        }
        Ok(Value::Undefined)
    }

    fn declare(&mut self, declared: &'t Macro<'t>) -> Outcome<Value> {
        self.budget.make(2 * size_of::<Value>())?;
        self.macros.push((declared, self.scope.clone()));
        Ok(Value::Macro(self.macros.len() - 1))
    }

    pub(super) fn eval(&mut self, expr: &'t Expr<'t>) -> Outcome<Value> {
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
    pub(super) fn attribute(&mut self, value: &Value, name: &str) -> Outcome<Value> {
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
    pub(super) fn item(&mut self, value: &Value, key: &Value) -> Outcome<Value> {
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

    #[inline(never)]
    fn args(&mut self, args: &'t [CallArg<'t>]) -> Outcome<Args> {
        let mut evaluated = Args::default();
        self.budget.make_items(args.len())?;
        for arg in args {
            match arg {
                CallArg::Pos(expr) => evaluated.pos.push(self.eval(expr)?),
                CallArg::Kwarg(name, expr) => {
                    self.budget.make(name.len() + 32)?;
                    evaluated.named.push(((*name).into(), self.eval(expr)?));
                }
                CallArg::PosSplat(expr) => {
                    evaluated.pos.extend(self.eval(expr)?.items(&mut self.budget)?);
                }
                CallArg::KwargSplat(expr) => {
                    let Value::Dict(dict) = self.eval(expr)? else {
                        return misuse("takes arguments from what is no dict");
                    };
                    self.budget.make_items(dict.entries.len())?;
                    for (name, value) in &dict.entries {
                        if let Value::Text(name) = name {
                            evaluated.named.push((name.clone(), value.clone()));
                        }
                    }
                }
            }
        }
        Ok(evaluated)
    }

    fn call(&mut self, call: &'t Call<'t>) -> Outcome<Value> {
        self.call_with(call, None)
    }

    #[inline(never)]
    fn call_block(&mut self, block: &'t CallBlock<'t>) -> Outcome<Value> {
        let caller = self.declare(&block.macro_decl)?;
        self.call_with(&block.call, Some(caller))
    }

    #[inline(never)]
    fn call_with(&mut self, call: &'t Call<'t>, caller: Option<Value>) -> Outcome<Value> {
        let (callee, name) = match &call.expr {
            Expr::GetAttr(attr) => {
                let receiver = self.eval(&attr.expr)?;
                match self.attribute(&receiver, attr.name)? {
                    Value::Function(method) => {
                        let args = self.args(&call.args)?;
                        return methods::call(&receiver, method, &args, &mut self.budget);
                    }
                    callee => (callee, attr.name),
                }
            }
            Expr::Var(var) => (self.lookup(var.id)?, var.id),
            other => (self.eval(other)?, "an expression"),
        };
        let mut args = self.args(&call.args)?;
        args.named.extend(caller.map(|caller| ("caller".into(), caller)));
        match callee {
            Value::Macro(number) => self.call_macro(number, args),
            Value::Function(function) => functions::call(function, &args, self),
            Value::Undefined => Err(Fault::Unknown { what: "function", name: name.to_owned() }),
            other => misuse(format!("calls {name}, a {}", other.kind())),
        }
    }

    /// Runs a macro in the sight of what it was declared in.
    #[inline(never)]
    fn call_macro(&mut self, number: usize, args: Args) -> Outcome<Value> {
        let (declared, scope) = self.macros[number].clone();
        let wanted = &declared.args;
        if args.pos.len() > wanted.len() {
            let name = declared.name;
            return misuse(format!(
                "calls the macro {name} with more than {} values",
                wanted.len()
            ));
        }
        let caller = self.open(Some(scope))?;
        self.budget.make_items(wanted.len())?;
        let without_default = wanted.len().saturating_sub(declared.defaults.len());
        let mut pos = args.pos.into_iter();
        let mut named = args.named;
        for (place, target) in wanted.iter().enumerate() {
            let Expr::Var(var) = target else { return misuse("declares a macro of no names") };
            let by_name = |named: &mut Vec<(Rc<str>, Value)>| {
                let place = named.iter().position(|(name, _)| **name == *var.id)?;
                Some(named.swap_remove(place).1)
            };
            let value = match pos.next().or_else(|| by_name(&mut named)) {
                Some(value) => value,
                None => match place.checked_sub(without_default).map(|at| &declared.defaults[at]) {
                    Some(default) => self.eval(default)?,
                    None => Value::Undefined,
                },
            };
            self.bind(var.id, value)?;
        }
        for (name, value) in named {
            if &*name != "caller" {
                let problem =
                    format!("calls the macro {} with {name}, which it has not", declared.name);
                return misuse(problem);
            }
            self.bind("caller", value)?;
        }
        let outer = std::mem::take(&mut self.out);
        self.body(&declared.body)?;
        let text = std::mem::replace(&mut self.out, outer);
        self.scope = caller;
        self.budget.text(&text)
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

/// A namespace with these fields.
pub(super) fn namespace(fields: Vec<(Rc<str>, Value)>) -> Value {
    Value::Space(Rc::new(RefCell::new(fields)))
}

/// How many scopes may lie inside each other.
const SCOPES: usize = 200;
