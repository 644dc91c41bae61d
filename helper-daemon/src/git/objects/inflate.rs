//! Decompressing, into no more than was asked for.

use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZFlush, MZStatus};
use std::fs::File;
use std::os::unix::fs::FileExt;

const PIECE: usize = 32 << 10;

/// What a zlib stream at this place of a file comes to: exactly to its end. `None` where that is more than
/// `limit` bytes. No size that is only said is ever allocated.
pub(super) fn at(file: &File, mut at: u64, limit: usize) -> Option<Vec<u8>> {
    let mut state = InflateState::new_boxed(DataFormat::Zlib);
    let (mut input, mut piece) = (vec![0; PIECE], vec![0; PIECE]);
    let mut out = Vec::new();
    let (mut from, mut to) = (0, 0);
    loop {
        if from == to {
            (from, to) = (0, read(file, &mut input, at)?);
            at = at.checked_add(to as u64)?;
        }
        let step = inflate(&mut state, &input[from..to], &mut piece, MZFlush::None);
        from += step.bytes_consumed;
        out.extend_from_slice(&piece[..step.bytes_written]);
        if out.len() > limit {
            return None;
        }
        match step.status {
            Ok(MZStatus::StreamEnd) => return Some(out),
            Ok(MZStatus::Ok) if step.bytes_consumed + step.bytes_written > 0 => {}
            // The end of the file, or no zlib stream.
            _ => return None,
        }
    }
}

fn read(file: &File, into: &mut [u8], at: u64) -> Option<usize> {
    loop {
        match file.read_at(into, at) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            other => return other.ok(),
        }
    }
}
