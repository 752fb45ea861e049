//! A real browser: Chromium without a window, driven by `browser/` in this crate with Playwright, and looked at with axe.
//!
//! A [`Tab`] does what a person does, step by step, so that a test can run cargo in between. Whatever goes wrong in the
//! browser panics here with what was done, the page's address, and the path of a picture of it.

use std::{
    env, fs,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::{Mutex, mpsc};

/// Where the programs for node are.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/browser");
const PROGRAM: &str = "/usr/bin/chromium";
/// The driver ends a step of a person after 30 seconds, and says so.
const STEP: Duration = Duration::from_mins(2);
/// Every page of the server, in every way.
const SURVEY: Duration = Duration::from_mins(25);
/// How often its end is looked for when nobody needs it any more, and for how long.
const PAUSE: Duration = Duration::from_millis(20);
const LOOKS: usize = 500;

/// A running browser. It ends when dropped, with all its tabs.
pub struct Chromium(Arc<Driver>);

/// A tab with a cookie jar of its own.
pub struct Tab {
    driver: Arc<Driver>,
    id: usize,
    base: String,
    options: TabOptions,
}

/// What a tab is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TabOptions {
    /// Whether scripts run.
    pub javascript: bool,
    /// In CSS pixels.
    pub width: u32,
    /// In CSS pixels.
    pub height: u32,
}

/// A page to look at, for [`Tab::survey`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Looked {
    /// What findings call it.
    pub name: String,
    /// From BASE on.
    pub path: String,
    /// What it has to answer with.
    pub status: u16,
}

struct Driver {
    /// One command at a time: the driver answers in order.
    pipe: Mutex<Pipe>,
    tabs: AtomicUsize,
}

struct Pipe {
    child: Child,
    stdin: Option<ChildStdin>,
    answers: mpsc::UnboundedReceiver<String>,
    /// Where the browser has its profile. It goes after the browser.
    _folder: TempDir,
}

#[derive(Deserialize)]
struct Answered {
    #[serde(default)]
    answer: Value,
    error: Option<String>,
    url: Option<String>,
    picture: Option<String>,
}

impl Default for TabOptions {
    /// As most people have it.
    fn default() -> Self {
        Self {
            javascript: true,
            width: 1280,
            height: 900,
        }
    }
}

impl Chromium {
    /// Starts one, with nothing in it.
    ///
    /// # Panics
    /// When node, Chromium or the packages of the driver are not there; the message says how to get them.
    pub async fn start() -> Self {
        assert!(
            Path::new(PROGRAM).exists() && Path::new(FOLDER).join("node_modules").is_dir(),
            "the browser of the tests is not installed: run `cargo xtask test --install`, or install Debian's chromium and \
             run `npm ci` in `{FOLDER}`"
        );
        let folder = TempDir::with_prefix("supercargo-browser-")
            .expect("the folder for temporary files can be written");
        let mut child = Command::new("node")
            .arg("driver.mjs")
            .arg(env::temp_dir())
            .current_dir(FOLDER)
            .env("TMPDIR", folder.path())
            // it ends when this pipe does, also after a test that was killed
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("`node` cannot be started ({error}); run `cargo xtask test --install`")
            });
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().expect("invariant: it is piped");
        let (sender, answers) = mpsc::unbounded_channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // nobody waits any more when the test has given up
                sender.send(line).unwrap_or_default();
            }
        });
        let mut pipe = Pipe {
            child,
            stdin,
            answers,
            _folder: folder,
        };
        // its version, as soon as it runs
        pipe.answer("start", STEP).await;
        Self(Arc::new(Driver {
            pipe: Mutex::new(pipe),
            tabs: AtomicUsize::new(0),
        }))
    }

    /// A new tab of somebody whom no server knows. Paths are looked for below this BASE.
    pub async fn tab(&self, base: &str, options: TabOptions) -> Tab {
        self.open(base, options, None).await
    }

    /// Another tab with the same cookies, as they are now.
    pub async fn tab_like(&self, tab: &Tab, options: TabOptions) -> Tab {
        self.open(&tab.base, options, Some(tab.id)).await
    }

    async fn open(&self, base: &str, options: TabOptions, from: Option<usize>) -> Tab {
        let driver = Arc::clone(&self.0);
        let id = driver.tabs.fetch_add(1, Ordering::Relaxed);
        let TabOptions {
            javascript,
            width,
            height,
        } = options;
        let mut command = json!({
            "command": "open", "id": id, "javascript": javascript, "width": width, "height": height, "scheme": "light",
        });
        if let Some(from) = from {
            command["from"] = from.into();
        }
        driver.tell(&command, STEP).await;
        Tab {
            driver,
            id,
            base: base.to_owned(),
            options,
        }
    }
}

