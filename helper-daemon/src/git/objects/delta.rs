//! Deltas: how an object in a pack is made from another one (`gitformat-pack(5)`).

use super::MAX_OBJECT;

/// Makes the object. `None` where the delta is not for this base, or is none.
pub(super) fn apply(base: &[u8], delta: &[u8]) -> Option<Vec<u8>> {
    let mut at = 0;
    let (from, to) = (size(delta, &mut at)?, size(delta, &mut at)?);
    if from != base.len() || to > MAX_OBJECT {
        return None;
    }
    let mut out = Vec::new();
    while let Some(&op) = delta.get(at) {
        at += 1;
        let piece = if op & 0x80 != 0 {
            let mut number = |bits: std::ops::Range<u32>| {
                bits.enumerate().try_fold(0usize, |number, (place, bit)| {
                    if op & 1 << bit == 0 {
                        return Some(number);
                    }
                    let byte = usize::from(*delta.get(at)?);
                    at += 1;
                    Some(number | byte << (8 * place))
                })
            };
            let (start, length) = (number(0..4)?, number(4..7)?);
            let length = if length == 0 { 0x10000 } else { length };
            base.get(start..start.checked_add(length)?)?
        } else {
            // 0 is kept for later versions.
            let literal = delta.get(at..at + usize::from(op))?;
            at += usize::from(op);
            if op == 0 { return None } else { literal }
        };
        out.extend_from_slice(piece);
        if out.len() > to {
            return None;
        }
    }
    (out.len() == to).then_some(out)
}

fn size(delta: &[u8], at: &mut usize) -> Option<usize> {
    let (mut size, mut shift) = (0usize, 0);
    loop {
        let byte = *delta.get(*at)?;
        *at += 1;
        if shift > 56 {
            return None;
        }
        size |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return Some(size);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_the_base_and_new_ones_are_put_together() {
        let delta = [b"\x0a\x07".as_slice(), &[0x91, 2, 3], b"\x02XY", &[0x91, 0, 2]].concat();
        assert_eq!(apply(b"0123456789", &delta).unwrap(), b"234XY01");
    }

    #[test]
    fn a_delta_that_lies_is_refused_wherever_it_does() {
        let base = b"0123456789";
        for delta in [
            b"\x09\x02\x02XY".as_slice(),        // another base
            b"\x0a\x03\x02XY",                   // too short
            b"\x0a\x01\x02XY",                   // too long
            b"\x0a\x02\x03XY",                   // cut off
            b"\x0a\x02\x00XY",                   // no instruction
            b"\x0a\x02\x91\x09\x02",             // beyond the base
            b"\x0a\x02\x9f\xff\xff\xff\xff\x02", // far beyond it
            b"\x0a\x80\x80\x80\x80\x80\x01",     // 32 GB
            b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            b"\x0a",
            b"",
        ] {
            assert_eq!(apply(base, delta), None, "{delta:x?}");
        }
    }
}
