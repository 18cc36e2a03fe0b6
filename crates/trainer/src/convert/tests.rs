use super::*;
use crate::FileType;

fn convert(text: &str, kind: Kind) -> Result<(String, Converted)> {
    let reader = Reader::text(text, FileType::JsonLines);
    let mut out = Vec::new();
    let told = Conversion::of_kind(reader, Format::Trl, kind)?.write_to(&mut out)?;
    Ok((String::from_utf8(out).unwrap(), told))
}

#[test]
fn threads_change_nothing_but_the_time() {
    let rows: String = (0..30_000).map(|n| format!("q{n},\"a{n}, and so on\"\n")).collect();
    let text = format!("prompt,completion\n{rows}");
    let with = |threads| {
        let mut out = Vec::new();
        let told = Conversion::new(Reader::text(&text, FileType::Csv), Format::OpenAi)
            .with_threads(NonZeroUsize::new(threads).unwrap())
            .write_to(&mut out)
            .unwrap();
        (out, told)
    };
    let (out, told) = with(1);
    assert_eq!((told.read, told.written), (30_000, 30_000));
    assert_eq!((told.bytes_read, told.bytes_written), (text.len() as u64, out.len() as u64));
    assert_eq!(with(2), (out.clone(), told));
    assert_eq!(with(7), (out, told));
}

#[test]
fn answers_to_one_prompt_become_preferences() {
    let (out, told) = convert(
        "{\"prompt\":\"q\",\"completion\":\"good\"}\n\
         {\"prompt\":\"q\",\"completion\":\"bad\",\"label\":false}\n\
         {\"prompt\":\"alone\",\"completion\":\"bad\",\"label\":false}\n\
         {\"prompt\":\"p\",\"chosen\":\"better\",\"rejected\":\"worse\"}\n",
        Kind::Preference,
    )
    .unwrap();
    assert_eq!((told.read, told.written, told.unpaired), (4, 2, 1));
    let set = Dataset::from_jsonl_text(&out).unwrap();
    let answers: Vec<_> = set.preferences.iter().map(|pair| pair.preferred.text()).collect();
    assert_eq!(answers, ["better", "good"]);
}

#[test]
fn records_that_say_the_same_are_written_once() {
    let rows: String = (0..40_000).map(|n| format!("q{},a\n", n % 30_000)).collect();
    let text = format!("prompt,completion\n{rows}q1,\"a\"\nq1,b\n");
    let once = |threads| {
        let mut out = Vec::new();
        let told = Conversion::new(Reader::text(&text, FileType::Csv), Format::OpenAi)
            .with_threads(NonZeroUsize::new(threads).unwrap())
            .without_duplicates()
            .write_to(&mut out)
            .unwrap();
        assert_eq!((told.read, told.written, told.duplicates), (40_002, 30_001, 10_001));
        assert_eq!(told.bytes_written, out.len() as u64);
        String::from_utf8(out).unwrap()
    };
    let out = once(1);
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines.len(), 30_001);
    assert!(lines[29_999].contains("q29999") && lines[30_000].contains("\"b\""));
    assert_eq!(once(3), out);
}

#[test]
fn personal_data_is_taken_out_wherever_it_stands() {
    let text = "prompt,completion\nIs jo@example.org right?,No: ann@example.org. Not jo@example.org.\nq,a\n";
    let redacted = |text: &str, kind| {
        let mut out = Vec::new();
        let told = Conversion::new(Reader::text(text, kind), Format::OpenAi)
            .redacted(Redactor::default().with_numbers())
            .write_to(&mut out)
            .unwrap();
        assert_eq!(told.redacted, 1);
        String::from_utf8(out).unwrap()
    };
    assert_eq!(
        redacted(text, FileType::Csv).lines().next().unwrap(),
        r#"{"messages":[{"role":"user","content":"Is [EMAIL_1] right?"},{"role":"assistant","content":"No: [EMAIL_2]. Not [EMAIL_1]."}]}"#
    );
    let text = r#"{"messages":[{"role":"user","content":[{"type":"text","text":"jo@example.org"}]},{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{\"to\":\"jo@example.org\"}"}}]}],"metadata":{"by":["jo@example.org"]}}"#;
    let out = redacted(text, FileType::JsonLines);
    assert_eq!((out.matches("[EMAIL_1]").count(), out.matches('@').count()), (3, 0), "{out}");
}

#[test]
fn a_kind_that_a_format_has_no_form_for_is_refused_at_once() {
    let reader = Reader::text("", FileType::Csv);
    let error = Conversion::of_kind(reader, Format::OpenAi, Kind::Unpaired).unwrap_err();
    assert_eq!(
        error.to_string(),
        "format: openai has no form for unpaired answers; take another, such as trl"
    );
}

#[test]
fn a_fault_leaves_the_older_file_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.jsonl");
    std::fs::write(&path, "older").unwrap();
    let to_file = |text: &str| {
        Conversion::new(Reader::text(text, FileType::Csv), Format::OpenAi).to_file(&path)
    };
    let error = to_file("prompt,completion\nq,a\nq,\n").unwrap_err();
    assert!(error.to_string().starts_with("data, line 3, column completion"), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "older");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);

    to_file("prompt,completion\nq,a\n").unwrap();
    assert!(std::fs::read_to_string(&path).unwrap().starts_with("{\"messages\""));
}

#[cfg(unix)]
#[test]
fn a_link_stays_one_and_a_device_is_written_to() {
    let folder = tempfile::tempdir().unwrap();
    let (file, link) = (folder.path().join("file.jsonl"), folder.path().join("link.jsonl"));
    std::fs::write(&file, "older").unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let to_file = |path: &Path| {
        let reader = Reader::text("prompt,completion\nq,a\n", FileType::Csv);
        Conversion::new(reader, Format::OpenAi).to_file(path).unwrap()
    };
    to_file(&link);
    assert!(link.is_symlink());
    assert!(std::fs::read_to_string(&file).unwrap().starts_with("{\"messages\""));
    assert_eq!(to_file(Path::new("/dev/null")).written, 1);
    assert!(!std::fs::metadata("/dev/null").unwrap().is_file());
}

#[test]
fn progress_ends_with_all_bytes() {
    let text = format!("prompt,completion\n{}", "q,a\n".repeat(300_000));
    let mut told = Vec::new();
    Conversion::new(Reader::text(&text, FileType::Csv), Format::OpenAi)
        .with_progress(|bytes| told.push(bytes))
        .write_to(std::io::sink())
        .unwrap();
    assert!(told.len() > 2 && told.is_sorted());
    assert_eq!(told.last(), Some(&(text.len() as u64)));
}

/// A disk that is full after some bytes.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let taken = bytes.len().min(self.0);
        self.0 -= taken;
        if taken == 0 { Err(std::io::ErrorKind::StorageFull.into()) } else { Ok(taken) }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_an_error_of_input_and_output() {
    let text = format!("prompt,completion\n{}", "q,a\n".repeat(300_000));
    for threads in [1, 3] {
        let error = Conversion::new(Reader::text(&text, FileType::Csv), Format::OpenAi)
            .with_threads(NonZeroUsize::new(threads).unwrap())
            .write_to(Full(1 << 20))
            .unwrap_err();
        assert!(matches!(error, Error::Io { action: "write", .. }), "{error}");
    }
}
