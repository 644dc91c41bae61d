/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Of the layout what the programs keep for themselves: of names, and of threads. Part of layout.h. */
#ifndef ES_KEPT_H
#define ES_KEPT_H

/** A name that a session has made. Key of the map `own`. */
struct es_own_key {
	es_u64 parent;
	es_u32 dev;
	es_u32 zero;
	/** Keyed hashes of the name. */
	es_u64 name[2];
};

/** What it made there. */
struct es_own {
	es_u64 ino;
	es_u32 generation;
	es_u32 session;
	/** 1: as a further name of older content: its own only while there is another name. */
	es_u32 linked;
	es_u32 zero;
};

/** A directory that a session has made, or a file. Key of the maps `own_directories` and `saved_over`. */
struct es_directory_key {
	es_u64 ino;
	es_u32 dev;
	es_u32 generation;
};

/** Value of the map `own_directories`. */
struct es_directory {
	es_u32 session;
	/** 1: something that is not the session's own was put into it, or below. */
	es_u32 foreign;
	/** How many own directories are above it. */
	es_u32 depth;
	es_u32 zero;
};

/*
 * What the programs keep of a thread from one hook to the next, and while they look: in its own memory, as a
 * processor's could be taken over by another thread meanwhile. Nobody else reads it.
 */

/** A walk upwards. */
struct es_walk {
	es_u64 now;
	es_u32 op;
	/** 1: it has left the file system of its name. */
	es_u32 hopped;
	/** Zones that were met with nothing exempt below them. */
	es_u64 guarding;
	/** Those of them that were met in the file system of the name. */
	es_u64 lies;
	/** Zones that were met. */
	es_u64 within;
	/** Zones that an override on the way opens, for each operation that one may be for. */
	es_u64 opened[ES_OPS];
	/** Zones that something exempt on the way ends. */
	es_u64 exempted;
	/** The same of the step that is not done yet. */
	es_u64 exempting;
	/** Zones that would go with the name: those of the first step. */
	es_u64 carried;
};

/** What is known of a name. */
struct es_place {
	/** Zones that guard it from what is about to be done, whatever is there. */
	es_u64 guarding;
	/** Zones that it lies in without any mount but the person's, and with nothing exempt between. */
	es_u64 lies;
	/** Zones that guard it from each operation that an override may be for. */
	es_u64 from[ES_OPS];
	/** Zones that it lies in, whatever is exempt or overridden. */
	es_u64 within;
	/** Zones that are it, or below it. */
	es_u64 carried;
	/** enum es_kind: what is there. */
	es_u32 kind;
	/** Whether it is the session's own, a directory with all below it. */
	es_u16 own;
	/** Whether where it lies could not be told, and a zone is on its file system. */
	es_u16 unclear;
};

/** A look upwards from a name. Addresses are the kernel's. */
struct es_look {
	struct es_walk walk;
	es_u64 now;
	es_u32 op;
	/** 1: something could not be read. */
	es_u32 failed;
	es_u64 entry;
	/** 0: inside the file system alone. */
	es_u64 mount;
	/** The entry before, whose name is not looked at yet; 0: none. */
	es_u64 below;
	es_u64 exempt_lengths;
	es_u32 dev;
	/** 1: nothing but the name itself was met yet. */
	es_u32 first;
	/** 1: it came to the top. */
	es_u32 done;
	/** 1: a mount shows a part of its file system only, so that the name has a further path inside it. */
	es_u32 partial;
	es_u32 hops;
	es_u32 version;
	/** 1: the table has names in the directory of the name. */
	es_u32 named;
	/** 1: above a mount there is a file system on which others may move things. */
	es_u32 others;
	es_u32 zero;
	/** 1: every path of the name was seen to the top. */
	es_u32 seen;
	struct es_exempt_key exempt;
	struct es_name_key name;
};

/** What was found at a name. */
struct es_found {
	struct es_place place;
	struct es_own_key key;
	/** What stands there, as it would be kept; its `session` is 0 where it can't be told from a later file. */
	struct es_own what;
	es_u64 entry;
	es_u64 mount;
	es_u64 inode;
	/** Names that it has. */
	es_u32 links;
	es_u32 zero;
};

/** What becomes of what is kept of two names once an operation is let through. */
struct es_after {
	/** What is forgotten (1), and what is kept in its place (2). */
	es_u32 at[2];
	struct es_own what[2];
	/** 1: the session's own goes away or is moved. */
	es_u32 counts;
	/** 1: something that is not its own comes into the directory of this name. */
	es_u32 foreign[2];
	/** 1: a file that has further names loses this one to a new file. */
	es_u32 saved_over;
};

/** A removal that is judged and not yet done. */
struct es_removal {
	es_u64 entry[2];
	es_u64 inode;
	es_u32 op;
	es_u32 reason;
	es_u32 zone;
	es_u32 zero;
	struct es_after after;
};

/** What one layer decides of, and what it says. */
struct es_layer {
	struct es_place from;
	struct es_place to;
	es_u32 reason;
	es_u32 zone;
};

/** A name that is about to be made. */
struct es_birth {
	es_u64 entry;
	struct es_own_key key;
	/** What was made last, or what gets a further name. */
	es_u64 inode;
	/** 1: a further name; 2: of older content. */
	es_u32 linked;
	/** 1: at a place that is guarded. */
	es_u32 guarded;
};

/** The directory that was last found to lie in no zone, and what shows that it is so still. */
struct es_plain {
	/** The mount it was looked at through; 0: there is none. */
	es_u64 mount;
	es_u64 ino;
	es_u32 dev;
	es_u32 generation;
	es_u64 tables;
	es_u64 moves;
	es_u64 mounts;
	/** The entry whose removal is let through; 0: none. */
	es_u64 entry;
	/** Scratch. */
	es_u64 now;
	/** The table's. */
	es_u64 roots[ES_ROOTS];
};

/** A thread of a session. Value of the map `members`, whose key is the address of its task. */
struct es_member {
	es_u32 session;
	/** Process id, in the first pid namespace; 0 before it has one. */
	es_u32 tgid;
	/** When the process began, in ticks, as `/proc/PID/stat` has it. */
	es_u64 start;
	/** Thread id. */
	es_u32 pid;
	/** 1: it has ended. */
	es_u32 ended;
	struct es_look look;
	struct es_found found[2];
	struct es_layer layer;
	struct es_removal removal;
	struct es_birth birth;
	struct es_plain plain;
};

#endif
