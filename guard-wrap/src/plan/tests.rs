use super::*;
use std::os::unix::fs::symlink;

/// A home with a project in it.
struct Scene {
    _dir: tempfile::TempDir,
    home: PathBuf,
}

impl Scene {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().canonicalize().unwrap();
        std::fs::create_dir_all(home.join("proj/src")).unwrap();
        std::fs::create_dir_all(home.join(".codex")).unwrap();
        Self { _dir: dir, home }
    }

    fn write(&self, policy: &str) {
        std::fs::write(self.home.join(".codex/es_policy.json"), policy).unwrap();
    }

    fn plan(&self, zones: &[&str]) -> Result<Plan, PlanError> {
        let zones: Vec<OsString> = zones.iter().map(OsString::from).collect();
        let cwd = self.home.join("proj/src");
        Plan::new(&Asked { zones: &zones, ..Asked::nothing(&self.home, &cwd) })
    }

    fn zones(&self, compiled: &Compiled) -> Vec<String> {
        let below = |z: &Zone| z.path.strip_prefix(&self.home).unwrap().display().to_string();
        compiled.policy.zones.iter().map(below).collect()
    }
}

/// Among es-guard's own zones even before it is there.
const POLICY: &str = ".codex/es_policy.json";

#[test]
fn without_zones_the_project_is_guarded() {
    let scene = Scene::new();
    let compiled = scene.plan(&[]).unwrap().compile().unwrap();
    assert_eq!(scene.zones(&compiled), ["proj/src", POLICY]);
    std::fs::write(scene.home.join("proj/.git"), "gitdir: elsewhere").unwrap();
    let compiled = scene.plan(&[]).unwrap().compile().unwrap();
    assert_eq!(
        (scene.zones(&compiled), compiled.origins),
        (vec!["proj".to_owned(), POLICY.to_owned()], vec![Origin::GitTopLevel, Origin::EsGuard])
    );
}

#[test]
fn a_git_made_by_the_agent_does_not_shrink_the_zone() {
    let scene = Scene::new();
    std::fs::create_dir(scene.home.join("proj/.git")).unwrap();
    let plan = scene.plan(&[]).unwrap();
    std::fs::create_dir(scene.home.join("proj/src/.git")).unwrap();
    assert_eq!(scene.zones(&plan.compile().unwrap()), ["proj", POLICY]);
}

#[test]
fn a_zone_is_resolved_once_and_identical_ones_are_one() {
    let scene = Scene::new();
    symlink(scene.home.join("proj"), scene.home.join("link")).unwrap();
    let link = scene.home.join("link");
    let plan = scene.plan(&[link.to_str().unwrap(), "..", "."]).unwrap();
    std::fs::remove_file(&link).unwrap();
    assert_eq!(scene.zones(&plan.compile().unwrap()), ["proj", "proj/src", POLICY]);
}

#[test]
fn a_zone_of_the_file_that_does_not_exist_is_kept_with_a_warning() {
    let scene = Scene::new();
    symlink(scene.home.join("proj"), scene.home.join("link")).unwrap();
    scene.write(
        r#"{"protected_zones": ["~/link/later"], "temporary_overrides": ["~/link/later/x", "/none"]}"#,
    );
    let compiled = scene.plan(&[]).unwrap().compile().unwrap();
    assert_eq!(scene.zones(&compiled), ["proj/later", POLICY]);
    assert_eq!(compiled.warnings.len(), 2, "{:?}", compiled.warnings);
    assert!(compiled.warnings[0].contains("does not exist"));
    assert!(compiled.warnings[1].contains("in no zone"));
    assert_eq!(compiled.policy.overrides[0].path, scene.home.join("proj/later/x"));
    assert_eq!(compiled.policy.visible_zones().count(), 1);
}

#[test]
fn a_policy_file_that_is_a_symlink_is_guarded_at_both_ends() {
    let scene = Scene::new();
    std::fs::write(scene.home.join("real.json"), "{}").unwrap();
    symlink(scene.home.join("real.json"), scene.home.join(".codex/es_policy.json")).unwrap();
    let compiled = scene.plan(&[]).unwrap().compile().unwrap();
    assert_eq!(scene.zones(&compiled), ["proj/src", POLICY, "real.json"]);
}

