//! The examples at the end of every help text.

pub(super) const MAIN_EXAMPLES: &str = "\
Examples:
  es-guard wrap -- codex                 guard the current project
  es-guard wrap --zone ~/proj -- claude  guard a named directory
  es-guard sessions show                 what was blocked in the last session
  es-guard approve                       answer what the agent asks for
  es-guard doctor                        what this machine can do";

pub(super) const WRAP_EXAMPLES: &str = "\
Examples:
  es-guard wrap -- codex
  es-guard wrap --zone ~/proj --zone ~/notes -- claude --continue
  es-guard wrap --policy ./guard.json -- bash

The exit status is the command's own, 128+n if signal n killed it.
125: es-guard failed and nothing was started; 126: the command can't be executed; \
127: there is no such command.";

pub(super) const STATUS_EXAMPLES: &str = "\
Examples:
  es-guard status
  sudo es-guard status --json | jq '.[].session.argv'

Yours, with a helper of their own or the system's; of the system's helper root sees \
everybody's. The exit status is 1 where a helper can't be asked.";

pub(super) const SESSIONS_EXAMPLES: &str = "\
Examples:
  es-guard sessions list
  es-guard sessions show last
  es-guard sessions restore --list";

pub(super) const LIST_EXAMPLES: &str = "\
Examples:
  es-guard sessions list
  es-guard sessions list --json | jq '.[] | select(.blocked > 0)'";

pub(super) const SHOW_EXAMPLES: &str = "\
Examples:
  es-guard sessions show              the last one
  es-guard sessions show 20260102-03  the one whose name begins so
  es-guard sessions show --follow     what is blocked, as it happens
  es-guard sessions show --own        what it made and took away itself, too
  es-guard sessions show last --json | jq -r '.denials[].path'";

pub(super) const OVERRIDE_EXAMPLES: &str = "\
Examples:
  es-guard override grant old.csv --reason 'replaced by v2'
  es-guard override list
  es-guard override revoke old.csv

It is for people, outside the session: a process inside a guarded tree grants nothing, and may ask with \
es-guard request. What is granted ends with its time, or with the session.";

pub(super) const OVERRIDE_LIST_EXAMPLES: &str = "\
Examples:
  es-guard override list
  es-guard override list --session 20260102-03 --json";

pub(super) const OVERRIDE_GRANT_EXAMPLES: &str = "\
Examples:
  es-guard override grant old.csv              for 10 minutes
  es-guard override grant build --for 1h30m --reason 'clean build'
  es-guard override grant /srv/data/old --for session --session 20260102-03
  es-guard override grant old.csv --op unlink  removed, and not moved

The path itself and all below it may then be removed and moved. The exit status is 1 if it is refused; \
with --json the reason has a stable code.";

pub(super) const OVERRIDE_REVOKE_EXAMPLES: &str = "\
Examples:
  es-guard override revoke old.csv
  es-guard override revoke /srv/data/old --session 20260102-03";

pub(super) const WHY_EXAMPLES: &str = "\
Examples:
  es-guard why                              what was blocked last
  es-guard why old.csv                      why that was
  es-guard why --last --json | jq -r .denial.reason

Inside a session it is about that one. The exit status says how things are now: 0, it is let through; 1, it is \
not; 3, somebody was asked and has not answered; 2, that can't be told.";

pub(super) const CHECK_EXAMPLES: &str = "\
Examples:
  es-guard check unlink old.csv
  es-guard check rename src/a.rs /tmp/a.rs
  es-guard check rmdir build --json | jq -r .code

It is judged by the live session, inside one by that one; where there is none, by what `es-guard wrap` would \
guard here. The exit status is 0 if it would be let through, 1 if not, 3 if not and somebody was asked, 2 if \
that can't be told. git and programs that replace files may be allowed more.";

pub(super) const REQUEST_EXAMPLES: &str = "\
Examples:
  es-guard request old.csv --reason 'replaced by v2'
  es-guard request build --reason 'clean build' --for 30m --wait 5m
  es-guard request old.csv --reason 'rename it' --op rename --wait --json

A person answers, outside the session, with: es-guard approve
The exit status is 0 if it is let through, 1 if it was refused, 3 if nobody has answered yet, 2 if it could \
not be asked. Asked for again, it is the same request.";

pub(super) const APPROVE_EXAMPLES: &str = "\
Examples:
  es-guard approve                     one key for each answer
  es-guard approve --session 20260102-03
  printf '1 once\\n2 deny it is the only copy\\n' | es-guard approve

