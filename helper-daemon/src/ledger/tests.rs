use super::*;
use crate::policy::judge::Reason;
use crate::policy::operation::Op;

fn session() -> SessionId {
    SessionId::parse("20260102-030405-abcd").unwrap()
}

fn now() -> Timestamp {
    "2026-01-02T03:04:05.6789Z".parse().unwrap()
}

fn denial() -> Denial {
    Denial {
        op: Op::Unlink,
        path: "/p/a".into(),
        dest: None,
        zone: "/p".into(),
        reason: Reason::Removed,
        pid: 1,
        exe: "/bin/rm".into(),
        argv: vec!["rm".into()],
        cwd: "/".into(),
    }
}

fn written() -> Vec<u8> {
    let mut ledger = Ledger::new(Vec::new(), session());
    ledger.append(Record::Denial((&denial()).into()), now());
    ledger.append(
        Record::SessionEnd(End { status: Some(0), counts: Counts { denied: 1, ..Counts::default() } }),
        now(),
    );
    ledger.out
}

#[test]
fn a_line_begins_with_its_type_and_carries_the_rest() {
    let text = String::from_utf8(written()).unwrap();
    let first = text.lines().next().unwrap();
    assert!(first.starts_with(r#"{"type":"denial","#), "{first}");
    for key in [
        r#""v":1"#,
        r#""ts":1767323045"#,
        r#""time":"2026-01-02T03:04:05.678Z""#,
        r#""session":"20260102-030405-abcd""#,
        r#""seq":0"#,
        r#""dest":null"#,
    ] {
        assert!(first.contains(key), "{key} in {first}");
    }
}

#[test]
fn what_is_written_is_read_back() {
    let contents = read(written().as_slice()).unwrap();
    assert_eq!(contents.notes, [] as [&str; 0]);
    assert_eq!(contents.denials().next().unwrap().1, denial());
    assert_eq!(contents.end().unwrap().1.counts.denied, 1);
}

#[test]
fn a_torn_last_line_is_skipped_with_a_note() {
    let bytes = written();
    let contents = read(&bytes[..bytes.len() - 20]).unwrap();
    assert_eq!(contents.lines.len(), 1);
    assert_eq!(contents.notes, ["line 2 is torn and was skipped"]);
}

#[test]
fn foreign_and_empty_lines_are_no_error() {
    let mut bytes = b"\n{\"type\":\"party\"}\nhello\n".to_vec();
    bytes.extend(written());
    let contents = read(bytes.as_slice()).unwrap();
    assert_eq!(contents.lines.len(), 2);
    assert_eq!(contents.notes.len(), 2, "{:?}", contents.notes);
    assert!(read(&b""[..]).unwrap().lines.is_empty());
}

/// A disk that takes so many bytes and no more, until it is given more.
struct Disk {
    room: usize,
    bytes: Vec<u8>,
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(self.room);
        if taken == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.room -= taken;
        self.bytes.extend(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_loses_records_and_says_how_many() {
    let one = written().iter().position(|&b| b == b'\n').unwrap();
    let mut ledger = Ledger::new(Disk { room: one + 30, bytes: Vec::new() }, session());
    for _ in 0..4 {
        ledger.append(Record::Denial((&denial()).into()), now());
    }
    assert_eq!(ledger.lost(), 3);
    ledger.out.room = 10_000;
    ledger.append(Record::Denial((&denial()).into()), now());
    let contents = read(ledger.out.bytes.as_slice()).unwrap();
    assert_eq!(contents.lines.iter().map(|line| line.seq).collect::<Vec<_>>(), [0, 4]);
    assert_eq!(contents.notes.len(), 1);
}

#[test]
fn the_shared_file_is_cut_to_its_newest_half() {
    let mut file = tempfile::tempfile().unwrap();
    for n in 0..300 {
        writeln!(file, "{{\"n\":{n}}}").unwrap();
    }
    cut_to_newest_half(&mut file, 1000).unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    assert!(text.len() <= 500 && text.ends_with("{\"n\":299}\n"));
    assert!(text.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
}

#[test]
fn the_shared_file_has_exactly_five_keys() {
    let path = tempfile::NamedTempFile::new().unwrap();
    let file = std::fs::OpenOptions::new().read(true).append(true).open(path.path()).unwrap();
    DenialsFile::new(file).append(&denial(), 7).unwrap();
    let text = std::fs::read_to_string(path.path()).unwrap();
    assert_eq!(text, "{\"ts\":7,\"op\":\"unlink\",\"path\":\"/p/a\",\"dest\":null,\"zone\":\"/p\"}\n");
}
