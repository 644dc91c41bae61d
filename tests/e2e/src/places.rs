//! Places where bare refuses one thing and allows another, and acts that tell: what a caller is answered in each
//! must not depend on who performs it.

/// Steps of `attacks/driver.c`; `@` is the place. None needs what another has done, but for
/// the links to files without a name.
pub const ACTS: &[&str] = &[
    "unlink @/f1",
    "unlink @/none",
    "unlink @/f25/",
    "unlink @/full1/",
    "unlink @/empty1",
    "unlink @/link1",
    "unlink @/fifo1",
    "rmdir @/empty2",
    "rmdir @/full1",
    "rmdir @/f2",
    "rename @/f3 out/f3",
    "rename @/empty3 out/empty3",
    "rename @/full2 out/full2",
    "rename out/r1 @/f4",
    "rename out/r2 @/new1",
    "rename out/d1 @/empty4",
    "rename out/d2 @/new2",
    "rename @/f5 @/f6",
    "rename @/f7 @/new3",
    "renameat2 cwd @/f8 cwd out/r3 exchange",
    "renameat2 cwd @/f9 cwd out/r4 noreplace",
    "open @/new4 creat,excl,wronly",
    "open @/f10 creat,excl,wronly",
    "open @/new5 creat,wronly",
    "open @/f11 creat,wronly",
    "open @/f12 creat,rdwr,trunc",
    "open @/link2 creat,wronly",
    "open @/dangling creat,wronly",
    "open @/fifo2 creat,wronly,0x800",
    "open @/fifo3 rdwr,0x800",
    "openat2 cwd @/new6 creat,wronly",
    "openat2 cwd @/f13 rdwr",
    "creat @/f14",
    "open @ tmpfile,rdwr",
    "open @ wronly",
    "open @/empty1 wronly",
    "open @/none2 wronly",
    "open @/f15 wronly",
    "open @/f16 rdwr,append",
    "open @/f17 wronly,trunc",
    "open @/f18 wronly,append,trunc",
    "open @/link3 rdwr,trunc",
    "open @/link4 wronly,nofollow",
    "write @/f19 new",
    "append @/f20 new",
    "truncate @/f21",
    "truncate @/link5",
    "truncate @/none",
    "truncate @/empty1",
    "mkdir @/new7",
    "mkdir @/f22",
    "symlink to @/new8",
    "symlink to @/f23",
    "link @/f24 out/new-of-theirs",
    "link out/r5 @/new9",
    "link out/r6 @/f24",
    "mkfifo @/new10",
    "mknod @/new11",
    "mknod @/f24",
    "openfd d0 @ tmpfile,rdwr",
    "linkat cwd /proc/self/fd/100 cwd @/new13 follow",
    "openfd d1 @ tmpfile,rdwr",
    "linkat d1 %00 cwd @/new14 empty",
    "bind_socket @/new12",
    "bind_socket @/f24",
];

/// Fills a directory, as the root that owns it then.
pub const FILL: &str = r#"
fill() {
    mkdir -p "$1"
    for n in $(seq 30); do echo old > "$1/f$n"; done
    for n in 1 2 3 4; do mkdir "$1/empty$n"; done
    for n in 1 2; do mkdir "$1/full$n"; touch "$1/full$n/x"; done
    for n in 1 2 3; do mkfifo "$1/fifo$n"; done
    for n in 1 2 3 4 5; do echo target > "$1/target$n"; ln -s target$n "$1/link$n"; done
    ln -s made-by-link "$1/dangling"
    chmod 666 "$1"/f1[0-9] "$1"/target* "$1"/fifo*
}
mine() { chown -hR 1000:1000 "$1"; }
fuse() {
    [ -e mnt ] || mkdir mnt
    "$STAGE/fuse" mnt 1000 1000 $1 < /dev/null > ../said 2>&1 &
    until grep -q ready ../said; do kill -0 $! || return 1; sleep 0.01; done
}
"#;

/// A place: what the steps call it, how it comes to be (by root, in the sandbox), how it is undone.
#[derive(Debug)]
pub struct Place {
    /// What the steps call it.
    pub path: &'static str,
    /// Shell.
    pub made: &'static str,
    /// Shell.
    pub undone: &'static str,
}

/// One that is undone with its sandbox.
pub const fn place(path: &'static str, made: &'static str) -> Place {
    Place { path, made, undone: "" }
}

