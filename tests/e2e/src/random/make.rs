//! Makes a script from a number: over few names, so that they meet.

use super::script::{By, Script, Step};

/// Directories; what most happens in stands more often.
const DIRS: [&str; 12] = [
    "@zone",
    "@zone",
    "@zone",
    "@zone",
    "@zone",
    "@zone",
    "@zone/d",
    "@zone/d",
    "@zone/target",
    "@other",
    "@out",
    "@out/d",
];
const NAMES: [&str; 9] = ["a", "a", "a", "a", "b", "b", "c", "d", "target"];
const TARGETS: [&str; 7] = ["a", "b", "d", "d/a", "../d/b", "../../out/none", "nowhere"];
const MODES: [&str; 4] = ["700", "755", "744", "711"];
const STEPS: u64 = 20;

/// Numbers in a fixed order (Steele, Lea, Flood: SplitMix64).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The dice of one script.
    pub fn of(seed: u64, number: u64) -> Self {
        let mut dice = Self(seed);
        dice.0 = dice.roll() ^ number.wrapping_mul(0xd134_2543_de82_ef95);
        dice
    }

    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `limit`.
    fn below(&mut self, limit: u64) -> u64 {
        self.roll() % limit
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }
}

/// Makes a script.
pub fn script(dice: Dice) -> Script {
    let mut maker = Maker { dice, script: Script::default(), texts: 0 };
    maker.script.twin_goes_on = maker.dice.one_in(2);
    maker.prepare();
    let count = 4 + maker.dice.below(STEPS);
    while (maker.script.steps.len() as u64) < count {
        if maker.dice.one_in(4) { maker.person() } else { maker.tree() }
    }
    maker.script
}

struct Maker {
    dice: Dice,
    script: Script,
    texts: usize,
}

impl Maker {
    fn prepare(&mut self) {
        let setup = &mut self.script.setup;
        setup.extend(["@zone", "@other", "@out"].map(|place| format!("dir {place}")));
        for dir in ["@zone/d", "@zone/d/d", "@zone/target", "@other/d", "@out/d"] {
            if !self.dice.one_in(3) {
                self.script.setup.push(format!("dir {dir}"));
            }
        }
        for _ in 0..5 + self.dice.below(6) {
            let line = match self.dice.below(10) {
                0 => format!("symlink {} {}", self.dice.pick(&TARGETS), self.path()),
                1 => format!("link {} {}", self.path(), self.path()),
                2 => format!("fifo {}", self.path()),
                _ => format!("file {} {}", self.path(), self.text()),
            };
            self.script.setup.push(line);
        }
    }

    fn person(&mut self) {
        let (path, other) = (self.path(), self.path());
        let line = match self.dice.below(14) {
            0..4 => format!("file {path} {}", self.text()),
            4 => format!("rm {path}"),
            5 => format!("rmdir {path}"),
            6 => format!("dir {path}"),
            7 => format!("mv {path} {other}"),
            8 => format!("symlink {} {path}", self.dice.pick(&TARGETS)),
            9 => format!("link {path} {other}"),
            10 => format!("fifo {path}"),
            // Made anew, maybe with the number of what was there.
            11 | 12 => {
                self.by(By::Person, format!("rm {path}"));
                format!("file {path} {}", self.text())
            }
            _ => {
                let (beside, text) = (format!("{}/.new", self.dir()), self.text());
                self.by(By::Person, format!("file {beside} {text}"));
                format!("mv {beside} {path}")
            }
        };
        self.by(By::Person, line);
    }

    fn tree(&mut self) {
        match self.dice.below(22) {
            0 => self.save(),
            1 => self.save_with_backup(),
            2 => self.unnamed(),
            3 => self.by_descriptor(),
            4 => self.standing_within(),
            5 => self.held_open(),
            6 => self.make_and_remove(),
            _ => {
                let path = self.path();
                let line = self.line(&path);
                let child = if self.dice.one_in(20) { "in_child " } else { "" };
                self.by(By::Tree, format!("{child}{line}"));
            }
        }
    }

    /// One call.
    fn line(&mut self, path: &str) -> String {
        let other = self.path();
        match self.dice.below(30) {
            0 | 1 => format!("open {path} {}", self.flags()),
            2 => format!("openat cwd {path} {}", self.flags()),
            3 => format!("openat2 cwd {path} {}", self.flags()),
            4 => format!("write {path} {} nonblock", self.text()),
            5..8 => format!("save {path} {} nonblock", self.text()),
            8 => format!("append {path} {} nonblock", self.text()),
            9 => format!("truncate {path}"),
            10 => format!("chmod {path} {}", self.dice.pick(&MODES)),
            11 | 12 => format!("mkdir {path}"),
            13 => format!("symlink {} {path}", self.dice.pick(&TARGETS)),
            14 => format!("link {path} {other}"),
            15 => format!("linkat cwd {path} cwd {other} {}", self.dice.pick(&["0", "follow"])),
            16 => format!("mkfifo {path}"),
            17 => format!("mknod {path}"),
            18 => format!("bind_socket {path}"),
            19 | 20 => format!("unlink {path}"),
            21 => format!("unlinkat cwd {path} {}", self.dice.pick(&["0", "dir"])),
            22 => format!("rmdir {path}"),
            23..26 => format!("rename {path} {other}"),
            26 => format!("renameat cwd {path} cwd {other}"),
            27 => format!("renameat2 cwd {path} cwd {other} {}", self.dice.pick(&["0", "noreplace"])),
            _ => format!("renameat2 cwd {path} cwd {other} exchange"),
        }
    }

