//! The socket that everybody may connect to.

use super::MonitorError;
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tokio::net::UnixListener;

/// Listens at a path, which a helper that has died may have left behind.
pub(super) fn bind(path: &Path) -> Result<UnixListener, MonitorError> {
    let failed = |doing, source| MonitorError::Socket { doing, path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|e| failed("make the folder of", e))?;
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => return Err(MonitorError::Taken(path.to_owned())),
        Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path)
                .map_err(|e| failed("remove the socket of a helper that has died", e))?;
        }
        Err(_) => {}
    }
    let listener = UnixListener::bind(path).map_err(|e| failed("listen at", e))?;
    // Everybody may connect; who may do what is told by the kernel's word on who it is.
    std::fs::set_permissions(path, Permissions::from_mode(0o666)).map_err(|e| failed("open", e))?;
    Ok(listener)
}
