//! What a page has to paste, as a person takes it from there.

use supercargo_testkit::Page;

/// The lines of a page, in its order.
pub(crate) struct Pasted(Vec<(Option<String>, String)>);

impl Pasted {
    pub(crate) fn of(page: &Page) -> Self {
        let mut found = Vec::new();
        for block in page.html.split("<pre ").skip(1) {
            let (attributes, rest) = block.split_once('>').unwrap();
            let text = rest
                .strip_prefix("<code>")
                .and_then(|rest| rest.split_once("</code></pre>"));
            let text = plain(text.unwrap().0);
            let file = attributes.split_once("data-file=\"");
            if let Some((_, file)) = file {
                found.push((Some(plain(file.split_once('"').unwrap().0)), text));
            } else if attributes.contains("data-shell") {
                found.push((None, text));
            }
        }
        Self(found)
    }

    /// What belongs into a file.
    #[track_caller]
    pub(crate) fn file(&self, name: &str) -> &str {
        let mut files = self.0.iter();
        let file = files.find(|(file, _)| file.as_deref() == Some(name));
        &file
            .unwrap_or_else(|| panic!("no lines for {name} in {:?}", self.0))
            .1
    }

    /// What belongs into a shell.
    pub(crate) fn shell(&self) -> Vec<&str> {
        let lines = self.0.iter().filter(|(file, _)| file.is_none());
        lines.map(|(_, text)| text.as_str()).collect()
    }
}

fn plain(html: &str) -> String {
    [
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&#60;", "<"),
        ("&#62;", ">"),
        ("&#38;", "&"),
    ]
    .iter()
    .fold(html.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// The shell of the steps of a workflow, each of its own: `run: …` and `run: |` with what is indented below.
pub(crate) fn steps_of_workflow(yaml: &str) -> Vec<String> {
    blocks(yaml, "run: ")
}

/// The shell of a job's `script`, which runs as one.
pub(crate) fn script_of_job(yaml: &str) -> String {
    let (_, script) = yaml.split_once("script:\n").unwrap();
    blocks(script, "- ").concat()
}

fn blocks(yaml: &str, key: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = yaml.lines().peekable();
    while let Some(line) = lines.next() {
        let Some((before, rest)) = line.split_once(key) else {
            continue;
        };
        if rest != "|" {
            blocks.push(format!("{rest}\n"));
            continue;
        }
        let outer = before.len() - before.trim_start().len();
        let deeper = |line: &&str| line.len() - line.trim_start().len() > outer;
        let mut block = String::new();
        while let Some(line) = lines.next_if(deeper) {
            block += line.trim_start();
            block.push('\n');
        }
        blocks.push(block);
    }
    blocks
}

/// The `RUN` of a Dockerfile: which variable is which secret, and what is run.
pub(crate) fn run_of_dockerfile(text: &str) -> (Vec<(String, String)>, String) {
    let (_, run) = text.split_once("\nRUN ").unwrap();
    let run = run.replace("\\\n", " ");
    let (mounts, words): (Vec<_>, Vec<_>) = run
        .split_whitespace()
        .partition(|word| word.starts_with("--mount=type=secret,"));
    let mounts = mounts.into_iter().map(|mount| {
        let value = |key: &str| {
            let mut parts = mount.split(',');
            parts
                .find_map(|part| part.strip_prefix(key))
                .unwrap()
                .to_owned()
        };
        (value("env="), value("id="))
    });
    (mounts.collect(), words.join(" "))
}
