//! Every command and flag, in one place.

// The macro writes its own types, public and in its own style.
#![allow(unreachable_pub, missing_debug_implementations)]

use std::{ffi::OsString, path::PathBuf, str::FromStr};

xflags::xflags! {
    /// Maintains attune. Run as `cargo xtask COMMAND`.
    cmd xtask {
        /// Runs the unit tests, the doc tests and the integration matrix, and ends
        /// with the line `N passed, N failed`. Without flags it runs everything.
        /// With CI=true a cell that could not run counts as a failure.
        cmd test {
            /// Only this backend's cell: embedded, http or scripted. May be repeated.
            repeated --backend name: String
            /// Only this store's cell: memory, json or sqlite. May be repeated.
            repeated --store name: String
            /// Only this trainer's cell: embedded or hosted. May be repeated.
            repeated --trainer name: String
            /// Only the cell against this server: stdy, prism, litellm, transformers or
            /// llama-cpp. May be repeated.
            repeated --server name: String
            /// Only this part: unit, doc, matrix, backends, stores, trainers, servers,
            /// parity, cli, python, engine or tokens. May be repeated.
            repeated --only part: Part
        }
        /// Runs every lint and check, also after one has failed: fmt, clippy, doc,
        /// each feature alone, dependency policy, layers, budget. The first run
        /// builds two pinned cargo tools into target/tools.
        cmd ci {}
        /// Checks that each crate imports only what ARCHITECTURE.md lets it.
        cmd layers {}
        /// Counts the crates that each choice of crates costs, against its ceiling.
        cmd budget {
            /// Prints JSON instead of a table.
            optional --json
        }
        /// Measures a crate beside others that do the same.
        cmd bench {
            /// Measures what `openai-api` costs beside reqwest used by hand and beside
            /// other clients: CPU time, allocations, memory. Takes some minutes, the
            /// first time more, since the clients are built optimised.
            cmd transport {
                /// Fewer rounds: a first impression, not a result.
                optional --quick
                /// Instead, what it takes to build a minimal chat program: CPU time,
                /// crates, size. Each is built from nothing.
                optional --build
                /// With --build: the other clients as well.
                optional --peers
                /// Prints JSON instead of tables.
                optional --json
            }
            /// Measures how `trainer` turns CSV into JSON Lines, beside Python's standard
            /// library, polars, DataFusion, and the csv crate with serde_json: CPU time,
            /// memory, and whether the bytes are the same. Takes some minutes.
            cmd data {
                /// How many rounds: 5 unless set. One is a first impression, not a result.
                optional --rounds count: usize
                /// Also a file of 5 GB; twelve GB of disk are used for a while.
                optional --large
                /// Prints JSON instead of tables.
                optional --json
            }
            /// Measures `local-engine` beside PyTorch with PEFT, transformers and
            /// llama.cpp, in alternating rounds: CPU time and memory of training,
            /// speed of reading and answering. Takes half an hour; the first time
            /// ten minutes more, since llama.cpp is built.
            cmd engine {
                /// How many rounds: 5 unless set. One is a first impression, not a result.
                optional --rounds count: usize
                /// Only what training costs.
                optional --training
                /// Only how fast it answers.
                optional --answers
                /// Prints JSON instead of tables.
                optional --json
            }
            /// Measures how fast `trainer` counts tokens beside tiktoken from Python, on one
            /// thread, in alternating rounds. Takes some minutes.
            cmd tokens {
                /// How many rounds: 5 unless set. One is a first impression, not a result.
                optional --rounds count: usize
                /// Prints JSON instead of a table.
                optional --json
            }
        }
        /// Trains the base model attune-tiny from its corpus and writes it to
        /// crates/local-engine/attune-tiny. Arguments after `--` go to the trainer.
        cmd base-model {
            /// Passed on as they are.
            repeated args: OsString
        }
        /// Writes the extract of OpenAI's specification that the tests read, from the
        /// whole openapi.json of openai/openai-openapi.
        cmd spec {
            /// The whole specification, as JSON.
            required whole: PathBuf
        }
    }
}

/// A part of the tests that can run alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Unit,
    Doc,
    Matrix,
    Backends,
    Stores,
    Trainers,
    Servers,
    Parity,
    Cli,
    Python,
    Engine,
    Tokens,
}

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "unit" => Self::Unit,
            "doc" => Self::Doc,
            "matrix" => Self::Matrix,
            "backends" => Self::Backends,
            "stores" => Self::Stores,
            "trainers" => Self::Trainers,
            "servers" => Self::Servers,
            "parity" => Self::Parity,
            "cli" => Self::Cli,
            "python" => Self::Python,
            "engine" => Self::Engine,
            "tokens" => Self::Tokens,
            _ => {
                return Err("expected unit, doc, matrix, backends, stores, trainers, servers, \
                            parity, cli, python, engine or tokens"
                    .to_owned());
            }
        })
    }
}