/// Whoever turns one of them makes the next session read another policy.
#[test]
fn symlinks_on_the_way_to_what_es_guard_keeps_are_its_own() {
    let scene = Scene::new();
    std::fs::remove_dir(scene.home.join(".codex")).unwrap();
    std::fs::create_dir_all(scene.home.join("dot/codex/es-guard")).unwrap();
    symlink("dot/codex", scene.home.join(".codex")).unwrap();
    symlink("dot", scene.home.join("records")).unwrap();
    let (state, cwd) = (scene.home.join("dot/codex/es-guard"), scene.home.join("proj"));
    let named = scene.home.join("records/codex/es-guard");
    let asked = Asked { state: Some(&state), state_named: Some(&named), ..Asked::nothing(&scene.home, &cwd) };
    let compiled = Plan::new(&asked).unwrap().compile().unwrap();
    let own = ["dot/codex/es-guard", "dot/codex/es_policy.json", ".codex", "records"];
    assert_eq!(scene.zones(&compiled)[1..], own);
    assert!(compiled.policy.zones[1..].iter().all(|zone| zone.internal));
}

#[test]
fn the_control_is_let_through_in_the_state_folder() {
    let scene = Scene::new();
    let (state, control) = (scene.home.join("state"), scene.home.join("state/canary-x/free"));
    let cwd = scene.home.join("proj");
    let asked = Asked { state: Some(&state), control: Some(&control), ..Asked::nothing(&scene.home, &cwd) };
    let policy = Plan::new(&asked).unwrap().compile().unwrap().policy;
    assert!(policy.guards(&state.join("canary-x/kept"), 0, false).is_some());
    assert!(policy.guards(&control, 0, false).is_none());
}

#[test]
fn zones_that_cannot_be_guarded_are_refused() {
    let scene = Scene::new();
    assert!(matches!(scene.plan(&[""]), Err(PlanError::ZoneEmpty)));
    assert!(matches!(scene.plan(&["none"]), Err(PlanError::ZoneMissing(_))));
    std::fs::write(scene.home.join("proj/file"), "").unwrap();
    assert!(scene.plan(&["../file"]).is_ok());
    assert!(matches!(scene.plan(&["../file/x"]), Err(PlanError::ZoneUnresolved { .. })));
}

#[test]
fn a_change_of_the_file_changes_the_fingerprint() {
    let scene = Scene::new();
    let plan = scene.plan(&[]).unwrap();
    let before = plan.fingerprint();
    assert_eq!(before, plan.fingerprint());
    scene.write("{}");
    let written = plan.fingerprint();
    assert_ne!(before, written);
    scene.write("{ }");
    assert_ne!(written, plan.fingerprint());
}

#[test]
fn a_difference_says_what_came_and_went() {
    let scene = Scene::new();
    let plan = scene.plan(&[]).unwrap();
    let old = plan.compile().unwrap().policy;
    assert_eq!(difference(&old, &old), "nothing is different");
    scene.write(r#"{"protected_zones": ["/etc"], "exempt_names": ["dist"]}"#);
    let new = plan.compile().unwrap().policy;
    let src = scene.home.join("proj/src");
    assert_eq!(difference(&old, &new), format!("zones: -{}, +/etc; exempt names: +dist", src.display()));
}

#[test]
fn a_zone_that_gets_a_stash_is_a_difference() {
    let zone = Zone::new("/p");
    let with = |zone| Policy { zones: vec![zone], ..Policy::default() };
    let old = with(zone.clone());
    let new = with(Zone { on_delete: OnDelete::Stash, ..zone });
    assert_eq!(difference(&old, &new), "zones: -/p, +/p with a stash");
}

#[test]
fn a_symlink_that_is_turned_later_changes_nothing() {
    let scene = tempfile::tempdir().unwrap();
    let root = scene.path().canonicalize().unwrap();
    for dir in ["zone/tmp", "zone/precious", "data"] {
        std::fs::create_dir_all(root.join(dir)).unwrap();
    }
    std::os::unix::fs::symlink("data", root.join("link")).unwrap();
    let text = format!(
        r#"{{"protected_zones": ["{0}/zone", "{0}/link"], "temporary_overrides": ["{0}/zone/tmp"],
            "requests": "self", "self_grant": ["{0}/zone/tmp"]}}"#,
        root.display()
    );
    let file = root.join("policy.json");
    std::fs::write(&file, &text).unwrap();
    let asked = Asked { policy: Some(&file), ..Asked::nothing(&root, &root) };
    let plan = Plan::new(&asked).unwrap();
    let before = plan.compile().unwrap().policy;
    assert!(before.zones.iter().any(|zone| zone.path == root.join("data")));
    std::fs::remove_dir(root.join("zone/tmp")).unwrap();
    std::os::unix::fs::symlink("precious", root.join("zone/tmp")).unwrap();
    std::fs::remove_file(root.join("link")).unwrap();
    std::os::unix::fs::symlink("zone", root.join("link")).unwrap();
    let after = plan.clone().compile().unwrap().policy;
    assert_eq!((after.zones, after.overrides), (before.zones, before.overrides));
    assert_eq!(after.asking.self_grant, [root.join("zone/tmp")]);
}
