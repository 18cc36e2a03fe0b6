//! The cells of the integration matrix, and which of them a run selects.

use anyhow::{Result, bail};

use crate::{
    flags::{self, Part},
    servers::Server,
};

/// The member that holds the matrix.
pub(crate) const PACKAGE: &str = "integration-tests";
/// Its one test binary.
pub(crate) const BINARY: &str = "it";

/// Every cell: a module of the test binary, or of another member's tests.
const CELLS: &[Cell] = &[
    cell("backends", "embedded", "backends::embedded"),
    cell("backends", "http", "backends::embedded_over_http"),
    cell("backends", "scripted", "backends::scripted"),
    cell("stores", "memory", "stores::memory"),
    cell("stores", "json", "stores::json"),
    cell("stores", "sqlite", "stores::sqlite"),
    cell("trainers", "embedded", "trainers::embedded"),
    cell("trainers", "hosted", "trainers::hosted"),
    server("stdy", "servers::stdy", Server::Stdy),
    server("prism", "servers::prism", Server::Prism),
    server("litellm", "servers::litellm", Server::LiteLlm),
    server("transformers", "servers::transformers_serve", Server::TransformersServe),
    server("llama-cpp", "servers::llama_cpp", Server::LlamaCpp),
    cell("product", "parity", "parity"),
    cell("product", "cli", "cli"),
    Cell { need: Need::PythonClient, ..cell("product", "python", "python_client") },
    Cell { package: "local-engine", need: Need::Peers, ..cell("product", "engine", "peers") },
    Cell { package: "trainer", need: Need::Tiktoken, ..cell("product", "tokens", "peers") },
];

/// One cell: the tests of one module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell {
    /// The table it stands in.
    pub(crate) axis: &'static str,
    /// What the flags call it.
    pub(crate) name: &'static str,
    /// The member that has its tests.
    pub(crate) package: &'static str,
    /// Where in the matrix its tests are; in another member, any module of this name has some.
    pub(crate) module: &'static str,
    /// What it cannot run without.
    pub(crate) need: Need,
}

/// What a cell needs beside the test binary and `attune`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    Nothing,
    PythonClient,
    /// What other libraries make of tiny models.
    Peers,
    /// What OpenAI's own tokenizer makes of many texts.
    Tiktoken,
    Server(Server),
}

const fn cell(axis: &'static str, name: &'static str, module: &'static str) -> Cell {
    Cell { axis, name, package: PACKAGE, module, need: Need::Nothing }
}

const fn server(name: &'static str, module: &'static str, server: Server) -> Cell {
    Cell { need: Need::Server(server), ..cell("servers", name, module) }
}

impl Cell {
    /// Whether the cell is one of the matrix's own test binary.
    pub(crate) fn is_own(&self) -> bool {
        self.package == PACKAGE
    }

    /// Whether the test of this path, in this binary of the package, belongs to the cell.
    pub(crate) fn holds(&self, binary: &str, test: &str) -> bool {
        if self.is_own() {
            return test.strip_prefix(self.module).is_some_and(|rest| rest.starts_with("::"));
        }
        let modules = test.rsplit_once("::").map_or("", |(modules, _)| modules);
        binary == self.module || modules.split("::").any(|module| module == self.module)
    }
}

/// The tests of the matrix that no cell runs.
pub(crate) fn strays(tests: &[String]) -> impl Iterator<Item = &str> {
    let is_held = |test: &str| CELLS.iter().any(|c| c.is_own() && c.holds(BINARY, test));
    tests.iter().map(String::as_str).filter(move |test| !is_held(test))
}

/// What one call of `cargo xtask test` runs.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) unit: bool,
    pub(crate) doc: bool,
    pub(crate) cells: Vec<Cell>,
    /// Whether nothing was left out.
    pub(crate) everything: bool,
}