Without a terminal it reads lines: the number of a request, and `once`, a time such as 10m, `session`, or \
`deny` and a word to the agent; with several sessions SESSION:NUMBER. It ends with its input.";

pub(super) const POLICY_EXAMPLES: &str = "\
Examples:
  es-guard policy init
  es-guard policy check --policy ./guard.json
  es-guard policy show";

pub(super) const POLICY_SHOW_EXAMPLES: &str = "\
Examples:
  es-guard policy show
  es-guard policy show --policy ./guard.json --json";

pub(super) const POLICY_CHECK_EXAMPLES: &str = "\
Examples:
  es-guard policy check
  es-guard policy check --policy ./guard.json && es-guard wrap -- codex";

pub(super) const POLICY_INIT_EXAMPLES: &str = "\
Examples:
  es-guard policy init
  es-guard policy init --policy ./guard.json";

pub(super) const HELPER_EXAMPLES: &str = "\
Examples:
  es-guard helper install --dry-run
  sudo es-guard helper install
  es-guard helper status";

pub(super) const HELPER_INSTALL_EXAMPLES: &str = "\
Examples:
  es-guard helper install --dry-run    what it would write and run, in full
  sudo es-guard helper install
  sudo es-guard helper install --yes --prefix /opt/es-guard
  es-guard helper install --root ./image --prefix /usr --yes

A newer one is installed over an older one. Where sessions are live, the helper that runs goes on \
guarding them, until it is started anew: sudo systemctl restart es-guard-helper";

pub(super) const HELPER_UNINSTALL_EXAMPLES: &str = "\
Examples:
  es-guard helper uninstall --dry-run
  sudo es-guard helper uninstall

Files that were edited since they were installed are left, and named.";

pub(super) const HELPER_STATUS_EXAMPLES: &str = "\
Examples:
  es-guard helper status
  es-guard helper status --json | jq '.checks[] | select(.ok | not)'";

pub(super) const DOCTOR_EXAMPLES: &str = "\
Examples:
  es-guard doctor
  es-guard doctor --json | jq '.engines[] | select(.available)'

The exit status is 0 if at least one engine can be used, else 1.";

pub(super) const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  es-guard completions fish > ~/.config/fish/completions/es-guard.fish
  source <(es-guard completions bash)       in ~/.bashrc";

pub(super) const MAN_EXAMPLES: &str = "\
Examples:
  es-guard man | man -l -
  es-guard man wrap | man -l -
  es-guard man sessions restore | man -l -";

pub(super) const RESTORE_EXAMPLES: &str = "\
Examples:
  es-guard sessions restore --list             what there is to put back
  es-guard sessions restore                    all of it, where it was
  es-guard sessions restore src notes.txt      these, and what was below them
  es-guard sessions restore 20260102-03 --to /tmp/back
  es-guard sessions restore notes.txt --force  what is there now is kept instead
  es-guard sessions restore --entry 12         an older one of the same path

Without a session it is the last one that kept something. Nothing that is there is replaced without --force. \
The first word is taken for a session if there is one \
that is called so; a path of such a name is written ./20260102. The exit status is 1 if something could \
not be put back. Interrupted, it is simply run again.";

pub(super) const STASH_EXAMPLES: &str = "\
Examples:
  es-guard stash list
  es-guard stash prune --older-than 7d --dry-run";

pub(super) const STASH_LIST_EXAMPLES: &str = "\
Examples:
  es-guard stash list
  es-guard stash list --json | jq '.[].bytes'";

pub(super) const STASH_PRUNE_EXAMPLES: &str = "\
Examples:
  es-guard stash prune                 to the limits of every session's end
  es-guard stash prune --older-than 7d --keep-size 500M
  es-guard stash prune --keep-size 0 --dry-run

The oldest go first, until both limits hold; the stash of a session that still runs never goes.";

pub(super) const MCP_EXAMPLES: &str = "\
Examples:
  es-guard mcp
  es-guard wrap -- codex                    has codex start it by itself

Its tools are explain_denial, check_access and request_override. It grants nothing: a person does, with \
es-guard approve.";

pub(super) const HOOK_EXAMPLES: &str = "\
Examples:
  es-guard hook codex PostToolUse
  es-guard hook claude PostToolUseFailure

es-guard wrap names it to the agents it knows. What the agent tells its hook is on standard input. Outside a \
session, and where nothing was refused, it says nothing; it never fails.";
