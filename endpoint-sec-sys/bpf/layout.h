/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the programs in the kernel and the helper say to one another: keys and values of the maps, and the records.
 *
 * The one source of it. Rust's side is generated from this file, and CI generates it again. Everything is in the
 * machine's own byte order, without holes: a key's padding is part of the key, and is 0.
 */
#ifndef ES_LAYOUT_H
#define ES_LAYOUT_H

typedef unsigned char es_u8;
typedef unsigned short es_u16;
typedef unsigned int es_u32;
typedef unsigned long long es_u64;

/** Goes up with every change of this file that an older object's maps don't fit. */
#define ES_LAYOUT 5

/** Zones of one table. A set of zones is a number with a bit for each; the first in the policy is bit 0. */
#define ES_ZONES 64
/** Layers of one table: the session's own policy, and those that sessions inside the session have added. */
#define ES_LAYERS 16
/** File systems that a session's zones lie on. */
#define ES_DEVICES 16
/** Directories that the walk from a name upwards sees. */
#define ES_DEPTH 1024
/** Bytes of a name with its NUL, which fills the rest, too. */
#define ES_NAME 256
/** Bytes of an exempt name with its NUL, which fills the rest, too. */
#define ES_EXEMPT_NAME 64
/** Bytes of text in a record. */
#define ES_TEXT 16384
/** Bytes of a command's arguments in a record. */
#define ES_ARGUMENTS 1024
/** Records that can be put together at a time. */
#define ES_DESKS 16
/** Words of a table's bits for the numbers of zones' roots. */
#define ES_ROOTS 8
/** Counts of members by their tasks' addresses. */
#define ES_CROWD 16384
/** No zone, where a zone's number is expected. */
#define ES_NO_ZONE 0xffffffffU
/** Nanoseconds in one tick of a start time as `/proc/PID/stat` has it. */
#define ES_TICK 10000000ULL

/** Operations. The first ES_OPS are those that an override may be for. */
enum es_op {
	ES_UNLINK = 0,
	ES_RMDIR = 1,
	ES_RENAME = 2,
	ES_EXCHANGE = 3,
	ES_OPS = 4,
	ES_COVER = 4,
	ES_WRITE = 5,
	ES_SIGNAL = 6,
	ES_MEDDLE = 7,
};

/** Why something is denied. */
enum es_reason {
	ES_ALLOWED = 0,
	ES_REMOVED = 1,
	ES_MOVED_OUT = 2,
	ES_ZONE_MOVED = 3,
	ES_CLOBBERED = 4,
	ES_SEALED = 5,
	ES_UNCLEAR = 6,
};

/** What a name stands for. */
enum es_kind {
	ES_NOTHING = 0,
	ES_REGULAR = 1,
	ES_DIRECTORY = 2,
	ES_OTHER = 3,
};

/** A directory, in one version of one session's table. Key of the map `places`. */
struct es_place_key {
	es_u32 session;
	es_u32 version;
	/** The file system, as the kernel has it: major << 20 | minor. */
	es_u32 dev;
	es_u32 zero;
	es_u64 ino;
};

/** A name in a directory. Key of the map `names`. Looked up only where the directory says ES_HAS_NAMES. */
struct es_name_key {
	struct es_place_key parent;
	es_u8 name[ES_NAME];
};

/** A name that is exempt wherever it is below a zone. Key of the map `exempt`; its value is the set of zones. */
struct es_exempt_key {
	es_u32 session;
	es_u32 version;
	es_u8 name[ES_EXEMPT_NAME];
};

/** `names` has something for names in this directory. */
#define ES_HAS_NAMES 1U

/** What a directory, or a name in one, means. Value of the maps `places` and `names`. */
struct es_entry {
	/** Zones whose root this is. */
	es_u64 zones;
	/** Zones whose root this is, or is below this. */
	es_u64 carried;
	/** Zones that end here, as at an exempt prefix: what is at this place or below it is exempt from them. */
	es_u64 exempts;
	/** Zones that an override opens, for what is at this place or below it: all, but those that es-guard keeps for
	 * itself only where the place is below them. */
	es_u64 opens;
	/** Until when it does, for each operation, in nanoseconds of CLOCK_BOOTTIME; 0: not at all. */
	es_u64 until[ES_OPS];
	es_u32 flags;
	es_u32 zero;
};

/** A session's and a version's. Key of the map `tables`. */
struct es_table_key {
	es_u32 session;
	es_u32 version;
};

/** Until when an override covers a zone's root, in nanoseconds of CLOCK_BOOTTIME, for each operation; 0: none. */
struct es_freed {
	es_u64 until[ES_OPS];
};