impl Plan {
    /// Reads the flags: each names something to run, none at all runs everything.
    ///
    /// # Errors
    ///
    /// A flag names a cell that does not exist.
    pub(crate) fn new(flags: flags::Test) -> Result<Self> {
        let flags::Test { backend, store, trainer, server, only } = flags;
        let slices =
            [("backends", backend), ("stores", store), ("trainers", trainer), ("servers", server)];
        for (axis, names) in &slices {
            let known: Vec<_> = CELLS.iter().filter(|c| c.axis == *axis).map(|c| c.name).collect();
            if let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) {
                bail!("there is no `{unknown}` among the {axis}: {}", known.join(", "));
            }
        }
        let everything = only.is_empty() && slices.iter().all(|(_, names)| names.is_empty());
        let is_selected = |cell: &&Cell| {
            let by_slice = slices
                .iter()
                .any(|(axis, names)| *axis == cell.axis && names.iter().any(|n| n == cell.name));
            everything || by_slice || only.iter().any(|part| part_has(*part, cell))
        };
        Ok(Self {
            unit: everything || only.contains(&Part::Unit),
            doc: everything || only.contains(&Part::Doc),
            cells: CELLS.iter().filter(is_selected).copied().collect(),
            everything,
        })
    }
}

fn part_has(part: Part, cell: &Cell) -> bool {
    match part {
        Part::Unit | Part::Doc => false,
        Part::Matrix => true,
        Part::Backends => cell.axis == "backends",
        Part::Stores => cell.axis == "stores",
        Part::Trainers => cell.axis == "trainers",
        Part::Servers => cell.axis == "servers",
        Part::Parity => cell.name == "parity",
        Part::Cli => cell.name == "cli",
        Part::Python => cell.name == "python",
        Part::Engine => cell.name == "engine",
        Part::Tokens => cell.name == "tokens",
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::{CELLS, Plan, strays};
    use crate::flags::Xtask;

    #[test]
    fn without_flags_everything_runs() {
        check(
            "test",
            expect![
                "unit doc backends/embedded backends/http backends/scripted stores/memory stores/json stores/sqlite trainers/embedded trainers/hosted servers/stdy servers/prism servers/litellm servers/transformers servers/llama-cpp product/parity product/cli product/python product/engine product/tokens"
            ],
        );
    }

    #[test]
    fn a_flag_selects_its_slice_and_nothing_else() {
        check("test --store sqlite --backend http", expect!["backends/http stores/sqlite"]);
        check("test --trainer embedded", expect!["trainers/embedded"]);
        check("test --only unit", expect!["unit"]);
        check(
            "test --only stores --only doc",
            expect!["doc stores/memory stores/json stores/sqlite"],
        );
        check("test --only python --backend embedded", expect!["backends/embedded product/python"]);
    }

    #[test]
    fn an_unknown_slice_is_refused_with_the_known_ones() {
        check(
            "test --store postgres",
            expect!["there is no `postgres` among the stores: memory, json, sqlite"],
        );
    }

    #[test]
    fn a_test_outside_every_cell_is_a_stray() {
        let tests = ["stores::memory::a", "stores::memory_too::b", "cli::demo::c", "client::d"];
        let strays: Vec<_> = strays(&tests.map(str::to_owned)).map(str::to_owned).collect();
        assert_eq!(strays, ["stores::memory_too::b", "client::d"]);
    }

    #[test]
    fn a_cell_of_another_member_holds_its_module_wherever_it_is() {
        let engine = CELLS.iter().find(|cell| cell.name == "engine").unwrap();
        assert!(engine.holds("peers", "greedy_answers_agree"));
        assert!(engine.holds("local_engine", "network::peers::logits_agree"));
        assert!(!engine.holds("local_engine", "network::tests::peers"));
    }

    #[track_caller]
    fn check(line: &str, expected: Expect) {
        let flags = Xtask::from_vec(line.split(' ').map(Into::into).collect()).unwrap();
        let crate::flags::XtaskCmd::Test(flags) = flags.subcommand else { panic!("not `test`") };
        let shown = match Plan::new(flags) {
            Ok(plan) => {
                let unit = plan.unit.then(|| "unit".to_owned());
                let doc = plan.doc.then(|| "doc".to_owned());
                let cells = plan.cells.iter().map(|cell| format!("{}/{}", cell.axis, cell.name));
                unit.into_iter().chain(doc).chain(cells).collect::<Vec<_>>().join(" ")
            }
            Err(err) => err.to_string(),
        };
        expected.assert_eq(&shown);
    }
}