/// `ROOT` is the sandbox; `OF_ROOT`, `UNREADABLE`, `OTHER` are processes outside the tree (of root, of the user
/// but undumpable, of the user), `CHILD` one of the caller's own.
pub const PLACES: &[Place] = &[
    place("mine", "fill mine; mine mine"),
    place("theirs", "fill theirs"),
    place("ROOT/theirs", "fill theirs"),
    place("mine/way", "fill theirs; mkdir mine; mine mine; ln -s ../theirs mine/way"),
    place("mine", "fill mine; chown 1000:1000 mine"),
    place("sticky", "fill sticky; chown -hR 1001:1001 sticky; chown 0:0 sticky; chmod 1777 sticky"),
    place("ROOT/sticky", "fill sticky; chmod 1777 sticky"),
    place("sticky", "fill sticky; mine sticky; chown 0:0 sticky; chmod 1777 sticky"),
    place("sticky", "fill sticky; chown -hR 1001:1001 sticky; chown 1000:1000 sticky; chmod 1777 sticky"),
    place(
        "sticky/way",
        "fill m; mine m; mkdir sticky; ln -s ../m sticky/way; chown -h 1001 sticky/way; chmod 1777 sticky",
    ),
    place(
        "closed/open",
        "mkdir closed; fill closed/open; mine closed/open; chmod 777 closed/open; chmod 700 closed",
    ),
    place(
        "ROOT/closed/open",
        "mkdir closed; fill closed/open; mine closed/open; chmod 777 closed/open; chmod 700 closed",
    ),
    place("shared", "fill shared; mine shared; chown 1000:1001 shared; chmod 2777 shared"),
    Place {
        path: "kept",
        made: "fill kept; mine kept; chattr +i kept/f[0-9]* kept/target*",
        undone: "chattr -i kept/f[0-9]* kept/target*",
    },
    Place { path: "kept", made: "fill kept; mine kept; chattr +i kept", undone: "chattr -i kept" },
    Place {
        path: "grows",
        made: "fill grows; mine grows; chattr +a grows/f[0-9]* grows/target*",
        undone: "chattr -a grows/f[0-9]* grows/target*",
    },
    Place { path: "grows", made: "fill grows; mine grows; chattr +a grows", undone: "chattr -a grows" },
    Place {
        path: "ro",
        made: "fill real; mine real; mkdir ro; mount --bind real ro; mount -o remount,bind,ro ro",
        undone: "umount ro",
    },
    Place {
        path: "ro",
        made: "fill real; mkdir ro; mount --bind real ro; mount -o remount,bind,ro ro",
        undone: "umount ro",
    },
    Place { path: "mnt", made: "fuse", undone: "umount mnt" },
    Place { path: "mnt", made: "fuse 1001", undone: "umount mnt" },
    Place { path: "ROOT/mnt", made: "fuse", undone: "umount mnt" },
    Place { path: "way", made: "fuse; ln -s ROOT/mnt way", undone: "umount mnt" },
    Place { path: "/proc/self/cwd/mnt", made: "fuse", undone: "umount mnt" },
    place("/proc/OF_ROOT/rootROOT/mine", "fill mine; mine mine"),
    place("/proc/OF_ROOT/cwd/mine", "fill mine; mine mine"),
    place("/proc/UNREADABLE/rootROOT/mine", "fill mine; mine mine"),
    place("/proc/UNREADABLE/cwd/mine", "fill mine; mine mine"),
    place("/proc/OTHER/rootROOT/mine", "fill mine; mine mine"),
    place("/proc/OTHER/cwd/mine", "fill mine; mine mine"),
    place("/proc/OTHER/cwd/theirs", "fill theirs"),
    place("/proc/CHILD/rootROOT/mine", "fill mine; mine mine"),
    place("/proc/CHILD/cwd/mine", "fill mine; mine mine"),
    place("/proc/self/rootROOT/mine", "fill mine; mine mine"),
    place("/proc/self/cwd/mine", "fill mine; mine mine"),
    place("/proc/thread-self/cwd/theirs", "fill theirs"),
    place("way/mine", "fill mine; mine mine; ln -s /proc/OF_ROOT/cwd way"),
    place("way/mine", "fill mine; mine mine; ln -s /proc/OTHER/cwd way"),
    Place {
        path: "hidden/OF_ROOT",
        made: "mkdir hidden; mount -t proc -o hidepid=2 hidden hidden",
        undone: "umount hidden",
    },
    place("/proc/OF_ROOT", ""),
    place("/proc/OTHER", ""),
    place("/proc/self", ""),
    place("/proc/self/fd", ""),
    place("/proc/OF_ROOT/fd", ""),
    place("/proc/UNREADABLE/fd", ""),
    place("/proc/sys/kernel", ""),
];

/// Processes of procfs: opening what they show is judged by who opens it.
pub const PROC_FILES: &[&str] = &[
    "mem",
    "environ",
    "comm",
    "oom_score_adj",
    "coredump_filter",
    "clear_refs",
    "timerslack_ns",
    "uid_map",
    "setgroups",
    "attr/current",
    "fd/0",
    "fd/1",
    "cwd",
    "root",
    "exe",
    "ns/user",
    "task",
    "maps",
    "sched",
    "autogroup",
    "loginuid",
    "fdinfo/0",
    "map_files",
    "none",
];