/// What a tab does waits until it can be done, and for the page that it leads to. What is pointed at is `link NAME`,
/// `button NAME`, `radio NAME`, `checkbox NAME`, `heading NAME`, `field LABEL`, `text WORDS` or `css SELECTOR`.
///
/// Each of these panics when it cannot be done.
impl Tab {
    /// Opens a page by its path, and gives its status.
    pub async fn go(&self, path: &str) -> u64 {
        let url = format!("{}{path}", self.base);
        let answer = self.tell(json!({ "command": "go", "url": url })).await;
        answer.as_u64().unwrap_or_default()
    }

    /// Where it is: all that comes after BASE, or the whole address where that is another site.
    pub async fn path(&self) -> String {
        let url = self.text_of(json!({ "command": "url" })).await;
        url.strip_prefix(&self.base).unwrap_or(&url).to_owned()
    }

    /// The page's title.
    pub async fn title(&self) -> String {
        self.text_of(json!({ "command": "title" })).await
    }

    /// Clicks.
    pub async fn click(&self, what: &str) {
        self.at("click", what).await;
    }

    /// Fills a field in, whatever it had.
    pub async fn fill(&self, what: &str, value: &str) {
        self.tell(json!({ "command": "fill", "what": what, "value": value }))
            .await;
    }

    /// Ticks a box, or takes one of several choices.
    pub async fn check(&self, what: &str) {
        self.at("check", what).await;
    }

    /// Takes an entry of a list, by its value or its words.
    pub async fn choose(&self, what: &str, value: &str) {
        self.tell(json!({ "command": "choose", "what": what, "value": value }))
            .await;
    }

    /// Gives a file to a form.
    pub async fn attach(&self, what: &str, path: &Path) {
        self.tell(json!({ "command": "attach", "what": what, "path": path }))
            .await;
    }

    /// Presses a key, such as `Tab`, `/` or `Shift+Tab`.
    pub async fn press(&self, keys: &str) {
        self.tell(json!({ "command": "press", "keys": keys })).await;
    }

    /// Types where the focus is.
    pub async fn type_text(&self, value: &str) {
        self.tell(json!({ "command": "type", "value": value }))
            .await;
    }

    /// Puts the focus somewhere.
    pub async fn focus(&self, what: &str) {
        self.at("focus", what).await;
    }

    /// Drags with the pointer.
    pub async fn drag(&self, what: &str, to: &str) {
        self.tell(json!({ "command": "drag", "what": what, "to": to }))
            .await;
    }

    /// Waits until it is to be seen.
    pub async fn see(&self, what: &str) {
        self.at("see", what).await;
    }

    /// Whether it is to be seen at this moment.
    pub async fn sees(&self, what: &str) -> bool {
        let answer = self.at("visible", what).await;
        answer.as_bool().unwrap_or_default()
    }

    /// How many there are, seen or not.
    pub async fn count(&self, what: &str) -> u64 {
        self.at("count", what).await.as_u64().unwrap_or_default()
    }

    /// The words of the first one.
    pub async fn text(&self, what: &str) -> String {
        self.text_of(json!({ "command": "text", "what": what }))
            .await
    }

    /// The words of each.
    pub async fn texts(&self, what: &str) -> Vec<String> {
        let texts = self.at("texts", what).await;
        let texts = texts.as_array().into_iter().flatten();
        texts
            .filter_map(|text| text.as_str().map(str::to_owned))
            .collect()
    }

    /// What a field has in it.
    pub async fn value(&self, what: &str) -> String {
        self.text_of(json!({ "command": "value", "what": what }))
            .await
    }

    /// The page as it is now, as HTML.
    pub async fn html(&self) -> String {
        self.text_of(json!({ "command": "html" })).await
    }

    /// What has the focus: `tag#id` and its name.
    pub async fn focused(&self) -> String {
        self.text_of(json!({ "command": "focused" })).await
    }

