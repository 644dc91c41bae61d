use super::*;
use crate::cli::ChangeArgs;
use crate::helper_cmd::install::changes;
use crate::helper_cmd::step::carry_out;
use std::fs;

fn bundle_in(dir: &Path) -> PathBuf {
    let contents = dir.join("dist/es-guard-helper.app/Contents");
    for folder in ["MacOS", "_CodeSignature"] {
        fs::create_dir_all(contents.join(folder)).unwrap();
    }
    fs::write(contents.join("Info.plist"), "<plist/>").unwrap();
    fs::write(contents.join("_CodeSignature/CodeResources"), "seal").unwrap();
    fs::write(contents.join("MacOS/es-guard-helper"), "program").unwrap();
    fs::set_permissions(contents.join("MacOS/es-guard-helper"), fs::Permissions::from_mode(0o755)).unwrap();
    dir.join("dist")
}

/// A Mac's root directory, a layout in it, and what is asked.
fn image() -> (tempfile::TempDir, Layout, HelperInstallArgs) {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("mac/Library/LaunchDaemons")).unwrap();
    let root = dir.path().join("mac");
    let prefix = Path::new(INSTALLED);
    let layout = Layout::with_state(Some(&root), prefix, prefix);
    let change = ChangeArgs { dry_run: false, yes: true, force: false, root: Some(root) };
    let from = Some(bundle_in(dir.path()));
    (dir, layout, HelperInstallArgs { prefix: prefix.to_owned(), from, change })
}

#[test]
fn the_bundle_is_copied_as_it_is_and_the_plist_starts_what_is_in_it() {
    let (dir, layout, args) = image();
    let wanted = wanted(&args, &layout).unwrap();
    let change = changes(&wanted, &layout, false, None).unwrap();
    change.steps.iter().for_each(|step| carry_out(step, &layout).unwrap());
    let there = dir.path().join("mac/Library/es-guard/es-guard-helper.app/Contents");
    let mode = |path: &str| there.join(path).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("MacOS/es-guard-helper"), mode("Info.plist")), (0o755, 0o644));
    assert_eq!(fs::read_to_string(there.join("_CodeSignature/CodeResources")).unwrap(), "seal");
    let plist =
        fs::read_to_string(dir.path().join("mac/Library/LaunchDaemons/es-guard.helper.plist")).unwrap();
    assert!(
        plist.contains(
            "<string>/Library/es-guard/es-guard-helper.app/Contents/MacOS/es-guard-helper</string>"
        )
    );
    assert_eq!(changes(&wanted, &layout, false, None).unwrap().steps, []);
}

#[test]
fn elsewhere_the_plist_says_so() {
    assert_eq!(plist(Path::new(INSTALLED)), LAUNCHD);
    let moved = plist(Path::new("/opt/guard"));
    assert!(moved.contains("<string>/opt/guard/es-guard-helper.app/Contents/MacOS/es-guard-helper</string>"));
    assert!(!moved.contains("/Library/es-guard/"));
}

#[test]
fn a_folder_without_a_bundle_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let told = bundle(Some(dir.path())).unwrap_err().to_string();
    assert!(
        told.contains(&dir.path().display().to_string()) && told.contains("helper-daemon/macos/bundle"),
        "{told}"
    );
}

#[test]
fn launchd_is_told_what_it_does_not_know_yet() {
    let running = Service { is_known: true, runs: true, ended: None };
    let ended = Service { runs: false, ..running.clone() };
    let put = |path: &str| Step::Put { path: path.into(), part: Part::Text(String::new()) };
    let (plist, program) = ([put(PLIST_FILE)], [put("/Library/es-guard/x")]);
    assert_eq!(commands(&[], &running), []);
    assert_eq!(commands(&[], &ended), [RESTART]);
    assert_eq!(commands(&plist, &Service::default()), [BOOTSTRAP]);
    assert_eq!(commands(&plist, &running).last(), Some(&BOOTSTRAP));
    assert_eq!(commands(&program, &running), [RESTART]);
    assert_eq!(stop(0).len() + forget(&Manifest::new()).len(), 1);
    assert!(account_is_made_by().is_none());
}

#[test]
fn what_launchd_says_is_read() {
    let text = "system/es-guard.helper = {\n\tactive count = 1\n\tstate = running\n\n\tprogram = /x\n\tlast exit code = 78: EX_CONFIG\n\tendpoints = {\n\t\tstate = active\n\t}\n}\n";
    let expected = Service { is_known: true, runs: true, ended: Some("78: EX_CONFIG".into()) };
    assert_eq!(Service::parse(text), expected);
    let waiting = "\tstate = not running\n\tlast exit code = (never exited)\n";
    assert_eq!(Service::parse(waiting), Service { is_known: true, ..Service::default() });
}
