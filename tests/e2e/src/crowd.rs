//! Many sessions of several users at once, each with an agent that does so many guarded operations when it is
//! told (`attacks/load.c`).

use crate::guard::{Mode, Stage, Watchdog};
use crate::row::Who;
use crate::sandbox::{Sandbox, USER, is_root};
use std::fs;
use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

/// One session.
#[derive(Debug)]
pub struct Member {
    /// Where its zone, `zone`, and its records are.
    pub sandbox: Sandbox,
    child: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
    stderr: JoinHandle<String>,
    _watchdog: Watchdog,
}

impl Member {
    /// An agent that waits for the [go](Self::go), of the `of`th user: it will do `count` operations, each second
    /// one to be denied.
    pub fn at_work(stage: &Stage, of: u32, count: usize) -> Self {
        Self::start(stage, of, ["work", "zone", &count.to_string(), "0"], count)
    }

    /// The same, with a pause between two operations.
    pub fn at_ease(stage: &Stage, of: u32, count: usize, pause: Duration) -> Self {
        let pause = pause.as_micros().to_string();
        Self::start(stage, of, ["work", "zone", &count.to_string(), &pause], count)
    }

    /// An agent that has so many threads with denied operations, without end.
    pub fn flooding(stage: &Stage, of: u32, threads: usize) -> Self {
        Self::start(stage, of, ["flood", "zone", &threads.to_string(), "0"], 1)
    }

    fn start(stage: &Stage, of: u32, words: [&str; 4], names: usize) -> Self {
        let sandbox = Sandbox::new(Who::User);
        let zone = sandbox.root().join("zone");
        fs::create_dir(&zone).expect("a zone");
        for n in (0..names).step_by(2) {
            fs::write(zone.join(format!("old-{n}")), "old").expect("a file");
        }
        let mode = Mode::Guarded { zones: vec![zone], policy: None };
        let mut command = stage.command(&sandbox, &mode, &stage.program("load"));
        command.args(words);
        if is_root() {
            let user = USER + of;
            let base = sandbox.beside("");
            let owned = Command::new("chown").arg("-hR").arg(format!("{user}:{user}")).arg(base).status();
            assert!(owned.is_ok_and(|status| status.success()), "chown of the sandbox");
            command.uid(user).gid(user);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("start {command:?}: {error}"));
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let mut errors = child.stderr.take().expect("a pipe");
        let stderr = std::thread::spawn(move || {
            let mut text = String::new();
            errors.read_to_string(&mut text).expect("what was said on standard error");
            text
        });
        let watchdog = Watchdog::of(child.id());
        Self { sandbox, child, input, output, stderr, _watchdog: watchdog }
    }

    /// Waits until it says this; answers the two numbers that it says with it.
    pub fn says(&mut self, word: &str) -> [u64; 2] {
        let Some(Ok(line)) = self.output.next() else {
            panic!("no {word:?} from the agent: it has ended, {:?}", self.child.try_wait());
        };
        let words: Vec<_> = line.split(' ').collect();
        assert_eq!(words[0], word, "{line}");
        [1, 2].map(|n| words[n].parse().expect("a number"))
    }

    /// Tells it to begin, or, one that floods, to stop.
    pub fn go(&mut self) {
        self.input.as_mut().expect("it has not been ended").write_all(b"\n").expect("the agent listens");
    }

    /// Ends it.
    ///
    /// # Panics
    /// When any of its operations came to what it must not.
    pub fn ends(mut self) -> Sandbox {
        drop(self.input.take());
        let status = self.child.wait().expect("its end");
        let told = self.stderr.join().expect("its standard error");
        assert!(status.success(), "{status}: {told}");
        self.sandbox
    }
}

/// Many of them, all at work at once, all there before the first begins.
#[derive(Debug)]
pub struct Crowd {
    members: Vec<Member>,
}

impl Crowd {
    /// So many sessions, each started by its number, which wait for the go.
    pub fn gather(sessions: u32, start: impl Fn(u32) -> Member) -> Self {
        let mut members: Vec<_> = (0..sessions).map(start).collect();
        for member in &mut members {
            member.says("ready");
        }
        Self { members }
    }

    /// Lets all of them work to the end; of one operation the median and the 99th percentile, a session each.
    pub fn works(&mut self) -> Vec<[u64; 2]> {
        self.members.iter_mut().for_each(Member::go);
        self.members.iter_mut().map(|member| member.says("done")).collect()
    }

    /// Ends all of them.
    pub fn ends(self) -> Vec<Sandbox> {
        self.members.into_iter().map(Member::ends).collect()
    }
}
