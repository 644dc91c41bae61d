//! Fills the table: `dlopen(3)` and `dlsym(3)`.

use crate::macos::api::Api;
use crate::macos::task::Tasks;
use core::ffi::{CStr, c_void};
use core::mem::transmute_copy;

/// Where macOS keeps the framework; there is no such file on the disk, the linker knows it.
pub const LIBRARY: &CStr = c"/usr/lib/libEndpointSecurity.dylib";

/// Why there is no table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// The library itself.
    Library,
    /// A function that the oldest supported system has.
    Symbol(&'static CStr),
}

/// Looks the functions up in `library`, which is never closed again, and what is of the system in all that is
/// loaded.
pub fn load(library: &CStr) -> Result<Api, Missing> {
    // SAFETY:
    // - `library` ends in a zero byte.
    let handle = unsafe { libc::dlopen(library.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
    if handle.is_null() {
        return Err(Missing::Library);
    }
    let es = |name| Symbol { handle, name };
    let system = |name| Symbol { handle: libc::RTLD_DEFAULT, name };
    // SAFETY:
    // - each symbol is asked for as the function that its field declares, from the framework's header,
    //   `mach/mach_time.h`, `mach/task_info.h` or `libproc.h`.
    unsafe {
        Ok(Api {
            new_client: es(c"es_new_client").function()?,
            delete_client: es(c"es_delete_client").function()?,
            subscribe: es(c"es_subscribe").function()?,
            unsubscribe_all: es(c"es_unsubscribe_all").function()?,
            respond_auth_result: es(c"es_respond_auth_result").function()?,
            respond_flags_result: es(c"es_respond_flags_result").function()?,
            retain_message: es(c"es_retain_message").function()?,
            release_message: es(c"es_release_message").function()?,
            mute_process: es(c"es_mute_process").function()?,
            unmute_process: es(c"es_unmute_process").function()?,
            mute_path: es(c"es_mute_path").function()?,
            mute_path_events: es(c"es_mute_path_events").function()?,
            unmute_path: es(c"es_unmute_path").function()?,
            unmute_all_paths: es(c"es_unmute_all_paths").function()?,
            unmute_all_target_paths: es(c"es_unmute_all_target_paths").function()?,
            invert_muting: es(c"es_invert_muting").function()?,
            muting_inverted: es(c"es_muting_inverted").function()?,
            clear_cache: es(c"es_clear_cache").function()?,
            exec_arg_count: es(c"es_exec_arg_count").function()?,
            exec_arg: es(c"es_exec_arg").function()?,
            new_descendants_client: es(c"es_new_descendants_client").function().ok(),
            set_deadline_miss_mode: es(c"es_set_deadline_miss_mode").function().ok(),
            set_deadline_max_milliseconds: es(c"es_set_deadline_max_milliseconds").function().ok(),
            absolute_time: system(c"mach_absolute_time").function()?,
            timebase_info: system(c"mach_timebase_info").function()?,
            tasks: Tasks {
                own: system(c"mach_task_self_").address()?.cast(),
                name_for_pid: system(c"task_name_for_pid").function()?,
                info: system(c"task_info").function()?,
                let_go: system(c"mach_port_deallocate").function()?,
                all_pids: system(c"proc_listallpids").function()?,
                pid_info: system(c"proc_pidinfo").function()?,
                pid_path: system(c"proc_pidpath").function()?,
            },
            stack_block: system(c"_NSConcreteStackBlock").address()?,
        })
    }
}

/// What is looked up, and where.
struct Symbol {
    handle: *mut c_void,
    name: &'static CStr,
}

impl Symbol {
    fn address(&self) -> Result<*const c_void, Missing> {
        // SAFETY:
        // - `handle` came from `dlopen` and was not closed, or is the pseudo-handle.
        // - `name` ends in a zero byte.
        let found = unsafe { libc::dlsym(self.handle, self.name.as_ptr()) };
        if found.is_null() { Err(Missing::Symbol(self.name)) } else { Ok(found) }
    }

    /// # Safety
    /// `F` is the type of a pointer to what has this name.
    unsafe fn function<F: Copy>(&self) -> Result<F, Missing> {
        const { assert!(size_of::<F>() == size_of::<*const c_void>()) };
        let address = self.address()?;
        // SAFETY:
        // - both are pointers of one size, and the address is not null.
        // - the caller vouches for the type.
        Ok(unsafe { transmute_copy::<*const c_void, F>(&address) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_the_library_there_is_no_table() {
        assert_eq!(load(c"/nonexistent/library").err(), Some(Missing::Library));
    }

    #[test]
    #[cfg(not(target_os = "macos"))]
    fn a_library_without_the_functions_is_named_by_the_first_one() {
        assert_eq!(load(c"libc.so.6").err(), Some(Missing::Symbol(c"es_new_client")));
    }
}
