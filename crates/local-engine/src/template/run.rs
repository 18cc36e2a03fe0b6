//! Running a parsed template: statements and expressions.
//!
//! The parser is minijinja's. Its interpreter is not used: its fuel counts instructions and not
//! bytes, so forty rounds of `s ~ s` would make a terabyte, and it prints numbers and lists its own
//! way. Here all that is made goes through a [`Budget`], and prints as Python prints it.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::SystemTime;

use minijinja::machinery::ast::{Expr, ForLoop, Macro, Stmt};

use crate::template::budget::{Budget, Fault, Outcome, misuse};
use crate::template::functions;
use crate::template::print::print;
use crate::template::value::{Loop, Value};

mod calls;
mod expressions;
pub(super) use calls::Args;

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
}

/// A namespace with these fields.
pub(super) fn namespace(fields: Vec<(Rc<str>, Value)>) -> Value {
    Value::Space(Rc::new(RefCell::new(fields)))
}

/// How many scopes may lie inside each other.
const SCOPES: usize = 200;
