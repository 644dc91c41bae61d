//! What a session may put in the place of a repository's files, and do to the process that reads them.

use super::Test;
use super::repo::{Repo, Said, is_held, only, said};
use helper_daemon::git::clerk::Clerk;
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, mkfifo};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

pub(crate) const TESTS: &[Test] = &[
    ("an index damaged at any byte answers something", damaged_index),
    ("files of other kinds are not waited for", other_kinds),
    ("a loose object of a name that is not its own", forged_loose),
    ("an index of a pack that points elsewhere", forged_pack_index),
    ("a pack damaged at any byte holds nothing that it has not", damaged_pack),
    ("sizes that are only said are not believed", said_sizes),
    ("a reader that dies is followed by another", dies),
    ("a reader that hangs is not waited for", hangs),
    ("it can be neither read nor traced, and ends with the guard", alone),
];

/// Makes a file writable, as git leaves its objects read-only.
fn replace(path: &Path, content: &[u8]) {
    let _ = fs::remove_file(path);
    fs::write(path, content).unwrap();
}

fn damaged_index() {
    for options in [["sha1", "2"], ["sha1", "4"], ["sha256", "2"]] {
        let repo = Repo::new(&["--object-format", options[0]]);
        repo.git(&["update-index", "--index-version", options[1]]);
        let index = fs::read(repo.path(".git/index")).unwrap();
        let clerk = repo.clerk();
        let ask = |content: &[u8]| {
            replace(&repo.path(".git/index"), content);
            ["a", "dir/b", "dir", "none"].map(|path| said(&clerk, &repo.path(path)))
        };
        for length in 0..index.len() {
            ask(&index[..length]);
        }
        for at in 0..index.len() {
            for value in [0, 0x7f, 0x80, 0xff] {
                let mut damaged = index.clone();
                damaged[at] = value;
                ask(&damaged);
            }
        }
        assert_eq!(ask(&index), [Said::File, Said::File, Said::Directory, Said::No]);
    }
}

fn other_kinds() {
    let repo = Repo::new(&[]);
    let clerk = repo.clerk();
    let index = repo.path(".git/index");
    fs::rename(&index, repo.path("index")).unwrap();
    mkfifo(&index, Mode::S_IRWXU).unwrap();
    assert_eq!(said(&clerk, &repo.path("a")), Said::No);
    fs::remove_file(&index).unwrap();
    for target in ["/dev/zero", "/dev/tty", "/proc/self/mem", "index", "."] {
        symlink(target, &index).unwrap();
        assert_eq!(said(&clerk, &repo.path("a")), Said::No, "{target}");
        fs::remove_file(&index).unwrap();
    }
    let endless = fs::File::create(&index).unwrap();
    endless.set_len(1 << 40).unwrap();
    assert_eq!(said(&clerk, &repo.path("a")), Said::No);
    fs::remove_file(&index).unwrap();
    symlink(repo.path("index"), &index).unwrap();
    assert_eq!(said(&clerk, &repo.path("a")), Said::File, "git follows it, too");
    mkfifo(&repo.path("dir/.git"), Mode::S_IRWXU).unwrap();
    assert_eq!(said(&clerk, &repo.path("dir/b")), Said::File);
    fs::remove_file(repo.path("dir/.git")).unwrap();
    repo.write("dir/.git", &vec![b'x'; 1 << 20]);
    assert_eq!(said(&clerk, &repo.path("dir/b")), Said::No);
}

/// Where a loose object is.
fn loose(repo: &Repo, of: &[u8]) -> std::path::PathBuf {
    repo.write("scratch", of);
    let name = repo.git(&["hash-object", "scratch"]);
    let (first, rest) = name.trim().split_at(2);
    repo.path(&format!(".git/objects/{first}/{rest}"))
}

fn forged_loose() {
    let repo = Repo::new(&[]);
    repo.write("a", b"precious\n");
    let (place, other) = (loose(&repo, b"precious\n"), loose(&repo, b"second\n"));
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    let clerk = repo.clerk();
    let other = fs::read(other).unwrap();
    for content in [other.as_slice(), b"", b"precious\n", &other[..other.len() - 1], &other[..8]] {
        replace(&place, content);
        assert!(!is_held(&clerk, &repo.path("a")));
    }
    repo.write("a", b"second\n");
    assert!(is_held(&clerk, &repo.path("a")));
}

fn forged_pack_index() {
    let repo = Repo::new(&[]);
    repo.git(&["repack", "-q", "-a", "-d"]);
    let pack = only(&repo.path(".git/objects"), ".idx");
    let index = fs::read(&pack).unwrap();
    let bytes = |hex: &str| -> Vec<u8> {
        hex.as_bytes()
            .chunks(2)
            .map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap())
            .collect()
    };
    // Its first byte stays, or the order would be another.
    let old = bytes(repo.git(&["rev-parse", ":a"]).trim());
    let content = (0..).map(|n: u32| format!("precious {n}\n")).find(|content| {
        repo.write("a", content.as_bytes());
        bytes(repo.git(&["hash-object", "a"]).trim())[0] == old[0]
    });
    let content = content.unwrap();
    let new = bytes(repo.git(&["hash-object", "a"]).trim());
    let at = index.windows(20).position(|name| name == old).unwrap();
    let mut forged = index.clone();
    forged[at..at + 20].copy_from_slice(&new);
    replace(&pack, &forged);
    assert_eq!(
        repo.git(&["cat-file", "-t", repo.git(&["hash-object", "a"]).trim()]),
        "blob\n",
        "git believes it"
    );
    let clerk = repo.clerk();
    assert!(!is_held(&clerk, &repo.path("a")), "{content}");
    replace(&pack, &index);
    repo.write("a", b"first\n");
    assert!(is_held(&clerk, &repo.path("a")));
}

