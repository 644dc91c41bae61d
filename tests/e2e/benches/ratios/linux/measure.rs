//! Turns, medians, and the line that is printed of them.

use std::fmt;

/// What a figure should not pass.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Aim {
    /// Its highest value.
    pub(crate) at_most: f64,
    /// The unit of the figure.
    pub(crate) of: &'static str,
}

impl Aim {
    /// A figure for information.
    pub(crate) fn none(of: &'static str) -> Self {
        Self { at_most: f64::INFINITY, of }
    }
}

/// Two sides, measured one after the other `count` times, so that what else the machine does meets both.
/// The first turn warms caches and is dropped.
pub(crate) fn of_turns(count: usize, mut turn: impl FnMut() -> [f64; 2]) -> Vec<[f64; 2]> {
    _ = turn();
    (0..count).map(|_| turn()).collect()
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<_> = values.collect();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// A line of the table.
#[derive(Debug)]
pub(crate) struct Line {
    name: &'static str,
    figure: f64,
    aim: Aim,
    remark: String,
}

impl Line {
    /// The median of the second side over the median of the first.
    pub(crate) fn ratio(name: &'static str, turns: &[[f64; 2]], aim: Aim) -> Self {
        let [first, second] = [0, 1].map(|side| median(turns.iter().map(|turn| turn[side])));
        Self { name, figure: second / first, aim, remark: String::new() }
    }

    /// The median of the second side less the median of the first, from nanoseconds to milliseconds.
    pub(crate) fn difference(name: &'static str, turns: &[[f64; 2]], aim: Aim) -> Self {
        let [first, second] = [0, 1].map(|side| median(turns.iter().map(|turn| turn[side])));
        let remark = format!("bare {:.1} ms", first / 1e6);
        Self { name, figure: (second - first) / 1e6, aim, remark }
    }

    /// An amount as it is.
    pub(crate) fn amount(name: &'static str, figure: f64, aim: Aim) -> Self {
        Self { name, figure, aim, remark: String::new() }
    }

    /// The figure alone.
    pub(crate) fn figure(&self) -> f64 {
        self.figure
    }

    /// With a remark at its end.
    pub(crate) fn remark(self, remark: String) -> Self {
        Self { remark, ..self }
    }

    /// The names of the columns.
    pub(crate) fn heading() -> String {
        format!("{:<44} {:>8} {:<22} {:>8}", "", "figure", "", "aim")
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Aim { at_most, of } = self.aim;
        let aim = if at_most.is_finite() { format!("≤ {at_most}") } else { String::new() };
        write!(f, "{:<44} {:>8.3} {of:<22} {aim:>8}", self.name, self.figure)?;
        let missed = if self.figure > at_most { "  MISSED" } else { "" };
        write!(f, "{missed}  {}", self.remark)
    }
}