/** What a table has once. Value of the map `tables`. */
struct es_table {
	/** Zones that es-guard keeps for itself. */
	es_u64 sealed;
	/** Bit n: some exempt name has n bytes. */
	es_u64 exempt_lengths;
	/** Bit n % 512: something in `places` with the inode number n is the root of a zone. */
	es_u64 roots[ES_ROOTS];
	/** The zones of each layer, which is judged by itself: what any of them denies is denied. Every zone is in one; 0
	 * from the second on: no more. */
	es_u64 layers[ES_LAYERS];
	/** File systems that zones lie on; 0: no more. */
	es_u32 devices[ES_DEVICES];
	struct es_freed freed[ES_ZONES];
};

/*
 * The map `versions` says which version of a session's table counts: number of the session, number of the version.
 * A table is written first, then its version counts, and the one before is taken away.
 */

/** What the map `turns` counts, by its index. */
enum es_turn {
	/** Changes of what versions count, or are there: by the helper. */
	ES_TABLES = 0,
	/** Renames that are done: by the programs. */
	ES_MOVES = 1,
	/** 1: renames are counted. */
	ES_FOLLOWED = 2,
	ES_TURNS = 3,
};

/** What there is of a session, counted by the kernel. Value of the map `sessions`, whose key is its number. */
struct es_session {
	/** Whose it is. Written once, by the helper. */
	es_u32 uid;
	es_u32 zero;
	/** Its threads that have not ended. */
	es_u64 alive;
	/** What was denied, recorded or not. */
	es_u64 denied;
	/** Denials for whose record there was no room. */
	es_u64 lost;
	/** Removals and moves of its own files. */
	es_u64 own;
	/** Names that it made and that could not be kept: they are protected. */
	es_u64 forgotten;
};

#include "kept.h"

/** A process that is to become part of a session. Value of the map `joining`, whose key is its id. */
struct es_joining {
	es_u32 session;
	/** How many of its threads were found. */
	es_u32 found;
	/** When it began, in ticks. */
	es_u64 start;
};

/** A process of es-guard's own that no session may signal or trace. Value of the map `wards`, whose key is its id. */
struct es_ward {
	/** When it began, in ticks. */
	es_u64 start;
};

/** What a record tells. */
enum es_record_kind {
	ES_DENIAL = 1,
	/** The session's last thread has ended. */
	ES_TREE_ENDED = 2,
};

/** A part of a record's text. */
struct es_span {
	es_u32 at;
	es_u32 length;
};

/** Some of the text had no room. */
#define ES_CUT 1U
/** The paths are inside their file system: no mount was at hand. */
#define ES_INSIDE 2U

/**
 * What the ring buffer `records` carries: this without the unused end of `text`.
 *
 * A path is its names, the last component first, each with a NUL behind it.
 */
struct es_record {
	es_u32 kind;
	es_u32 session;
	/** CLOCK_BOOTTIME, in nanoseconds. */
	es_u64 time;
	/** enum es_op. */
	es_u32 op;
	/** enum es_reason. */
	es_u32 reason;
	/** Number of the zone in the table, or ES_NO_ZONE. */
	es_u32 zone;
	/** The table's version. */
	es_u32 version;
	/** When the process began, in ticks. */
	es_u64 start;
	es_u32 tgid;
	es_u32 pid;
	es_u32 uid;
	/** ES_CUT, ES_INSIDE. */
	es_u32 flags;
	/** enum es_kind of what is at both names. */
	es_u32 kinds[2];
	/** How many of a path's last names lie below the zone's root: 0 is the root itself; ES_NO_ZONE: it was not met. */
	es_u32 below[2];
	/** Of ES_SIGNAL and ES_MEDDLE, the process that was aimed at. */
	es_u32 target;
	es_u32 zero;
	struct es_span path;
	/** Where to, of a rename; the other name, of an exchange. */
	struct es_span dest;
	struct es_span exe;
	struct es_span cwd;
	/** Arguments, each with a NUL behind it; not a path. */
	struct es_span argv;
	es_u8 text[ES_TEXT];
};

/** Where a record is put together. Value of the map `desks`. */
struct es_desk {
	/** 1: in use. */
	es_u32 busy;
	/** How much of the text is. */
	es_u32 at;
	es_u64 entry;
	es_u64 mount;
	struct es_place_key key;
	/** The name that is told, 0 or 1; anything else: no place of the table is looked for. */
	es_u32 which;
	/** Names that were told of it. */
	es_u32 count;
	struct es_record record;
};

#endif