    /// What was copied last.
    pub async fn clipboard(&self) -> String {
        self.text_of(json!({ "command": "clipboard" })).await
    }

    /// What stood in the console as an error, and what scripts threw, since this was asked last.
    pub async fn complaints(&self) -> Vec<String> {
        let complaints = self.tell(json!({ "command": "complaints" })).await;
        serde_json::from_value(complaints).expect("invariant: a list of words")
    }

    /// A picture of what is to be seen, as PNG; of the whole page where `full` says so. `scheme` is `light` or `dark`.
    pub async fn picture(&self, path: &Path, scheme: &str, full: bool) {
        let command = json!({ "command": "picture", "path": path, "scheme": scheme, "full": full });
        self.tell(command).await;
    }

    /// Looks at pages as whoever is signed in here, each with and without JavaScript, narrow and wide, light and dark.
    /// Says all that is wrong: what axe finds, errors in the console, what scrolls sideways, too much markup, not exactly
    /// one heading, no title, whatever comes from elsewhere.
    pub async fn survey(&self, pages: &[Looked]) -> Vec<String> {
        let pages: Vec<_> = pages
            .iter()
            .map(|page| json!({ "name": page.name, "url": format!("{}{}", self.base, page.path), "status": page.status }))
            .collect();
        let command =
            json!({ "command": "survey", "tab": self.id, "base": self.base, "pages": pages });
        let findings = self.driver.tell(&command, SURVEY).await;
        serde_json::from_value(findings).expect("invariant: a list of findings")
    }

    /// All that is wrong with the page as it stands, such as a form that was refused: as [`survey`](Self::survey) has it,
    /// with JavaScript.
    pub async fn inspect(&self) -> Vec<String> {
        let findings = self.tell(json!({ "command": "inspect" })).await;
        serde_json::from_value(findings).expect("invariant: a list of findings")
    }

    /// What it was opened with.
    pub fn options(&self) -> TabOptions {
        self.options
    }

    async fn at(&self, command: &str, what: &str) -> Value {
        self.tell(json!({ "command": command, "what": what })).await
    }

    async fn text_of(&self, command: Value) -> String {
        match self.tell(command).await {
            Value::String(text) => text,
            other => panic!("no text but {other}"),
        }
    }

    async fn tell(&self, mut command: Value) -> Value {
        command["tab"] = self.id.into();
        self.driver.tell(&command, STEP).await
    }
}

impl Driver {
    async fn tell(&self, command: &Value, patience: Duration) -> Value {
        let mut pipe = self.pipe.lock().await;
        let line = command.to_string();
        let stdin = pipe.stdin.as_mut().expect("invariant: it is running");
        writeln!(stdin, "{line}").unwrap_or_else(|error| panic!("the browser has ended: {error}"));
        pipe.answer(&line, patience).await
    }
}

impl Pipe {
    async fn answer(&mut self, command: &str, patience: Duration) -> Value {
        let line = tokio::time::timeout(patience, self.answers.recv()).await;
        let line = line.unwrap_or_else(|_| panic!("the browser takes too long to do {command}"));
        let line = line.unwrap_or_else(|| panic!("the browser ended before it did {command}"));
        let answered: Answered =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let Some(error) = answered.error else {
            return answered.answer;
        };
        let url = answered.url.unwrap_or_default();
        let picture = answered.picture.unwrap_or_else(|| "none".to_owned());
        panic!("the browser cannot do {command}\nat {url}\npicture: {picture}\n{error}")
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        self.stdin = None;
        for _ in 0..LOOKS {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(PAUSE);
        }
        self.child.kill().unwrap_or_default();
        self.child
            .wait()
            .expect("invariant: a child can be waited for");
    }
}

/// Width and height of a PNG, in pixels.
///
/// # Panics
/// When it is none.
pub fn png_size(path: &Path) -> (u32, u32) {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let number = |at: usize| {
        let four = bytes.get(at..at + 4).and_then(|four| four.try_into().ok());
        u32::from_be_bytes(four.unwrap_or_else(|| panic!("{} is cut off", path.display())))
    };
    assert!(
        bytes.starts_with(b"\x89PNG\r\n\x1a\n"),
        "{} is no PNG",
        path.display()
    );
    (number(16), number(20))
}
