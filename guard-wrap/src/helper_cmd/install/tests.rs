use super::*;
use crate::cli::ChangeArgs;
use crate::helper_cmd::step::carry_out;
use crate::helper_cmd::uninstall;
use std::collections::BTreeMap;
use std::fs;

/// A root directory as a system has it.
fn image() -> (tempfile::TempDir, Layout) {
    let dir = tempfile::tempdir().unwrap();
    for path in ["etc/systemd/system", "usr/local", "var/lib"] {
        fs::create_dir_all(dir.path().join(path)).unwrap();
    }
    fs::write(dir.path().join("etc/passwd"), "root\n").unwrap();
    let layout = Layout::new(Some(dir.path()), "/usr/local".as_ref());
    (dir, layout)
}

fn wanted(layout: &Layout, version: &str) -> Vec<(PathBuf, Part)> {
    let program = |bytes: &str| Part::Program { from: "here".into(), bytes: bytes.into() };
    let mut wanted = vec![
        (layout.helper(), program(&format!("helper {version}"))),
        (layout.command(), program("command")),
    ];
    wanted.extend(layout.configuration());
    wanted
}

fn install(layout: &Layout, version: &str) -> Change {
    changes(&wanted(layout, version), layout, false, None).unwrap()
}

fn removal(layout: &Layout) -> Change {
    let args = ChangeArgs { dry_run: false, yes: true, force: false, root: Some(layout.root().to_owned()) };
    uninstall::plan(&args, layout).unwrap()
}

fn carry(steps: &[Step], layout: &Layout) {
    steps.iter().for_each(|step| carry_out(step, layout).unwrap());
}

/// Everything below a directory: kind, mode, contents.
fn snapshot(dir: &Path) -> BTreeMap<PathBuf, String> {
    let mut all = BTreeMap::new();
    let mut left = vec![dir.to_owned()];
    while let Some(dir) = left.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let stat = path.symlink_metadata().unwrap();
            let what = match stat.file_type() {
                kind if kind.is_symlink() => format!("{:?}", fs::read_link(&path).unwrap()),
                kind if kind.is_dir() => "directory".to_owned(),
                _ => fs::read_to_string(&path).unwrap(),
            };
            if stat.is_dir() {
                left.push(path.clone());
            }
            all.insert(path, format!("{:o} {what}", stat.mode()));
        }
    }
    all
}

#[test]
fn what_is_installed_is_all_there_and_again_is_nothing_to_do() {
    let (dir, layout) = image();
    carry(&install(&layout, "1").steps, &layout);
    for (path, part) in wanted(&layout, "1") {
        assert_eq!(mark_at(&layout.real(&path)).unwrap(), Some(mark_of(&part)), "{}", path.display());
    }
    let rights = |path: &str| dir.path().join(path).symlink_metadata().unwrap().mode() & 0o7777;
    assert_eq!(rights("usr/local/libexec/es-guard/es-guard-helper"), 0o755);
    assert_eq!(rights("etc/systemd/system/es-guard-helper.service"), 0o644);
    assert_eq!(rights("var/lib/es-guard"), 0o700);
    assert_eq!(install(&layout, "1").steps, []);
}

#[test]
fn undo_leaves_the_root_as_it_was() {
    let (dir, layout) = image();
    let before = snapshot(dir.path());
    carry(&install(&layout, "1").steps, &layout);
    fs::write(dir.path().join("var/lib/es-guard/sessions.json"), "{}").unwrap();
    carry(&removal(&layout).steps, &layout);
    assert_eq!(snapshot(dir.path()), before);
}

