//! Calls of functions, methods and macros.

use std::rc::Rc;

use minijinja::machinery::ast::{Call, CallArg, CallBlock, Expr};

use crate::template::budget::{Fault, Outcome, misuse};
use crate::template::run::Run;
use crate::template::value::Value;
use crate::template::{functions, methods};

/// The arguments of a call.
#[derive(Default)]
pub(in crate::template) struct Args {
    pub(in crate::template) pos: Vec<Value>,
    pub(in crate::template) named: Vec<(Rc<str>, Value)>,
}

impl Args {
    /// The argument at a place or by its name.
    pub(in crate::template) fn get(&self, place: usize, name: &str) -> Option<&Value> {
        let named =
            || self.named.iter().find(|(known, _)| **known == *name).map(|(_, value)| value);
        self.pos.get(place).or_else(named)
    }

    pub(in crate::template) fn text(&self, place: usize, name: &str) -> Outcome<Option<Rc<str>>> {
        match self.get(place, name) {
            None | Some(Value::None) => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text.clone())),
            Some(other) => misuse(format!("gives a {} for {name}, a str", other.kind())),
        }
    }

    pub(in crate::template) fn int(&self, place: usize, name: &str) -> Outcome<Option<i128>> {
        match self.get(place, name) {
            None | Some(Value::None) => Ok(None),
            Some(value) => match value.as_int() {
                Some(int) => Ok(Some(int)),
                None => misuse(format!("gives a {} for {name}, an int", value.kind())),
            },
        }
    }

    pub(in crate::template) fn is_true(&self, place: usize, name: &str) -> bool {
        self.get(place, name).is_some_and(Value::is_true)
    }
}

impl<'t> Run<'t> {
    #[inline(never)]
    pub(super) fn args(&mut self, args: &'t [CallArg<'t>]) -> Outcome<Args> {
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

    pub(super) fn call(&mut self, call: &'t Call<'t>) -> Outcome<Value> {
        self.call_with(call, None)
    }

    #[inline(never)]
    pub(super) fn call_block(&mut self, block: &'t CallBlock<'t>) -> Outcome<Value> {
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
