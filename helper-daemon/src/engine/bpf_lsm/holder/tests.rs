//! A worker and one who holds tables, who answers as the test has it.

use super::*;

#[derive(Clone, Default)]
struct Heard(Arc<Mutex<(Vec<Vec<u8>>, u64)>>);

impl Hears for Heard {
    fn record(&self, bytes: &[u8]) {
        lock(&self.0).0.push(bytes.to_vec());
    }
    fn own_went(&self, count: u64) {
        lock(&self.0).1 += 100 * count;
    }
    fn lost(&self, count: u64) {
        lock(&self.0).1 += count;
    }
}

/// One who holds tables, and answers each question with this.
fn answering(there: OwnedFd, answer: Kind) -> std::thread::JoinHandle<Vec<(Kind, usize)>> {
    std::thread::spawn(move || {
        let mut asked = Vec::new();
        while let Ok(Some((kind, bytes))) = words::hear(there.as_fd()) {
            asked.push((kind, bytes.len()));
            match kind {
                Kind::Part => continue,
                Kind::Settle => {
                    words::say(there.as_fd(), Kind::Record, b"one").unwrap();
                    let lost = [2u64.to_ne_bytes(), 1u64.to_ne_bytes()].concat();
                    words::say(there.as_fd(), Kind::Lost, &lost).unwrap();
                    for own in [4u64, 4, 7] {
                        words::say(there.as_fd(), Kind::Own, &own.to_ne_bytes()).unwrap();
                    }
                }
                Kind::Arm => {
                    words::say(there.as_fd(), Kind::Empty, b"").unwrap();
                    return asked;
                }
                _ => {}
            }
            words::say(there.as_fd(), answer, b"no room\n").unwrap();
        }
        asked
    })
}

#[test]
fn what_is_told_comes_before_the_answer_and_one_who_goes_is_followed_by_another() {
    let (holder, heard) = (Arc::new(Holder::new()), Heard::default());
    assert_eq!(holder.settle(), Err(NotDone::Gone));
    holder.listen(heard.clone()).unwrap();
    let first = answering(holder.offer().unwrap(), Kind::Done);
    assert_eq!(holder.judge_by(1, &vec![0; MAX_WORD]), Ok(()));
    assert_eq!(holder.settle(), Ok(()));
    assert_eq!(*lock(&heard.0), (vec![b"one".to_vec()], 703));
    assert!(!holder.has_ended());
    // It goes without an answer.
    assert_eq!(holder.arm(), Err(NotDone::Gone));
    holder.wait_for_the_end();
    let asked = first.join().unwrap();
    assert_eq!(asked[..3], [(Kind::Part, MAX_WORD - 1), (Kind::Part, 1), (Kind::Judge, 4)]);
    let second = answering(holder.offer().unwrap(), Kind::Refused);
    assert_eq!(holder.judge_by(2, b"x"), Err(NotDone::Refused("no room\\u{a}".into())));
    assert!(matches!(holder.judge_by(3, &vec![0; MAX_TABLE + 1]), Err(NotDone::TooLong(_))));
    drop(holder.offer().unwrap());
    second.join().unwrap();
}
