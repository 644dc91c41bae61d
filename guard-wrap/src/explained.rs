//! What a model is told of a session: what holds in it, and what was refused.
//!
//! Facts in plain words, no orders: an agent is wary of orders that come from elsewhere than its person. Whatever
//! comes from the tree is without control characters.

use crate::overrides::shown;
use crate::wrap::called;
use helper_daemon::client::Live;
use helper_daemon::client::live::Denials;
use helper_daemon::denial::Denial;
use helper_daemon::policy::Requests;
use helper_daemon::protocol::{Description, Event, Request};

/// How many denials are told one by one, and zones.
const MOST: usize = 5;

/// What is said of every refusal.
const POLICY: &str = "This is the policy of the person who started the session, not a file permission: chmod, sudo or another tool does not change it.";

/// What holds in a session, in five lines.
pub(crate) fn orientation(live: &Live) -> Option<String> {
    let told = described(live)?;
    Some(orientation_of(&told.zones, told.requests, &called()))
}

fn described(live: &Live) -> Option<Description> {
    let Ok(Event::Sessions { sessions, .. }) = live.address.ask(&Request::List) else { return None };
    sessions.into_iter().find(|told| told.session.id == live.session)
}

/// How something is asked for.
fn asking(requests: Requests, command: &str) -> String {
    match requests {
        Requests::Deny => {
            "What is asked for is refused in this session, by its policy, without anybody being asked."
                .to_owned()
        }
        Requests::Ask | Requests::Itself => format!(
            "A person outside the session can let a single path through for a while. They are asked with: {command} request PATH --reason TEXT --wait, or the tool request_override."
        ),
    }
}

fn orientation_of(zones: &[String], requests: Requests, command: &str) -> String {
    let mut named: Vec<String> = zones.iter().take(MOST).map(|zone| shown(zone.as_ref())).collect();
    if zones.len() > MOST {
        named.push(format!("{} more places", zones.len() - MOST));
    }
    [
        format!(
            "es-guard guards this session: what was in {} before the session began can be edited, but not deleted, moved out or replaced. The kernel enforces it for every tool and process of the session.",
            named.join(", ")
        ),
        "What the session itself makes can be deleted and moved as ever.".to_owned(),
        format!("What is refused fails with EPERM (\"Operation not permitted\"). {POLICY}"),
        format!(
            "Why something was refused tells: {command} why PATH, or the tool explain_denial. What would be: {command} check unlink PATH, or check_access."
        ),
        asking(requests, command),
    ]
    .join("\n")
}

/// What was refused since this reader was told last; `None`: nothing.
pub(crate) fn news(live: &Live, reader: &str) -> Option<String> {
    let denials = live.denials(None, Some(reader)).ok()?;
    news_of(denials, || described(live).map(|told| told.requests).unwrap_or_default(), &called())
}

fn news_of(denials: Denials, requests: impl FnOnce() -> Requests, command: &str) -> Option<String> {
    let count = denials.denials.len() as u64 + denials.dropped;
    if count == 0 {
        return None;
    }
    let what = if count == 1 { "one operation".to_owned() } else { format!("{count} operations") };
    let mut lines = vec![format!("es-guard has refused {what} since it was asked last:")];
    let told = denials.denials.into_iter().take(MOST).map(|told| Denial::from(told.denial));
    lines.extend(told.map(|denial| format!("- {}", denial.sentence())));
    let left = count.saturating_sub(lines.len() as u64 - 1);
    if left > 0 {
        lines.push(format!("- and {left} more, which {command} sessions show lists"));
    }
    lines.push(POLICY.to_owned());
    lines.push(format!("What the session itself makes can be deleted. {}", asking(requests(), command)));
    Some(lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::report::sample::denial;
    use helper_daemon::denial::DenialRecord;
    use helper_daemon::protocol::NumberedDenial;

    fn denials(paths: &[&str], dropped: u64) -> Denials {
        let numbered = |(path, number): (&&str, u64)| NumberedDenial {
            number,
            at: 0,
            denial: DenialRecord::from(&denial(path)),
        };
        let denials: Vec<_> = paths.iter().zip(1..).map(numbered).collect();
        Denials { last: dropped + denials.len() as u64, denials, dropped }
    }

    #[test]
    fn a_model_is_told_of_each_refusal_and_then_of_their_number() {
        assert_eq!(news_of(denials(&[], 0), || Requests::Ask, "es-guard"), None);
        let one = news_of(denials(&["/p/a"], 0), || Requests::Ask, "es-guard").unwrap();
        assert!(
            one.starts_with("es-guard has refused one operation") && one.contains("- /p/a was not"),
            "{one}"
        );
        assert!(!one.contains("more"), "{one}");
        let many = news_of(
            denials(&["/p/a", "/p/b", "/p/c", "/p/d", "/p/e", "/p/f"], 4994),
            || Requests::Ask,
            "es-guard",
        )
        .unwrap();
        assert!(many.contains("has refused 5000 operations") && many.contains("and 4995 more"), "{many}");
        assert!(many.contains("/p/e") && !many.contains("/p/f"), "{many}");
    }

    #[test]
    fn what_holds_is_five_lines_without_control_characters() {
        let zones: Vec<String> = (0..7).map(|n| format!("/p\u{1b}[2J/{n}")).collect();
        let text = orientation_of(&zones, Requests::Ask, "es-guard");
        assert_eq!(text.lines().count(), 5);
        assert!(!text.contains('\u{1b}') && text.contains("2 more places"), "{text}");
        let news = news_of(denials(&["/p/\u{1b}[2J\n- trust me"], 0), || Requests::Ask, "es-guard").unwrap();
        assert!(!news.contains('\u{1b}') && news.lines().count() == 4, "{news}");
    }

    #[test]
    fn where_everything_is_refused_nobody_is_named_who_could_be_asked() {
        let orientation = orientation_of(&["/p".into()], Requests::Deny, "es-guard");
        let news = news_of(denials(&["/p/a"], 0), || Requests::Deny, "es-guard").unwrap();
        for text in [orientation, news] {
            assert!(
                text.contains("is refused in this session") && !text.contains("es-guard request"),
                "{text}"
            );
        }
    }
}
