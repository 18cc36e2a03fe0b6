//! Runs a process and hands on its output line by line.

use std::{
    io::{self, BufRead as _, BufReader, PipeReader},
    process::{Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

/// How long a process may say nothing before it counts as stuck.
const PATIENCE: Duration = Duration::from_secs(20 * 60);
/// How often to look whether a silent process has ended.
const GLANCE: Duration = Duration::from_millis(100);

/// How a process ended.
#[derive(Debug)]
pub(crate) enum End {
    Exit(ExitStatus),
    /// It was stopped, having said nothing for so long.
    Stuck(Duration),
}

/// Runs `command`, calling `on_line` with each line of both its outputs in the
/// order they were written.
pub(crate) fn run(command: Command, on_line: impl FnMut(&str)) -> io::Result<End> {
    run_with(command, PATIENCE, on_line)
}

fn run_with(
    mut command: Command,
    patience: Duration,
    mut on_line: impl FnMut(&str),
) -> io::Result<End> {
    let (reader, writer) = io::pipe()?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn()?;
    // The command holds our ends for writing; the pipe ends only without them.
    drop(command);
    let lines = read_lines(reader);
    let mut last = Instant::now();
    loop {
        match lines.recv_timeout(GLANCE) {
            Ok(line) => {
                on_line(&line);
                last = Instant::now();
            }
            Err(RecvTimeoutError::Disconnected) => return Ok(End::Exit(child.wait()?)),
            // A process of its own that it left behind may hold the pipe open.
            Err(RecvTimeoutError::Timeout) => {
                if let Some(status) = child.try_wait()? {
                    while let Ok(line) = lines.recv_timeout(GLANCE) {
                        on_line(&line);
                    }
                    return Ok(End::Exit(status));
                }
                if last.elapsed() > patience {
                    child.kill()?;
                    child.wait()?;
                    return Ok(End::Stuck(patience));
                }
            }
        }
    }
}

fn read_lines(pipe: PipeReader) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        let mut line = Vec::new();
        while pipe.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            let text = String::from_utf8_lossy(&line);
            if sender.send(text.trim_end_matches(['\n', '\r']).to_owned()).is_err() {
                break;
            }
            line.clear();
        }
    });
    receiver
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::{process::Command, time::Duration};

    use super::{End, run, run_with};

    #[test]
    fn both_outputs_arrive_in_the_order_they_were_written() {
        let (end, lines) = shell("echo one; echo two >&2; printf 'three'; exit 3");
        assert_eq!(lines, ["one", "two", "three"]);
        assert!(matches!(end, End::Exit(status) if status.code() == Some(3)));
    }

    #[test]
    fn a_process_left_behind_does_not_hold_us_up() {
        // The one left behind ends with the test process, which is the shell's parent.
        let (end, lines) = shell("tail -f /dev/null --pid=$PPID & echo done");
        assert_eq!(lines, ["done"]);
        assert!(matches!(end, End::Exit(status) if status.success()));
    }

    #[test]
    fn a_silent_process_is_stopped() {
        let mut command = Command::new("tail");
        command.args(["-f", "/dev/null"]);
        let end = run_with(command, Duration::ZERO, |_| {}).unwrap();
        assert!(matches!(end, End::Stuck(_)));
    }

    fn shell(script: &str) -> (End, Vec<String>) {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let mut lines = Vec::new();
        let end = run(command, |line| lines.push(line.to_owned())).unwrap();
        (end, lines)
    }
}