fn damaged_pack() {
    let repo = Repo::new(&[]);
    let text: Vec<String> = (0..40).map(|n| format!("line {n}")).collect();
    repo.write("text", text.join("\n").as_bytes());
    repo.git(&["add", "."]);
    repo.git(&["commit", "-q", "-m", "x"]);
    repo.write("text", text[1..].join("\n").as_bytes());
    repo.git(&["commit", "-qam", "x"]);
    repo.git(&["repack", "-q", "-a", "-d", "-f"]);
    let clerk = repo.clerk();
    for ending in [".pack", ".idx"] {
        let path = only(&repo.path(".git/objects"), ending);
        let whole = fs::read(&path).unwrap();
        for at in (0..whole.len()).step_by(3) {
            let mut damaged = whole.clone();
            damaged[at] ^= 0xff;
            replace(&path, &damaged);
            // Held or not, by what can be decoded still; what it never had, it never holds.
            is_held(&clerk, &repo.path("text"));
            repo.write("a", b"never");
            assert!(!is_held(&clerk, &repo.path("a")));
            replace(&path, &whole[..at]);
            is_held(&clerk, &repo.path("text"));
        }
        replace(&path, &whole);
        assert!(is_held(&clerk, &repo.path("text")));
    }
}

fn said_sizes() {
    let repo = Repo::new(&[]);
    repo.git(&["repack", "-q", "-a", "-d"]);
    let path = only(&repo.path(".git/objects"), ".pack");
    let whole = fs::read(&path).unwrap();
    let clerk = repo.clerk();
    // Every entry is a blob of ten gigabytes, as it says.
    let mut huge = whole.clone();
    for place in huge[12..].chunks_exact_mut(6) {
        place.copy_from_slice(&[0xb0, 0x80, 0x80, 0x80, 0xa0, 0x01]);
    }
    replace(&path, &huge);
    assert!(!is_held(&clerk, &repo.path("a")));
    // A hundred megabytes of zeros, in a file of a hundred kilobytes, are read and are not it.
    replace(&path, &whole);
    repo.write("zeros", b"");
    fs::File::options().write(true).open(repo.path("zeros")).unwrap().set_len(300 << 20).unwrap();
    repo.git(&["-c", "core.bigFileThreshold=1g", "add", "zeros"]);
    assert!(!is_held(&clerk, &repo.path("zeros")), "too large to be read");
    assert!(is_held(&clerk, &repo.path("a")));
}

/// The processes that read, once there is one.
fn reader(clerk: &Clerk) -> Pid {
    let list = format!("/proc/{0}/task/{0}/children", clerk.pid());
    fs::read_to_string(list)
        .unwrap()
        .split_whitespace()
        .next()
        .map(|pid| Pid::from_raw(pid.parse().unwrap()))
        .unwrap()
}

fn dies() {
    let repo = Repo::new(&[]);
    let clerk = repo.clerk();
    for _ in 0..3 {
        assert_eq!(said(&clerk, &repo.path("a")), Said::File);
        kill(reader(&clerk), Signal::SIGKILL).unwrap();
        assert_eq!(said(&clerk, &repo.path("a")), Said::File);
        assert!(is_held(&clerk, &repo.path("a")));
    }
    kill(clerk.pid(), Signal::SIGKILL).unwrap();
    // Its reader dies of that, a little later.
    while said(&clerk, &repo.path("a")) != Said::No {}
}

fn hangs() {
    let repo = Repo::new(&[]);
    let clerk = repo.clerk();
    assert_eq!(said(&clerk, &repo.path("a")), Said::File);
    kill(reader(&clerk), Signal::SIGSTOP).unwrap();
    let began = Instant::now();
    for _ in 0..1000 {
        assert_eq!(said(&clerk, &repo.path("a")), Said::No);
    }
    // Waited for once; a hang limit, which a thousand waits would be far beyond.
    assert!(began.elapsed() < Duration::from_secs(300));
}

fn alone() {
    let repo = Repo::new(&[]);
    let clerk = repo.clerk();
    assert_eq!(said(&clerk, &repo.path("a")), Said::File);
    let (clerks, readers) = (clerk.pid(), reader(&clerk));
    for process in [clerks, readers] {
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
        let of =
            |key: &str| status.lines().find_map(|line| line.strip_prefix(key)).unwrap().trim().to_owned();
        let capabilities = u64::from_str_radix(&of("CapEff:"), 16).unwrap();
        assert_eq!(capabilities & !(1 << 2), 0, "it reads, and no more");
        let open = fs::read_link(format!("/proc/{process}/exe"));
        assert_eq!(open.is_ok(), e2e::sandbox::is_root(), "not by its own user");
    }
    // Waiting for any child does not see it.
    let waited = nix::sys::wait::waitpid(Pid::from_raw(-1), None);
    assert_eq!(waited, Err(nix::errno::Errno::ECHILD));
    drop(clerk);
    for process in [clerks, readers] {
        let lives = || {
            let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
            stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
        };
        while lives() {
            std::thread::yield_now();
        }
    }
}