    /// A new file beside takes the name.
    fn save(&mut self) {
        let (path, text) = (self.path(), self.text());
        let new = if self.dice.one_in(4) { format!("{}/.tmp", self.dir()) } else { format!("{path}.tmp") };
        self.by(By::Tree, format!("save {new} {text} nonblock"));
        let by_swap = self.dice.one_in(4);
        let take = if by_swap {
            format!("renameat2 cwd {new} cwd {path} exchange")
        } else {
            format!("rename {new} {path}")
        };
        self.by(By::Tree, take);
        if by_swap {
            self.by(By::Tree, format!("unlink {new}"));
        }
    }

    fn save_with_backup(&mut self) {
        let (path, text) = (self.path(), self.text());
        let how = self.dice.pick(&["rename", "link"]);
        self.by(By::Tree, format!("{how} {path} {path}~"));
        if how == "link" {
            self.by(By::Tree, format!("save {path}.tmp {text} nonblock"));
            self.by(By::Tree, format!("rename {path}.tmp {path}"));
        } else {
            self.by(By::Tree, format!("save {path} {text} nonblock"));
        }
        if self.dice.one_in(2) {
            self.by(By::Tree, format!("unlink {path}~"));
        }
    }

    /// A file without a name is given one.
    fn unnamed(&mut self) {
        let (dir, path, text) = (self.dir(), self.path(), self.text());
        self.by(By::Tree, format!("openfd d9 {dir} tmpfile,rdwr"));
        self.by(By::Tree, format!("write /proc/self/fd/109 {text} nonblock"));
        self.by(By::Tree, format!("linkat cwd /proc/self/fd/109 cwd {path} follow"));
    }

    fn by_descriptor(&mut self) {
        let (dir, other) = (self.dir(), self.dir());
        self.by(By::Tree, format!("opendir d1 {dir}"));
        self.by(By::Tree, format!("opendir d2 {other}"));
        for _ in 0..1 + self.dice.below(3) {
            let (name, new) = (self.dice.pick(&NAMES), self.dice.pick(&NAMES));
            let line = match self.dice.below(8) {
                0 => format!("openat d1 {name} {}", self.flags()),
                1 => format!("mkdirat d1 {name}"),
                2 => format!("symlinkat {} d1 {name}", self.dice.pick(&TARGETS)),
                3 => format!("linkat d1 {name} d2 {new}"),
                4 => format!("mknodat d1 {name}"),
                5 => format!("unlinkat d1 {name} {}", self.dice.pick(&["0", "dir"])),
                6 => format!("renameat d1 {name} d2 {new}"),
                _ => {
                    let flags = self.dice.pick(&["0", "noreplace", "exchange"]);
                    format!("renameat2 d1 {name} d2 {new} {flags}")
                }
            };
            self.by(By::Tree, line);
        }
    }

    fn standing_within(&mut self) {
        let dir = self.dir();
        self.by(By::Tree, format!("chdir {dir}"));
        for _ in 0..1 + self.dice.below(3) {
            let name = self.dice.pick(&["a", "b", "d", "d/a", "./a", "d/../b"]);
            let line = self.line(name);
            self.by(By::Tree, line);
        }
    }

    /// A descriptor that outlives the name.
    fn held_open(&mut self) {
        let (path, other, text) = (self.path(), self.path(), self.text());
        self.by(By::Tree, format!("openfd d8 {path} wronly,nonblock"));
        let take =
            if self.dice.one_in(2) { format!("unlink {path}") } else { format!("rename {path} {other}") };
        self.by(By::Tree, take);
        self.by(By::Tree, format!("write /proc/self/fd/108 {text} nonblock"));
    }

    /// A tree that is made, moved and taken down.
    fn make_and_remove(&mut self) {
        let (dir, to, text) = (self.path(), self.path(), self.text());
        let inside = self.dice.pick(&["a", "target"]);
        self.by(By::Tree, format!("mkdir {dir}"));
        self.by(By::Tree, format!("save {dir}/{inside} {text} nonblock"));
        self.by(By::Tree, format!("rename {dir} {to}"));
        self.by(By::Tree, format!("unlink {to}/{inside}"));
        self.by(By::Tree, format!("rmdir {to}"));
    }

    fn flags(&mut self) -> String {
        let mut flags = vec![self.dice.pick(&["wronly", "rdwr"]), "nonblock"];
        for (flag, rarity) in [("creat", 2), ("trunc", 3), ("excl", 4), ("append", 4), ("nofollow", 6)] {
            if self.dice.one_in(rarity) {
                flags.push(flag);
            }
        }
        flags.join(",")
    }

    fn dir(&mut self) -> &'static str {
        self.dice.pick(&DIRS)
    }

    fn path(&mut self) -> String {
        let (dir, name) = (self.dir(), self.dice.pick(&NAMES));
        match self.dice.below(40) {
            0 => format!("{dir}/./{name}"),
            1 => format!("{dir}/{name}/"),
            2 => format!("{dir}/d/../{name}"),
            _ => format!("{dir}/{name}"),
        }
    }

    fn text(&mut self) -> String {
        self.texts += 1;
        format!("text{}", self.texts)
    }

    fn by(&mut self, by: By, text: String) {
        self.script.steps.push(Step { by, text });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_a_script() {
        let all: Vec<_> = (0..50).map(|number| script(Dice::of(7, number))).collect();
        assert!((0..50).all(|number| script(Dice::of(7, number)) == all[number as usize]));
        assert!(all.windows(2).all(|two| two[0] != two[1]));
        assert_ne!(script(Dice::of(8, 0)), all[0]);
    }
}
