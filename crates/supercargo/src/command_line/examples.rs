//! What one types, for the long help of each command and for the page about all of them.

use clap::Command;

/// Of a command by its words: lines for a shell.
const EXAMPLES: &[(&str, &[&str])] = &[
    (
        "serve",
        &[
            "supercargo serve",
            "supercargo serve --data /srv/supercargo --listen '[::]:22746' --public-url https://crates.acme.example",
            "supercargo serve --print-defaults > supercargo.toml",
        ],
    ),
    (
        "admin token",
        &[
            "supercargo admin token",
            "supercargo admin token --data /srv/supercargo --user alice",
        ],
    ),
    (
        "completion",
        &[
            "supercargo completion bash > ~/.local/share/bash-completion/completions/supercargo    # `mkdir -p ~/.local/share/bash-completion/completions` before",
            "supercargo completion zsh > ~/.zfunc/_supercargo    # `mkdir -p ~/.zfunc` before; `fpath+=~/.zfunc` in ~/.zshrc, above `compinit`",
            "supercargo completion fish > ~/.config/fish/completions/supercargo.fish    # `mkdir -p ~/.config/fish/completions` before",
        ],
    ),
    (
        "registry create",
        &[
            "supercargo registry create acme --upstream crates-io",
            "supercargo registry create vetted --visibility internal --upstream crates-io --allow 'serde@^1' --allow 'tokio*'",
        ],
    ),
    (
        "registry list",
        &[
            "supercargo registry list",
            "supercargo registry list --label team=core",
        ],
    ),
    (
        "crate label",
        &[
            "supercargo crate label acme demo",
            "supercargo crate label acme demo team=core reviewed --remove draft",
            "supercargo crate label acme demo@1.0.0 audited=2026-11",
        ],
    ),
    ("registry show", &["supercargo registry show acme"]),
    (
        "registry edit",
        &[
            "supercargo registry edit acme --publishing members --label team=core",
            "supercargo registry edit acme --upstream 'partner,only=partner-*' --upstream crates-io",
            "supercargo registry edit acme --block 'openssl@<0.10.55'",
        ],
    ),
    ("registry delete", &["supercargo registry delete acme"]),
    ("registry restore", &["supercargo registry restore acme"]),
    ("registry purge", &["supercargo registry purge acme"]),
    (
        "upstream create",
        &[
            "supercargo upstream create crates-io --preset crates.io",
            "supercargo upstream create partner --index sparse+https://registry.example/index/ --auth token --secret-file token.txt",
            "supercargo upstream create base --registry base",
        ],
    ),
    ("upstream list", &["supercargo upstream list"]),
    ("upstream show", &["supercargo upstream show partner"]),
    (
        "upstream edit",
        &[
            "supercargo upstream edit partner --auth bearer --secret-file - < token.txt",
            "supercargo upstream edit partner --usable-by acme",
        ],
    ),
    ("upstream delete", &["supercargo upstream delete partner"]),
    ("upstream test", &["supercargo upstream test crates-io"]),
    (
        "user create",
        &["supercargo user create alice --email alice@acme.example"],
    ),
    ("user list", &["supercargo user list"]),
    ("user show", &["supercargo user show alice"]),
    (
        "user edit",
        &[
            "supercargo user edit alice --instance-role creator",
            "supercargo user edit alice --password-stdin",
        ],
    ),
    ("user disable", &["supercargo user disable alice"]),
    ("user enable", &["supercargo user enable alice"]),
    ("user delete", &["supercargo user delete alice"]),
    (
        "user passwd",
        &["supercargo user passwd", "supercargo user passwd alice"],
    ),
    (
        "service-account create",
        &[
            "supercargo service-account create ci",
            "supercargo service-account create nightly --registry acme",
        ],
    ),
    (
        "service-account list",
        &[
            "supercargo service-account list",
            "supercargo service-account list --registry acme",
        ],
    ),
    (
        "service-account show",
        &["supercargo service-account show ci"],
    ),
    (
        "service-account disable",
        &["supercargo service-account disable ci"],
    ),
    (
        "service-account enable",
        &["supercargo service-account enable ci"],
    ),
    (
        "service-account delete",
        &["supercargo service-account delete ci"],
    ),
    ("team create", &["supercargo team create core"]),
    ("team list", &["supercargo team list"]),
    ("team show", &["supercargo team show core"]),
    ("team delete", &["supercargo team delete core"]),
    ("team add", &["supercargo team add core alice"]),
    ("team remove", &["supercargo team remove core alice"]),
    (
        "member set",
        &[
            "supercargo member set acme alice maintainer",
            "supercargo member set acme service:ci publisher",
        ],
    ),
    (
        "member remove",
        &["supercargo member remove acme team:core"],
    ),
    ("member list", &["supercargo member list acme"]),
    (
        "claim create",
        &[
            "supercargo claim create acme 'acme-*'",
            "supercargo claim create acme serde --mode fork",
        ],
    ),
    ("claim list", &["supercargo claim list acme"]),
    ("claim delete", &["supercargo claim delete acme 'acme-*'"]),
    (
        "crate list",
        &[
            "supercargo crate list acme",
            "supercargo crate list acme --query http --source hosted",
            "supercargo crate list acme --state held --label team=core",
        ],
    ),
    (
        "crate show",
        &[
            "supercargo crate show acme demo",
            "supercargo crate show acme demo@1.0.0",
        ],
    ),
    (
        "crate upload",
        &[
            "supercargo crate upload target/package/demo-1.0.0.crate --registry acme    # made by `cargo package`",
        ],
    ),
    (
        "crate download",
        &["supercargo crate download acme demo@1.0.0 --output demo.crate"],
    ),
    ("crate delete", &["supercargo crate delete acme demo@1.0.0"]),
    (
        "crate restore",
        &["supercargo crate restore acme demo@1.0.0"],
    ),
    ("crate purge", &["supercargo crate purge acme demo@1.0.0"]),
    ("crate release", &["supercargo crate release acme demo"]),
    ("crate pin", &["supercargo crate pin acme serde crates-io"]),
    (
        "crate accept",
        &["supercargo crate accept acme left-pad@1.0.0"],
    ),
    (
        "quarantine hold",
        &[
            "supercargo quarantine hold acme demo@1.2.0 --reason 'its build script is being looked into'",
        ],
    ),
    (
        "quarantine block",
        &["supercargo quarantine block acme evil --reason 'steals tokens; use good instead'"],
    ),
    (
        "quarantine lift",
        &["supercargo quarantine lift acme demo@1.2.0"],
    ),
    ("quarantine list", &["supercargo quarantine list acme"]),
    (
        "prefetch",
        &[
            "supercargo prefetch Cargo.lock --registry acme",
            "supercargo prefetch app/Cargo.lock tool/Cargo.lock --registry acme --no-transfer",
        ],
    ),
    ("cache show", &["supercargo cache show acme"]),
    (
        "cache evict",
        &[
            "supercargo cache evict acme left-pad",
            "supercargo cache evict acme",
        ],
    ),
    (
        "audit list",
        &[
            "supercargo audit list --registry acme --last 20",
            "supercargo audit list --registry acme --crate demo --action version.downloaded",
        ],
    ),
    (
        "audit export",
        &["supercargo audit export --format csv --from 2026-11-01T00:00:00Z --output november.csv"],
    ),
    (
        "audit exposure",
        &["supercargo audit exposure 'demo@<1.2.3'"],
    ),
    (
        "token create",
        &[
            "supercargo token create laptop --expires-in-days 90",
            "supercargo token create deploy --principal service:ci --scope read,publish --registry acme --crate 'acme-*'",
        ],
    ),
    (
        "token show",
        &["supercargo token show 0199a3c4-7f00-7000-8000-000000000000"],
    ),
    ("token list", &["supercargo token list"]),
    (
        "token delete",
        &["supercargo token delete 0199a3c4-7f00-7000-8000-000000000000"],
    ),
    (
        "trusted-publisher create",
        &[
            "supercargo trusted-publisher create acme release --preset github --claim repository=acme/app --claim 'ref=refs/tags/v*' --scope publish --crate 'acme-*'",
        ],
    ),
    (
        "trusted-publisher list",
        &["supercargo trusted-publisher list acme"],
    ),
    (
        "trusted-publisher show",
        &["supercargo trusted-publisher show acme release"],
    ),
    (
        "trusted-publisher edit",
        &["supercargo trusted-publisher edit acme release --scope read,publish"],
    ),
    (
        "trusted-publisher delete",
        &["supercargo trusted-publisher delete acme release"],
    ),
    ("logout", &["supercargo logout"]),
    ("me", &["supercargo me", "supercargo me --json"]),
];

/// Below the long help of each command.
pub(super) fn add(command: Command) -> Command {
    add_below(command, "")
}

fn add_below(command: Command, path: &str) -> Command {
    command.mut_subcommands(|sub| {
        let path = format!("{path} {}", sub.get_name());
        let path = path.trim_start();
        let sub = add_below(sub, path);
        match EXAMPLES.iter().find(|(of, _)| *of == path) {
            None => sub,
            Some((_, lines)) => {
                let lines: Vec<_> = lines.iter().map(|line| format!("  {line}")).collect();
                sub.after_long_help(format!("Examples:\n{}", lines.join("\n")))
            }
        }
    })
}
