use super::*;

fn decode_call(call: Call, args: [u64; 6]) -> Result<Event, Unread> {
    let trapped = Trapped { id: 1, tid: std::process::id() as i32, call: Some(call), args };
    decode(&trapped, &Caller::new(trapped.tid))
}

#[test]
fn a_removal_carries_its_text_and_kind() {
    let path = c"a/b".as_ptr() as u64;
    let at = At { dirfd: libc::AT_FDCWD, path: b"a/b".to_vec() };
    assert_eq!(
        decode_call(Call::Unlink, [path, 0, 0, 0, 0, 0]),
        Ok(Event::Remove { at: at.clone(), directory: false })
    );
    assert_eq!(decode_call(Call::Rmdir, [path, 0, 0, 0, 0, 0]), Ok(Event::Remove { at, directory: true }));
}

#[test]
fn flags_are_checked_before_anything_else() {
    assert_eq!(decode_call(Call::Unlinkat, [0, 8, 1, 0, 0, 0]), Err(Unread::Bare(Errno::EINVAL)));
    let both = u64::from(libc::RENAME_EXCHANGE | libc::RENAME_NOREPLACE);
    assert_eq!(decode_call(Call::Renameat2, [0, 8, 0, 8, both, 0]), Err(Unread::Bare(Errno::EINVAL)));
}

#[test]
fn an_empty_path_is_missing() {
    assert_eq!(
        decode_call(Call::Unlink, [c"".as_ptr() as u64, 0, 0, 0, 0, 0]),
        Err(Unread::Bare(Errno::ENOENT))
    );
}

#[test]
fn only_a_unix_socket_with_a_path_makes_a_name() {
    let mut address = [0u8; 20];
    address[0] = libc::AF_UNIX as u8;
    let ask = |address: &[u8], length| decode_call(Call::Bind, [3, address.as_ptr() as u64, length, 0, 0, 0]);
    assert_eq!(ask(&address, 20), Ok(Event::Harmless));
    address[2..5].copy_from_slice(b"s/x");
    let Ok(Event::Create { at, what: Creation::Socket { fd: 3 } }) = ask(&address, 20) else { panic!() };
    assert_eq!(at.path, b"s/x");
    address[0] = libc::AF_INET as u8;
    assert_eq!(ask(&address, 16), Ok(Event::Harmless));
}

/// Its arguments lie in memory below 4 GiB, where an address fits in a word.
#[test]
fn the_older_entry_for_sockets_is_read_as_bind() {
    let words = [3u32, 8, 20];
    let ask = |at| decode_call(Call::Socketcall, [2, at, 0, 0, 0, 0]);
    // The address can't be read: the kernel will say so, as of bind.
    assert_eq!(ask(words.as_ptr() as u64), Ok(Event::Harmless));
    assert_eq!(ask(8), Err(Unread::Bare(Errno::EFAULT)));
}

#[test]
fn an_overlays_writable_directories_are_found_behind_escapes() {
    let found = overlay_writes(br"lowerdir=/a\,upperdir=/no,upperdir=/z/u\,v,workdir=/w,index=off");
    let paths: Vec<&[u8]> = found.iter().map(|at| at.path.as_slice()).collect();
    assert_eq!(paths, [&b"/z/u,v"[..], b"/w"]);
}

#[test]
fn an_open_for_writing_is_told_from_one_for_reading() {
    let path = c"x".as_ptr() as u64;
    let open = |flags: i32| decode_call(Call::Open, [path, flags as u64, 0, 0, 0, 0]).unwrap();
    for flags in [libc::O_WRONLY, libc::O_RDWR, libc::O_RDONLY | libc::O_TRUNC] {
        assert!(matches!(open(flags), Event::Write { how: Writing::Open { .. }, .. }), "{flags:#o}");
    }
    assert_eq!(open(libc::O_RDONLY | libc::O_NOFOLLOW), Event::Harmless);
}

#[test]
fn a_path_only_open_creates_nothing() {
    let path = c"x".as_ptr() as u64;
    let flags = (libc::O_CREAT | libc::O_PATH) as u64;
    assert_eq!(decode_call(Call::Open, [path, flags, 0o600, 0, 0, 0]), Ok(Event::Harmless));
}
