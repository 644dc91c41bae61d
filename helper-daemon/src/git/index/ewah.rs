//! The compressed bitmaps of a split index (`ewah/ewok.h` and `gitformat-index(5)`).

use std::ops::Range;

/// Ranges of set bits, in order. `None` where the bitmap is cut off.
pub(super) fn ranges(from: &[u8]) -> Option<Vec<Range<usize>>> {
    let words = u32::from_be_bytes(from.get(4..8)?.try_into().ok()?) as usize;
    let words = from.get(8..words.checked_mul(8)?.checked_add(8)?)?.chunks_exact(8);
    let mut words = words.map(|word| word.iter().fold(0u64, |number, &byte| number << 8 | u64::from(byte)));
    let (mut set, mut at) = (Vec::new(), 0usize);
    while let Some(run) = words.next() {
        let (filled, literals) = ((run >> 1 & 0xffff_ffff) as usize * 64, run >> 33);
        let next = at.checked_add(filled)?;
        if run & 1 == 1 {
            set.push(at..next);
        }
        at = next;
        for _ in 0..literals {
            let word = words.next()?;
            set.extend((0..64).filter(|bit| word >> bit & 1 == 1).map(|bit| at + bit..at + bit + 1));
            at = at.checked_add(64)?;
        }
    }
    Some(set)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bitmap(words: &[u64]) -> Vec<u8> {
        let mut bytes = vec![0, 0, 0, 0];
        bytes.extend((words.len() as u32).to_be_bytes());
        words.iter().for_each(|word| bytes.extend(word.to_be_bytes()));
        bytes
    }

    #[test]
    fn runs_and_literals_are_read() {
        // Two words of ones, one literal; then one word of zeros, one literal.
        let words = [1 | 2 << 1 | 1 << 33, 0b101, 1 << 1 | 1 << 33, 1];
        let set: Vec<usize> = ranges(&bitmap(&words)).unwrap().into_iter().flatten().collect();
        let expected: Vec<usize> = (0..129).chain([130, 256]).collect();
        assert_eq!(set, expected);
    }

    #[test]
    fn the_longest_run_takes_no_room_and_what_is_cut_off_is_refused() {
        let words = [1 | 0xffff_ffff << 1, u64::MAX];
        assert_eq!(ranges(&bitmap(&words)), None, "literals are missing");
        assert_eq!(
            ranges(&bitmap(&words[..1])).unwrap().as_slice(),
            std::slice::from_ref(&(0..0xffff_ffff * 64))
        );
        assert_eq!(ranges(&bitmap(&words)[..11]), None);
        assert_eq!(ranges(&[0, 0, 0, 0, 255, 255, 255, 255]), None);
    }
}
