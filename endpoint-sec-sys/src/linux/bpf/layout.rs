pub const ES_LAYOUT: u32 = 5;
pub const ES_ZONES: u32 = 64;
pub const ES_LAYERS: u32 = 16;
pub const ES_DEVICES: u32 = 16;
pub const ES_DEPTH: u32 = 1024;
pub const ES_NAME: u32 = 256;
pub const ES_EXEMPT_NAME: u32 = 64;
pub const ES_TEXT: u32 = 16384;
pub const ES_ARGUMENTS: u32 = 1024;
pub const ES_DESKS: u32 = 16;
pub const ES_ROOTS: u32 = 8;
pub const ES_CROWD: u32 = 16384;
pub const ES_NO_ZONE: u32 = 4294967295;
pub const ES_TICK: u32 = 10000000;
pub const ES_HAS_NAMES: u32 = 1;
pub const ES_CUT: u32 = 1;
pub const ES_INSIDE: u32 = 2;
pub type es_u8 = u8;
pub type es_u16 = u16;
pub type es_u32 = u32;
pub type es_u64 = u64;
pub const ES_UNLINK: es_op = 0;
pub const ES_RMDIR: es_op = 1;
pub const ES_RENAME: es_op = 2;
pub const ES_EXCHANGE: es_op = 3;
pub const ES_OPS: es_op = 4;
pub const ES_COVER: es_op = 4;
pub const ES_WRITE: es_op = 5;
pub const ES_SIGNAL: es_op = 6;
pub const ES_MEDDLE: es_op = 7;
#[doc = " Operations. The first ES_OPS are those that an override may be for."]
pub type es_op = u32;
pub const ES_ALLOWED: es_reason = 0;
pub const ES_REMOVED: es_reason = 1;
pub const ES_MOVED_OUT: es_reason = 2;
pub const ES_ZONE_MOVED: es_reason = 3;
pub const ES_CLOBBERED: es_reason = 4;
pub const ES_SEALED: es_reason = 5;
pub const ES_UNCLEAR: es_reason = 6;
#[doc = " Why something is denied."]
pub type es_reason = u32;
pub const ES_NOTHING: es_kind = 0;
pub const ES_REGULAR: es_kind = 1;
pub const ES_DIRECTORY: es_kind = 2;
pub const ES_OTHER: es_kind = 3;
#[doc = " What a name stands for."]
pub type es_kind = u32;
#[doc = " A directory, in one version of one session's table. Key of the map `places`."]
#[repr(C)]
#[derive(Debug, Default, Copy, Clone, PartialEq)]
pub struct es_place_key {
    pub session: es_u32,
    pub version: es_u32,
    #[doc = " The file system, as the kernel has it: major << 20 | minor."]
    pub dev: es_u32,
    pub zero: es_u32,
    pub ino: es_u64,
}
#[doc = " A name in a directory. Key of the map `names`. Looked up only where the directory says ES_HAS_NAMES."]
#[repr(C)]
#[derive(Debug, Copy, Clone, PartialEq)]
pub struct es_name_key {
    pub parent: es_place_key,
    pub name: [es_u8; 256usize],
}
#[doc = " A name that is exempt wherever it is below a zone. Key of the map `exempt`; its value is the set of zones."]
#[repr(C)]
#[derive(Debug, Copy, Clone, PartialEq)]
pub struct es_exempt_key {
    pub session: es_u32,
    pub version: es_u32,
    pub name: [es_u8; 64usize],
}
#[doc = " What a directory, or a name in one, means. Value of the maps `places` and `names`."]
#[repr(C)]
#[derive(Debug, Default, Copy, Clone, PartialEq)]
pub struct es_entry {
    #[doc = " Zones whose root this is."]
    pub zones: es_u64,
    #[doc = " Zones whose root this is, or is below this."]
    pub carried: es_u64,
    #[doc = " Zones that end here, as at an exempt prefix: what is at this place or below it is exempt from them."]
    pub exempts: es_u64,
    #[doc = " Zones that an override opens, for what is at this place or below it: all, but those that es-guard keeps for"]
    #[doc = " itself only where the place is below them."]
    pub opens: es_u64,
    #[doc = " Until when it does, for each operation, in nanoseconds of CLOCK_BOOTTIME; 0: not at all."]
    pub until: [es_u64; 4usize],
    pub flags: es_u32,
    pub zero: es_u32,
}
#[doc = " A session's and a version's. Key of the map `tables`."]
#[repr(C)]
#[derive(Debug, Default, Copy, Clone, PartialEq)]
pub struct es_table_key {
    pub session: es_u32,
    pub version: es_u32,
}
#[doc = " Until when an override covers a zone's root, in nanoseconds of CLOCK_BOOTTIME, for each operation; 0: none."]
#[repr(C)]
#[derive(Debug, Default, Copy, Clone, PartialEq)]
pub struct es_freed {
    pub until: [es_u64; 4usize],
}
#[doc = " What a table has once. Value of the map `tables`."]
#[repr(C)]
#[derive(Debug, Copy, Clone, PartialEq)]
pub struct es_table {
    #[doc = " Zones that es-guard keeps for itself."]
    pub sealed: es_u64,
    #[doc = " Bit n: some exempt name has n bytes."]
    pub exempt_lengths: es_u64,
    #[doc = " Bit n % 512: something in `places` with the inode number n is the root of a zone."]
    pub roots: [es_u64; 8usize],
    #[doc = " The zones of each layer, which is judged by itself: what any of them denies is denied. Every zone is in one; 0"]
    #[doc = " from the second on: no more."]
    pub layers: [es_u64; 16usize],
    #[doc = " File systems that zones lie on; 0: no more."]
    pub devices: [es_u32; 16usize],
    pub freed: [es_freed; 64usize],
}
#[doc = " Changes of what versions count, or are there: by the helper."]
pub const ES_TABLES: es_turn = 0;
#[doc = " Renames that are done: by the programs."]
pub const ES_MOVES: es_turn = 1;
#[doc = " 1: renames are counted."]
pub const ES_FOLLOWED: es_turn = 2;
#[doc = " 1: renames are counted."]
pub const ES_TURNS: es_turn = 3;
#[doc = " What the map `turns` counts, by its index."]
pub type es_turn = u32;
#[doc = " What there is of a session, counted by the kernel. Value of the map `sessions`, whose key is its number."]
#[repr(C)]
#[derive(Debug, Default, Copy, Clone, PartialEq)]
pub struct es_session {
    #[doc = " Whose it is. Written once, by the helper."]
    pub uid: es_u32,
    pub zero: es_u32,
    #[doc = " Its threads that have not ended."]
    pub alive: es_u64,
    #[doc = " What was denied, recorded or not."]
    pub denied: es_u64,
    #[doc = " Denials for whose record there was no room."]
    pub lost: es_u64,
    #[doc = " Removals and moves of its own files."]
    pub own: es_u64,
    #[doc = " Names that it made and that could not be kept: they are protected."]
    pub forgotten: es_u64,
}
#[doc = " A name that a session has made. Key of the map `own`."]
#[repr(C)]
#[derive(Debug, Default, Copy, Clone, PartialEq)]
pub struct es_own_key {
    pub parent: es_u64,
    pub dev: es_u32,
    pub zero: es_u32,
    #[doc = " Keyed hashes of the name."]
    pub name: [es_u64; 2usize],
}
#[doc = " What it made there."]
#[repr(C)]
#[derive(Debug, Default, Copy, Clone, PartialEq)]
pub struct es_own {
    pub ino: es_u64,
    pub generation: es_u32,
    pub session: es_u32,
    #[doc = " 1: as a further name of older content: its own only while there is another name."]
    pub linked: es_u32,
    pub zero: es_u32,
}
#[doc = " A directory that a session has made, or a file. Key of the maps `own_directories` and `saved_over`."]
#[repr(C)]
#[derive(Debug, Default, Copy, Clone, PartialEq)]
pub struct es_directory_key {
    pub ino: es_u64,
    pub dev: es_u32,
    pub generation: es_u32,
}
#[doc = " Value of the map `own_directories`."]
#[repr(C)]
#[derive(Debug, Default, Copy, Clone, PartialEq)]
pub struct es_directory {
    pub session: es_u32,
    #[doc = " 1: something that is not the session's own was put into it, or below."]
    pub foreign: es_u32,
    #[doc = " How many own directories are above it."]
    pub depth: es_u32,
    pub zero: es_u32,
}
#[doc = " A walk upwards."]
#[repr(C)]
#[derive(Debug, Default, Copy, Clone, PartialEq)]
pub struct es_walk {
    pub now: es_u64,
    pub op: es_u32,
    #[doc = " 1: it has left the file system of its name."]
    pub hopped: es_u32,
    #[doc = " Zones that were met with nothing exempt below them."]
    pub guarding: es_u64,
    #[doc = " Those of them that were met in the file system of the name."]
    pub lies: es_u64,
    #[doc = " Zones that were met."]
    pub within: es_u64,
    #[doc = " Zones that an override on the way opens, for each operation that one may be for."]
    pub opened: [es_u64; 4usize],
    #[doc = " Zones that something exempt on the way ends."]
    pub exempted: es_u64,
    #[doc = " The same of the step that is not done yet."]
    pub exempting: es_u64,
    #[doc = " Zones that would go with the name: those of the first step."]
    pub carried: es_u64,
}
#[doc = " What is known of a name."]
#[repr(C)]
#[derive(Debug, Default, Copy, Clone, PartialEq)]
pub struct es_place {
    #[doc = " Zones that guard it from what is about to be done, whatever is there."]
    pub guarding: es_u64,
    #[doc = " Zones that it lies in without any mount but the person's, and with nothing exempt between."]
    pub lies: es_u64,
    #[doc = " Zones that guard it from each operation that an override may be for."]
    pub from: [es_u64; 4usize],
    #[doc = " Zones that it lies in, whatever is exempt or overridden."]
    pub within: es_u64,
    #[doc = " Zones that are it, or below it."]
    pub carried: es_u64,
    #[doc = " enum es_kind: what is there."]
    pub kind: es_u32,
    #[doc = " Whether it is the session's own, a directory with all below it."]
    pub own: es_u16,
    #[doc = " Whether where it lies could not be told, and a zone is on its file system."]
    pub unclear: es_u16,
}
#[doc = " A look upwards from a name. Addresses are the kernel's."]
#[repr(C)]
#[derive(Debug, Copy, Clone, PartialEq)]
pub struct es_look {
    pub walk: es_walk,
    pub now: es_u64,
    pub op: es_u32,
    #[doc = " 1: something could not be read."]
    pub failed: es_u32,
    pub entry: es_u64,
    #[doc = " 0: inside the file system alone."]
    pub mount: es_u64,
    #[doc = " The entry before, whose name is not looked at yet; 0: none."]
    pub below: es_u64,
    pub exempt_lengths: es_u64,
    pub dev: es_u32,
    #[doc = " 1: nothing but the name itself was met yet."]
    pub first: es_u32,
    #[doc = " 1: it came to the top."]
    pub done: es_u32,
    #[doc = " 1: a mount shows a part of its file system only, so that the name has a further path inside it."]
    pub partial: es_u32,
    pub hops: es_u32,
    pub version: es_u32,
    #[doc = " 1: the table has names in the directory of the name."]
    pub named: es_u32,
    #[doc = " 1: above a mount there is a file system on which others may move things."]
    pub others: es_u32,
    pub zero: es_u32,
    #[doc = " 1: every path of the name was seen to the top."]
    pub seen: es_u32,
    pub exempt: es_exempt_key,
    pub name: es_name_key,
}
#[doc = " What was found at a name."]
#[repr(C)]
#[derive(Debug, Default, Copy, Clone, PartialEq)]
pub struct es_found {
    pub place: es_place,
    pub key: es_own_key,
    #[doc = " What stands there, as it would be kept; its `session` is 0 where it can't be told from a later file."]
    pub what: es_own,
    pub entry: es_u64,
    pub mount: es_u64,
    pub inode: es_u64,
    #[doc = " Names that it has."]
    pub links: es_u32,
    pub zero: es_u32,
}
#[doc = " What becomes of what is kept of two names once an operation is let through."]
#[repr(C)]
#[derive(Debug, Default, Copy, Clone, PartialEq)]
pub struct es_after {
    #[doc = " What is forgotten (1), and what is kept in its place (2)."]
    pub at: [es_u32; 2usize],
    pub what: [es_own; 2usize],
    #[doc = " 1: the session's own goes away or is moved."]
    pub counts: es_u32,
    #[doc = " 1: something that is not its own comes into the directory of this name."]
    pub foreign: [es_u32; 2usize],
    #[doc = " 1: a file that has further names loses this one to a new file."]
    pub saved_over: es_u32,
}
#[doc = " A removal that is judged and not yet done."]
#[repr(C)]
#[derive(Debug, Default, Copy, Clone, PartialEq)]
pub struct es_removal {
    pub entry: [es_u64; 2usize],
    pub inode: es_u64,
    pub op: es_u32,
    pub reason: es_u32,
    pub zone: es_u32,
    pub zero: es_u32,
    pub after: es_after,
}
#[doc = " What one layer decides of, and what it says."]
#[repr(C)]
#[derive(Debug, Default, Copy, Clone, PartialEq)]
pub struct es_layer {
    pub from: es_place,
    pub to: es_place,
    pub reason: es_u32,
    pub zone: es_u32,
}
#[doc = " A name that is about to be made."]
#[repr(C)]
#[derive(Debug, Default, Copy, Clone, PartialEq)]
pub struct es_birth {
    pub entry: es_u64,
    pub key: es_own_key,
    #[doc = " What was made last, or what gets a further name."]
    pub inode: es_u64,
    #[doc = " 1: a further name; 2: of older content."]
    pub linked: es_u32,
    #[doc = " 1: at a place that is guarded."]
    pub guarded: es_u32,
}
#[doc = " The directory that was last found to lie in no zone, and what shows that it is so still."]
#[repr(C)]
#[derive(Debug, Default, Copy, Clone, PartialEq)]
pub struct es_plain {
    #[doc = " The mount it was looked at through; 0: there is none."]
    pub mount: es_u64,
    pub ino: es_u64,
    pub dev: es_u32,
    pub generation: es_u32,
    pub tables: es_u64,
    pub moves: es_u64,
    pub mounts: es_u64,
    #[doc = " The entry whose removal is let through; 0: none."]
    pub entry: es_u64,
    #[doc = " Scratch."]
    pub now: es_u64,
    #[doc = " The table's."]
    pub roots: [es_u64; 8usize],
}
#[doc = " A thread of a session. Value of the map `members`, whose key is the address of its task."]
#[repr(C)]
#[derive(Debug, Copy, Clone, PartialEq)]
pub struct es_member {
    pub session: es_u32,
    #[doc = " Process id, in the first pid namespace; 0 before it has one."]
    pub tgid: es_u32,
    #[doc = " When the process began, in ticks, as `/proc/PID/stat` has it."]
    pub start: es_u64,
    #[doc = " Thread id."]
    pub pid: es_u32,
    #[doc = " 1: it has ended."]
    pub ended: es_u32,
    pub look: es_look,
    pub found: [es_found; 2usize],
    pub layer: es_layer,
    pub removal: es_removal,
    pub birth: es_birth,
    pub plain: es_plain,
}
#[doc = " A process that is to become part of a session. Value of the map `joining`, whose key is its id."]
#[repr(C)]
#[derive(Debug, Default, Copy, Clone, PartialEq)]
pub struct es_joining {
    pub session: es_u32,
    #[doc = " How many of its threads were found."]
    pub found: es_u32,
    #[doc = " When it began, in ticks."]
    pub start: es_u64,
}
#[doc = " A process of es-guard's own that no session may signal or trace. Value of the map `wards`, whose key is its id."]
#[repr(C)]
#[derive(Debug, Default, Copy, Clone, PartialEq)]
pub struct es_ward {
    #[doc = " When it began, in ticks."]
    pub start: es_u64,
}
pub const ES_DENIAL: es_record_kind = 1;
#[doc = " The session's last thread has ended."]
pub const ES_TREE_ENDED: es_record_kind = 2;
#[doc = " What a record tells."]
pub type es_record_kind = u32;
#[doc = " A part of a record's text."]
#[repr(C)]
#[derive(Debug, Default, Copy, Clone, PartialEq)]
pub struct es_span {
    pub at: es_u32,
    pub length: es_u32,
}
#[doc = " What the ring buffer `records` carries: this without the unused end of `text`."]
#[doc = ""]
#[doc = " A path is its names, the last component first, each with a NUL behind it."]
#[repr(C)]
#[derive(Debug, Copy, Clone, PartialEq)]
pub struct es_record {
    pub kind: es_u32,
    pub session: es_u32,
    #[doc = " CLOCK_BOOTTIME, in nanoseconds."]
    pub time: es_u64,
    #[doc = " enum es_op."]
    pub op: es_u32,
    #[doc = " enum es_reason."]
    pub reason: es_u32,
    #[doc = " Number of the zone in the table, or ES_NO_ZONE."]
    pub zone: es_u32,
    #[doc = " The table's version."]
    pub version: es_u32,
    #[doc = " When the process began, in ticks."]
    pub start: es_u64,
    pub tgid: es_u32,
    pub pid: es_u32,
    pub uid: es_u32,
    #[doc = " ES_CUT, ES_INSIDE."]
    pub flags: es_u32,
    #[doc = " enum es_kind of what is at both names."]
    pub kinds: [es_u32; 2usize],
    #[doc = " How many of a path's last names lie below the zone's root: 0 is the root itself; ES_NO_ZONE: it was not met."]
    pub below: [es_u32; 2usize],
    #[doc = " Of ES_SIGNAL and ES_MEDDLE, the process that was aimed at."]
    pub target: es_u32,
    pub zero: es_u32,
    pub path: es_span,
    #[doc = " Where to, of a rename; the other name, of an exchange."]
    pub dest: es_span,
    pub exe: es_span,
    pub cwd: es_span,
    #[doc = " Arguments, each with a NUL behind it; not a path."]
    pub argv: es_span,
    pub text: [es_u8; 16384usize],
}
#[doc = " Where a record is put together. Value of the map `desks`."]
#[repr(C)]
#[derive(Debug, Copy, Clone, PartialEq)]
pub struct es_desk {
    #[doc = " 1: in use."]
    pub busy: es_u32,
    #[doc = " How much of the text is."]
    pub at: es_u32,
    pub entry: es_u64,
    pub mount: es_u64,
    pub key: es_place_key,
    #[doc = " The name that is told, 0 or 1; anything else: no place of the table is looked for."]
    pub which: es_u32,
    #[doc = " Names that were told of it."]
    pub count: es_u32,
    pub record: es_record,
}
