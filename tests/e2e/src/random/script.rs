//! A script: what the person prepares, then steps of the tree and of the person by turns.
//!
//! Steps are written as in the rows of the corpus. `@zone`, `@other` and `@out` stand for the script's own
//! directories in the two zones and outside.

use std::fmt;
use std::path::Path;

/// Who does a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The guarded tree.
    Tree,
    /// Somebody outside it.
    Person,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Who does it.
    pub by: By,
    /// As it is written.
    pub text: String,
}

impl Step {
    /// The words, without `in_child`.
    pub fn words(&self) -> Vec<&str> {
        self.text.split(' ').skip_while(|word| *word == "in_child").collect()
    }
}

/// One script.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// What the person does before the session.
    pub setup: Vec<String>,
    /// What is done in it.
    pub steps: Vec<Step>,
    /// Whether the bare twin does what the guarded one was refused, so that the error can be compared; if not,
    /// it leaves that out, so that what comes after can be compared.
    pub twin_goes_on: bool,
}

impl Script {
    /// A line of the script for script number `number` below `base`.
    pub fn line(text: &str, base: &Path, number: usize) -> String {
        let mut line = text.to_owned();
        for place in ["zone", "other", "out"] {
            let there = format!("{}/{place}/s{number}", base.display());
            line = line.replace(&format!("@{place}"), &there);
        }
        line
    }
}

/// As a row of the corpus, but for what must come of it.
impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |text: &str| text.replace('@', "{root}/");
        writeln!(f, "setup = {:?}", self.setup.iter().map(|text| plain(text)).collect::<Vec<_>>())?;
        writeln!(f, "steps = [")?;
        for step in &self.steps {
            let person = if step.by == By::Person { "person " } else { "" };
            writeln!(f, "    {:?},", format!("{person}{}", plain(&step.text)))?;
        }
        write!(f, "]")
    }
}
