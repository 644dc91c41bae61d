//! `es-guard policy init`: a policy file to begin with.

use super::PolicyError;
use crate::cli::PolicyInitArgs;
use crate::plan::place::resolve_name;
use crate::plan::{Asked, Plan, PlanError};
use crate::render::fit::under_home;
use crate::render::{json, note, print};
use crate::state::{default_policy, home};
use helper_daemon::denial::printable;
use std::fs::{DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

pub(super) fn run(args: &PolicyInitArgs) -> Result<(), PolicyError> {
    let home = home()?;
    // The project, as if there were no policy file yet.
    let cwd = std::env::current_dir().map_err(PlanError::CurrentDirectory)?;
    let project = Plan::new(&Asked::nothing(&home, &cwd))?.project().to_owned();
    let path =
        args.policy.as_ref().map_or_else(|| default_policy(&home), |path| resolve_name(&cwd.join(path)));
    let text = example(&project, &home)?;
    let unwritten = |source: std::io::Error| match source.kind() {
        ErrorKind::AlreadyExists => PolicyError::Exists(path.clone()),
        _ => PolicyError::Unwritten { path: path.clone(), source },
    };
    if let (None, Some(folder)) = (&args.policy, path.parent()) {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(unwritten)?;
    }
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(unwritten)?;
    print(&format!("{} guards {}", under_home(&path, Some(&home)), under_home(&project, Some(&home))));
    let named = args.policy.as_ref().map(|_| {
        let path = path.to_string_lossy();
        format!(" --policy {}", shlex::try_quote(&printable(&path)).unwrap_or("FILE".into()))
    });
    note(&format!("edit it, then try: es-guard policy check{}", named.unwrap_or_default()));
    Ok(())
}

/// A policy file for a project. JSON has no comments, so the example is an override that has expired.
fn example(project: &Path, home: &Path) -> Result<String, PolicyError> {
    let text = project.to_str().ok_or_else(|| PolicyError::NotUtf8(project.to_owned()))?;
    let home = home.canonicalize().unwrap_or_else(|_| home.to_owned());
    let project = match project.strip_prefix(&home).ok().and_then(Path::to_str) {
        Some("") => "~".to_owned(),
        Some(below) => format!("~/{below}"),
        None => text.to_owned(),
    };
    let example = format!("{}/example", project.trim_end_matches('/'));
    let quoted = |text: &str| json(&text);
    Ok(format!(
        r#"{{
  "protected_zones": [
    {}
  ],
  "temporary_overrides": [
    {{
      "path": {},
      "expires_at": 1,
      "reason": "an example: this path may be deleted until expires_at, in Unix seconds"
    }}
  ],
  "exempt_names": [],
  "replacers": []
}}
"#,
        quoted(&project),
        quoted(&example)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use helper_daemon::policy::file::parse;
    use std::path::PathBuf;

    #[test]
    fn what_init_writes_is_valid_and_lets_nothing_through() {
        for (project, written) in
            [("/h/u/a \"b\"", "/h/u/a \"b\""), ("/h/u", "/h/u"), ("/srv", "/srv"), ("/", "/")]
        {
            let text = example(Path::new(project), Path::new("/h/u")).unwrap();
            let file = parse(text.as_bytes(), Path::new("/h/u")).unwrap();
            assert_eq!(file.zones[0].path, PathBuf::from(written));
            assert_eq!(file.overrides[0].expires_at, Some(1));
        }
    }
}
