//! What a trapped call reaches for, where that is another process and no file.

use crate::linux::arch::Call;
use nix::errno::Errno;

/// Whom a call reaches for. Numbers are those of the caller's own pid namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    /// A process or thread of this number.
    Process(i32),
    /// The process behind this descriptor of the caller.
    Descriptor(i32),
    /// The group of the process behind this descriptor of the caller.
    GroupOf(i32),
    /// The process group of this number; 0: the caller's own.
    Group(i32),
    /// Every process that the caller may signal.
    Everyone,
}

/// What for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To send it this signal.
    Signal(i32),
    /// To trace it, to read or write its memory, to take its descriptors, to change its limits.
    Meddle,
}

/// `PIDFD_SIGNAL_PROCESS_GROUP` (6.9).
const SIGNAL_PROCESS_GROUP: u64 = 4;

/// Whom a call reaches for, and what for. `Err` is what the kernel itself would have answered; `None`: the
/// call reaches for nobody.
pub(crate) fn decode(call: Call, a: &[u64; 6]) -> Result<Option<(Whom, Purpose)>, Errno> {
    let number = |n: usize| a[n] as i32;
    let reach = |whom, purpose| Ok(Some((whom, purpose)));
    match call {
        Call::Kill => {
            let whom = match number(0) {
                -1 => Whom::Everyone,
                i32::MIN => return Err(Errno::ESRCH),
                pid if pid <= 0 => Whom::Group(-pid),
                pid => Whom::Process(pid),
            };
            reach(whom, Purpose::Signal(number(1)))
        }
        Call::SendThreadSignal => reach(Whom::Process(number(0)), Purpose::Signal(number(2))),
        Call::SendSignal => reach(Whom::Process(number(0)), Purpose::Signal(number(1))),
        Call::PidfdSendSignal if a[3] & SIGNAL_PROCESS_GROUP != 0 => {
            reach(Whom::GroupOf(number(0)), Purpose::Signal(number(1)))
        }
        Call::PidfdSendSignal => reach(Whom::Descriptor(number(0)), Purpose::Signal(number(1))),
        Call::Ptrace => reach(Whom::Process(number(1)), Purpose::Meddle),
        Call::ProcessMemory | Call::Prlimit => reach(Whom::Process(number(0)), Purpose::Meddle),
        Call::PidfdGetfd => reach(Whom::Descriptor(number(0)), Purpose::Meddle),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kill(pid: i32) -> Result<Option<(Whom, Purpose)>, Errno> {
        decode(Call::Kill, &[pid as u32 as u64, 15, 0, 0, 0, 0])
    }

    #[test]
    fn a_number_says_whether_one_or_many_are_meant() {
        let term = Purpose::Signal(15);
        assert_eq!(kill(7), Ok(Some((Whom::Process(7), term))));
        assert_eq!(kill(0), Ok(Some((Whom::Group(0), term))));
        assert_eq!(kill(-7), Ok(Some((Whom::Group(7), term))));
        assert_eq!(kill(-1), Ok(Some((Whom::Everyone, term))));
        assert_eq!(kill(i32::MIN), Err(Errno::ESRCH));
    }

    #[test]
    fn tgkill_names_the_process_and_ptrace_its_second_argument() {
        assert_eq!(
            decode(Call::SendThreadSignal, &[7, 8, 9, 0, 0, 0]),
            Ok(Some((Whom::Process(7), Purpose::Signal(9))))
        );
        assert_eq!(decode(Call::Ptrace, &[16, 7, 0, 0, 0, 0]), Ok(Some((Whom::Process(7), Purpose::Meddle))));
    }
}
