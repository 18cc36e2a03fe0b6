use expect_test::{Expect, expect};

use super::{Reader, Tally, run_by_crate};

const MIXED: &str = r#"
running 4 tests
test stores::json::append_keeps_turn_order ... ok
test stores::json::two_processes_take_turns ... ignored, needs a second process
test stores::json::a_panic - should panic ... ok
test stores::json::half_a_file_is_refused ... FAILED

failures:

---- stores::json::half_a_file_is_refused stdout ----

thread 'stores::json::half_a_file_is_refused' (4711) panicked at tests/it/stores.rs:7:5:
assertion failed: err.is_some()
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace


failures:
    stores::json::half_a_file_is_refused

test result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.02s

"#;

#[test]
fn a_report_is_read_with_its_reasons_and_its_failures() {
    check(
        MIXED,
        expect![[r#"
            2 passed, 1 failed, not run: needs a second process
            failures:

            ---- stores::json::half_a_file_is_refused stdout ----

            thread 'stores::json::half_a_file_is_refused' (4711) panicked at tests/it/stores.rs:7:5:
            assertion failed: err.is_some()
            note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace


            failures:
                stores::json::half_a_file_is_refused

            test result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.02s
        "#]],
    );
}

#[test]
fn reports_of_one_process_add_up() {
    check(
        "running 2 tests\n\
         test crates/sentiment/src/lib.rs - (line 8) ... ok\n\
         test crates/sentiment/src/score.rs - score (line 3) - compile fail ... ok\n\
         \n\
         test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.31s\n\
         \n\
         running 1 test\n\
         test crates/sentiment/src/model.rs - ask (line 3) ... ignored\n\
         \n\
         test result: ok. 0 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n",
        expect![[r#"
            2 passed, 0 failed, not run: no reason given
        "#]],
    );
}

#[test]
fn tests_that_a_crash_cut_off_have_failed() {
    check(
        "running 3 tests\n\
         test engine::one ... ok\n\
         thread 'engine::two' has overflowed its stack\n",
        expect![[r#"
            1 passed, 2 failed, not run: 
            running 3 tests
            test engine::one ... ok
            thread 'engine::two' has overflowed its stack
            2 announced and never reported
        "#]],
    );
}

#[test]
fn the_closing_line_counts_even_if_a_test_wrote_into_its_own_line() {
    check(
        "running 2 tests\n\
         test cli::one ... hello from a child\n\
         ok\n\
         test cli::two ... noise ok\n\
         test cli::two has been running for over 60 seconds\n\
         test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.02s\n",
        expect![[r#"
            2 passed, 0 failed, not run: 
        "#]],
    );
}

#[test]
fn what_is_not_a_report_counts_as_nothing() {
    check(
        "hello\ntest of patience\nrunning late\ntest result: none\n",
        expect![[r#"
        0 passed, 0 failed, not run: 
    "#]],
    );
}

#[cfg(unix)]
#[test]
fn doc_tests_are_told_apart_by_crate() {
    let script = "printf '   Compiling a v0.1.0\\n   Doc-tests openai_api\\n\\nrunning 1 test\\n\
                  test a.rs - f (line 1) ... ok\\n\\n\
                  test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured\\n\\n\
                  running 0 tests\\n\\ntest result: ok. 0 passed; 0 failed; 0 ignored; 0 measured\\n\
                  \\n   Doc-tests trainer\\n\\nrunning 1 test\\ntest b.rs - g (line 2) ... FAILED\\n\
                  \\ntest result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured\\n'; exit 101";
    let mut command = std::process::Command::new("sh");
    command.args(["-c", script]);
    let mut rows = Vec::new();
    let problem = run_by_crate(command, |name, tally, _| {
        rows.push(format!("{name} {} {}", tally.passed, tally.failed));
    });
    assert_eq!(rows, ["openai_api 1 0", "trainer 0 1"]);
    assert_eq!(problem.unwrap(), None);
}

#[cfg(unix)]
#[test]
fn doc_tests_that_do_not_build_are_a_problem() {
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "exit 101"]);
    let problem = run_by_crate(command, |_, _, _| {}).unwrap();
    assert_eq!(problem.as_deref(), Some("the process ended with exit status: 101"));
}

#[track_caller]
fn check(output: &str, expected: Expect) {
    let mut reader = Reader::default();
    output.lines().for_each(|line| reader.read(line));
    let Tally { passed, failed, ignored, complaints } = reader.close();
    let ignored = ignored.join(", ");
    expected
        .assert_eq(&format!("{passed} passed, {failed} failed, not run: {ignored}\n{complaints}"));
}