#[test]
fn wherever_an_installation_is_interrupted_the_next_finishes_it_and_undo_is_complete() {
    for upgrade in [false, true] {
        let steps = install(&image().1, "2").steps.len() + usize::from(upgrade);
        for done in 0..=steps {
            let (dir, layout) = image();
            let before = snapshot(dir.path());
            if upgrade {
                carry(&install(&layout, "1").steps, &layout);
            }
            let first = install(&layout, "2").steps;
            carry(&first[..done.min(first.len())], &layout);
            let half_way = snapshot(dir.path());
            let again = install(&layout, "2");
            assert_eq!(again.foreign, [] as [PathBuf; 0], "after {done} steps");
            if half_way.keys().any(|path| path.ends_with("install.json")) {
                // Undo of what is half done.
                let (copy, layout) = (tempfile::tempdir().unwrap(), |dir: &Path| {
                    Layout::new(Some(dir), "/usr/local".as_ref())
                });
                let copied = std::process::Command::new("cp")
                    .arg("-a")
                    .arg(dir.path().join("."))
                    .arg(copy.path())
                    .status();
                assert!(copied.unwrap().success());
                carry(&removal(&layout(copy.path())).steps, &layout(copy.path()));
                let left: Vec<_> = snapshot(copy.path())
                    .into_keys()
                    .map(|p| p.strip_prefix(copy.path()).unwrap().to_owned())
                    .collect();
                let then: Vec<_> =
                    before.keys().map(|p| p.strip_prefix(dir.path()).unwrap().to_owned()).collect();
                assert_eq!(left, then, "undone after {done} steps");
            }
            carry(&again.steps, &layout);
            assert_eq!(install(&layout, "2").steps, [], "finished after {done} steps");
            carry(&removal(&layout).steps, &layout);
            assert_eq!(snapshot(dir.path()), before, "after {done} steps");
        }
    }
}

#[test]
fn wherever_an_undo_is_interrupted_the_next_finishes_it() {
    let (_dir, layout) = image();
    carry(&install(&layout, "1").steps, &layout);
    for done in 0..removal(&layout).steps.len() {
        let (dir, layout) = image();
        let before = snapshot(dir.path());
        carry(&install(&layout, "1").steps, &layout);
        let first = removal(&layout).steps;
        carry(&first[..done], &layout);
        carry(&removal(&layout).steps, &layout);
        assert_eq!(snapshot(dir.path()), before, "after {done} steps");
    }
}

#[test]
fn what_somebody_else_wrote_is_neither_replaced_nor_removed() {
    let (dir, layout) = image();
    let unit = dir.path().join("etc/systemd/system/es-guard-helper.service");
    fs::write(&unit, "mine").unwrap();
    let change = install(&layout, "1");
    assert_eq!(change.foreign, [PathBuf::from("/etc/systemd/system/es-guard-helper.service")]);
    assert!(change.refusal().is_some());
    fs::remove_file(&unit).unwrap();

    carry(&install(&layout, "1").steps, &layout);
    fs::write(&unit, "edited").unwrap();
    let change = removal(&layout);
    assert!(change.afterwards.iter().any(|left| left.contains("es-guard-helper.service was changed")));
    carry(&change.steps, &layout);
    assert_eq!(fs::read_to_string(&unit).unwrap(), "edited");
    assert!(!dir.path().join("usr/local/libexec").exists());
}

#[test]
fn an_installation_elsewhere_takes_the_old_one_away() {
    let (dir, layout) = image();
    let before = snapshot(dir.path());
    carry(&install(&layout, "1").steps, &layout);
    let moved = Layout::new(Some(dir.path()), "/opt/es-guard".as_ref());
    carry(&install(&moved, "1").steps, &moved);
    assert!(dir.path().join("opt/es-guard/bin/es-guard").exists());
    assert!(!dir.path().join("usr/local/bin/es-guard").exists());
    carry(&removal(&moved).steps, &moved);
    assert_eq!(snapshot(dir.path()), before);
}

#[test]
fn a_place_that_others_can_write_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let (dir, layout) = image();
    for path in ["usr/local", "usr", "var/lib", "etc/systemd/system"] {
        let path = dir.path().join(path);
        let was = path.metadata().unwrap().permissions();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o775)).unwrap();
        let refused = changes(&wanted(&layout, "1"), &layout, true, None).unwrap_err();
        assert!(matches!(refused, HelperError::Untrusted { .. }), "{}", path.display());
        fs::set_permissions(&path, was).unwrap();
    }
}

#[test]
fn an_interrupted_write_leaves_the_old_file_or_the_new_one() {
    let (dir, layout) = image();
    carry(&install(&layout, "1").steps, &layout);
    let helper = layout.real(&layout.helper());
    fs::write(crate::helper_cmd::step::next(&helper), "half").unwrap();
    assert_eq!(fs::read_to_string(&helper).unwrap(), "helper 1");
    carry(&install(&layout, "2").steps, &layout);
    assert_eq!(fs::read_to_string(&helper).unwrap(), "helper 2");
    fs::write(crate::helper_cmd::step::next(&helper), "half").unwrap();
    carry(&removal(&layout).steps, &layout);
    assert!(!dir.path().join("usr/local/libexec").exists());
}
