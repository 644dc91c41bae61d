//! Who may ask what of a session. Pure: how a process stands to a session is the kernel's word, gathered in
//! [`standing`](super::standing); what follows from it is this table.

use crate::protocol::RefusalCode;

/// How whoever asks stands to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// It is the connection that registered the session.
    Owner,
    /// The session's user, outside every guarded tree.
    Person,
    /// Root, outside every guarded tree.
    Root,
    /// The session's user or root, in none of the helper's trees, but with a seccomp filter, as every process of
    /// a guarded tree has: it may be in one that this helper knows nothing of.
    Confined,
    /// A process of the session's own tree, whoever's it is.
    Tree,
    /// A process of another guarded tree, or one that can't be told from such.
    OtherTree,
    /// Another user, outside every guarded tree that it could be in.
    Stranger,
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// That there is the session, what it was started with, what it has blocked, what is let through.
    See,
    /// Let a path through, or answer who asked for it.
    Grant,
    /// Take that back.
    Revoke,
    /// Guard more than it does.
    Narrow,
    /// Ask for a path to be let through.
    Request,
}

impl Relation {
    const ALL: [Relation; 7] = [
        Relation::Owner,
        Relation::Person,
        Relation::Root,
        Relation::Confined,
        Relation::Tree,
        Relation::OtherTree,
        Relation::Stranger,
    ];

    /// As a number, for the way between monitor and worker.
    pub fn byte(self) -> u8 {
        Self::ALL.iter().position(|relation| *relation == self).unwrap_or_default() as u8
    }

    /// Back from a number.
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.get(usize::from(byte)).copied()
    }
}

/// Whether it may; if not, why, as it is told.
pub fn may(relation: Relation, ask: Ask) -> Result<(), RefusalCode> {
    match (relation, ask) {
        (Relation::Owner | Relation::Person | Relation::Root, _) => Ok(()),
        (Relation::Confined, Ask::See) | (Relation::Tree, Ask::See | Ask::Narrow | Ask::Request) => Ok(()),
        (Relation::Confined, _) => Err(RefusalCode::Confined),
        (Relation::Tree | Relation::OtherTree, Ask::Grant | Ask::Revoke)
        | (Relation::OtherTree, Ask::Narrow | Ask::Request) => Err(RefusalCode::InsideATree),
        // Not even that there is such a session.
        (Relation::OtherTree | Relation::Stranger, _) => Err(RefusalCode::NoSuchSession),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_of_the_table() {
        use RefusalCode::{Confined, InsideATree, NoSuchSession};
        let table = [
            (Relation::Owner, [Ok(()); 5]),
            (Relation::Person, [Ok(()); 5]),
            (Relation::Root, [Ok(()); 5]),
            (Relation::Confined, [Ok(()), Err(Confined), Err(Confined), Err(Confined), Err(Confined)]),
            (Relation::Tree, [Ok(()), Err(InsideATree), Err(InsideATree), Ok(()), Ok(())]),
            (
                Relation::OtherTree,
                [Err(NoSuchSession), Err(InsideATree), Err(InsideATree), Err(InsideATree), Err(InsideATree)],
            ),
            (Relation::Stranger, [Err(NoSuchSession); 5]),
        ];
        for (relation, cells) in table {
            let found =
                [Ask::See, Ask::Grant, Ask::Revoke, Ask::Narrow, Ask::Request].map(|ask| may(relation, ask));
            assert_eq!(found, cells, "{relation:?}");
        }
    }

    #[test]
    fn a_relation_comes_back_and_an_unknown_number_is_none() {
        for relation in Relation::ALL {
            assert_eq!(Relation::from_byte(relation.byte()), Some(relation));
        }
        assert_eq!(Relation::from_byte(7), None);
    }
}
