//! A browser without a window: cookies, redirects and forms, as a person without JavaScript has them.

use std::fmt;

use http::{HeaderMap, Method, StatusCode, header};
use reqwest::Url;

/// A chain of redirects has a handful of steps.
const STEPS: usize = 20;
const AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";

/// Somebody's browser, with the cookies that it was given. Like all browsers, it does not tell ports of a host apart.
#[derive(Clone, Debug)]
pub struct Browser {
    http: reqwest::Client,
    /// All the cookies that it has.
    pub cookies: Vec<Cookie>,
    /// Every `Set-Cookie` that it was sent, as it came.
    pub set: Vec<String>,
}

/// A cookie as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cookie {
    host: String,
    path: String,
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// What a browser shows.
#[derive(Clone, Debug)]
pub struct Page {
    /// Where it is, after all redirects.
    pub url: Url,
    /// Its status.
    pub status: StatusCode,
    /// All headers.
    pub headers: HeaderMap,
    /// The HTML.
    pub html: String,
}

/// A form of a page.
#[derive(Clone, Debug)]
pub struct Form {
    /// The page that it stands on.
    page: Url,
    /// Where it is sent to.
    pub action: String,
    method: String,
    /// Its fields, as they are.
    pub fields: Vec<(String, String)>,
}

impl Browser {
    /// A fresh one.
    #[expect(
        clippy::disallowed_methods,
        reason = "only ever connects to servers that a test has started"
    )]
    #[expect(
        clippy::new_without_default,
        reason = "it is a person's, and not a default"
    )]
    pub fn new() -> Self {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .user_agent(AGENT)
            .build()
            .expect("invariant: this configuration is sound");
        Self {
            http,
            cookies: Vec::new(),
            set: Vec::new(),
        }
    }

    /// Opens an address, as if it were typed.
    pub async fn open(&mut self, url: &str) -> Page {
        let url = url.parse().unwrap_or_else(|error| panic!("{url}: {error}"));
        self.follow(Method::GET, url, None, None).await
    }

    /// Opens an address and follows nothing: the very first answer.
    pub async fn ask(&mut self, url: &str) -> Page {
        let url = url.parse().unwrap_or_else(|error| panic!("{url}: {error}"));
        self.step(&Method::GET, url, None, None).await
    }

    /// Sends a form of a page.
    pub async fn send(&mut self, form: &Form) -> Page {
        let url = form.url();
        let page = form.page.clone();
        let fields = Some(form.fields.clone());
        match form.method.as_str() {
            "post" => self.follow(Method::POST, url, fields, Some(page)).await,
            _ => panic!("only forms that post are sent: {form:?}"),
        }
    }

    /// The same, and follows nothing.
    pub async fn send_only(&mut self, form: &Form) -> Page {
        let fields = Some(form.fields.clone());
        let page = Some(form.page.clone());
        self.step(&Method::POST, form.url(), fields, page).await
    }

    /// The value of a cookie whose name begins so.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        let mut cookies = self.cookies.iter();
        let cookie = cookies.find(|cookie| cookie.name.starts_with(name));
        cookie.map(|cookie| cookie.value.as_str())
    }

    async fn follow(
        &mut self,
        method: Method,
        url: Url,
        fields: Option<Vec<(String, String)>>,
        from: Option<Url>,
    ) -> Page {
        let mut page = self.step(&method, url, fields, from).await;
        for _ in 0..STEPS {
            let Some(next) = page.next() else {
                return page;
            };
            page = self.step(&Method::GET, next, None, None).await;
        }
        panic!("a chain of redirects has no end; it is at {page}");
    }

    /// Sends a form of a page with a file in one of its fields, and follows nothing.
    pub async fn send_file(&mut self, form: &Form, field: &str, file: (&str, &[u8])) -> Page {
        const EDGE: &str = "----------------------------edge";
        let mut body = Vec::new();
        let mut part = |name: &str, rest: &str, bytes: &[u8]| {
            let head = format!(
                "--{EDGE}\r\nContent-Disposition: form-data; name=\"{name}\"{rest}\r\n\r\n"
            );
            body.extend_from_slice(head.as_bytes());
            body.extend_from_slice(bytes);
            body.extend_from_slice(b"\r\n");
        };
        for (name, value) in form.fields.iter().filter(|(name, _)| name != field) {
            part(name, "", value.as_bytes());
        }
        let (name, bytes) = file;
        let rest = format!("; filename=\"{name}\"\r\nContent-Type: application/octet-stream");
        part(field, &rest, bytes);
        body.extend_from_slice(format!("--{EDGE}--\r\n").as_bytes());
        let kind = format!("multipart/form-data; boundary={EDGE}");
        let page = Some(form.page.clone());
        self.exchange(&Method::POST, form.url(), Some((kind, body)), page)
            .await
    }

    async fn step(
        &mut self,
        method: &Method,
        url: Url,
        fields: Option<Vec<(String, String)>>,
        from: Option<Url>,
    ) -> Page {
        let sent = fields.map(|fields| {
            let form = Url::parse_with_params("http://form", &fields);
            let form = form.expect("invariant: pairs stand in a query");
            let body = form.query().unwrap_or_default().to_owned();
            let kind = "application/x-www-form-urlencoded";
            (kind.to_owned(), body.into_bytes())
        });
        self.exchange(method, url, sent, from).await
    }

    /// One request: `sent` is its kind and its body.
    async fn exchange(
        &mut self,
        method: &Method,
        url: Url,
        sent: Option<(String, Vec<u8>)>,
        from: Option<Url>,
    ) -> Page {
        let mut request = self.http.request(method.clone(), url.clone());
        request = request.header(header::ACCEPT, "text/html,application/xhtml+xml,*/*;q=0.8");
        let cookies: Vec<_> = self
            .cookies
            .iter()
            .filter(|cookie| cookie.goes_to(&url))
            .map(|cookie| format!("{}={}", cookie.name, cookie.value))
            .collect();
        if !cookies.is_empty() {
            request = request.header(header::COOKIE, cookies.join("; "));
        }
        if let Some(from) = from {
            let origin = from.origin();
            let site = if origin == url.origin() {
                "same-origin"
            } else {
                "cross-site"
            };
            request = request
                .header(header::ORIGIN, origin.ascii_serialization())
                .header("sec-fetch-site", site);
        }
        if let Some((kind, body)) = sent {
            request = request.header(header::CONTENT_TYPE, kind).body(body);
        }
        let answer = request.send().await;
        let answer = answer.unwrap_or_else(|error| panic!("{method} {url}: no answer: {error:?}"));
        let (status, headers) = (answer.status(), answer.headers().clone());
        let html = answer.text().await;
        let html = html.unwrap_or_else(|error| panic!("{method} {url}: {error:?}"));
        for value in headers.get_all(header::SET_COOKIE) {
            self.take(&url, value.to_str().expect("a cookie is a text"));
        }
        Page {
            url,
            status,
            headers,
            html,
        }
    }

    fn take(&mut self, url: &Url, text: &str) {
        self.set.push(text.to_owned());
        let mut parts = text.split(';').map(str::trim);
        let pair = parts.next().unwrap_or_default();
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (mut path, mut is_gone) = ("/".to_owned(), false);
        for attribute in parts {
            let (key, value) = attribute.split_once('=').unwrap_or((attribute, ""));
            match key.to_ascii_lowercase().as_str() {
                "path" => value.clone_into(&mut path),
                "max-age" => is_gone = value.parse::<i64>().is_ok_and(|seconds| seconds <= 0),
                "expires" => is_gone |= value.contains("1970"),
                _ => {}
            }
        }
        let cookie = Cookie {
            host: url.host_str().unwrap_or_default().to_owned(),
            path,
            name: name.to_owned(),
            value: value.to_owned(),
        };
        self.cookies.retain(|known| {
            (&known.host, &known.path, &known.name) != (&cookie.host, &cookie.path, &cookie.name)
        });
        if !is_gone {
            self.cookies.push(cookie);
        }
    }
}

impl Cookie {
    fn goes_to(&self, url: &Url) -> bool {
        let below = url.path().strip_prefix(self.path.as_str());
        let is_below = below.is_some_and(|rest| {
            rest.is_empty() || rest.starts_with('/') || self.path.ends_with('/')
        });
        url.host_str() == Some(self.host.as_str()) && is_below
    }
}

#[expect(
    clippy::return_self_not_must_use,
    reason = "most tests only want to know that it went as it should"
)]
impl Page {
    /// Where the browser goes by itself from here.
    fn next(&self) -> Option<Url> {
        let location = self.headers.get(header::LOCATION);
        let location = location.filter(|_| self.status.is_redirection());
        let to = if let Some(location) = location {
            location.to_str().ok()?.to_owned()
        } else {
            let is_refresh = |tag: &Tag<'_>| {
                tag.name == "meta" && tag.get("http-equiv").as_deref() == Some("refresh")
            };
            let refresh = Tags::of(&self.html).find(is_refresh)?;
            refresh.get("content")?.split_once("url=")?.1.to_owned()
        };
        let url = self.url.join(&to);
        Some(url.unwrap_or_else(|error| panic!("{to}: {error}")))
    }

    /// This page, if it has that status.
    ///
    /// # Panics
    /// When it has another one; the message has all of it.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "unexpected status of {self}");
        self
    }

    /// The path, and the query.
    pub fn path(&self) -> String {
        match self.url.query() {
            Some(query) => format!("{}?{query}", self.url.path()),
            None => self.url.path().to_owned(),
        }
    }

    /// Its words, without the markup.
    pub fn words(&self) -> String {
        let mut words = String::new();
        let mut rest = self.html.as_str();
        while let Some((before, after)) = rest.split_once('<') {
            words.push_str(before);
            words.push(' ');
            rest = after.split_once('>').map_or("", |(_, after)| after);
        }
        words.push_str(rest);
        let words = decode(&words);
        words.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Its forms.
    pub fn forms(&self) -> Vec<Form> {
        let mut forms: Vec<Form> = Vec::new();
        let mut is_open = false;
        let mut list: Option<(String, Option<String>)> = None;
        let mut tags = Tags::of(&self.html);
        while let Some(tag) = tags.next() {
            match tag.name {
                "form" => {
                    is_open = true;
                    forms.push(Form {
                        page: self.url.clone(),
                        action: tag.get("action").unwrap_or_default(),
                        method: tag.get("method").unwrap_or_default().to_lowercase(),
                        fields: Vec::new(),
                    });
                }
                "/form" => is_open = false,
                "textarea" if is_open => {
                    let name = tag.get("name").filter(|name| !name.is_empty());
                    if let (Some(form), Some(name)) = (forms.last_mut(), name) {
                        form.fields.push((name, tags.text()));
                    }
                }
                "select" if is_open => list = tag.get("name").map(|name| (name, None)),
                "option" => {
                    if let Some((_, chosen)) = &mut list
                        && (chosen.is_none() || tag.get("selected").is_some())
                    {
                        *chosen = Some(tag.get("value").unwrap_or_else(|| tags.text()));
                    }
                }
                "/select" => {
                    if let (Some(form), Some((name, Some(chosen)))) =
                        (forms.last_mut(), list.take())
                    {
                        form.fields.push((name, chosen));
                    }
                }
                "input" | "button" if is_open => {
                    let kind = tag.get("type").unwrap_or_default();
                    let is_box = kind == "checkbox" || kind == "radio";
                    if is_box && tag.get("checked").is_none() || tag.get("disabled").is_some() {
                        continue;
                    }
                    let name = tag.get("name").filter(|name| !name.is_empty());
                    if let (Some(form), Some(name)) = (forms.last_mut(), name) {
                        form.fields
                            .push((name, tag.get("value").unwrap_or_default()));
                    }
                }
                _ => {}
            }
        }
        forms
    }

    /// The form that is sent to an address that ends so.
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    pub fn form(&self, action: &str) -> Form {
        let mut forms = self.forms().into_iter();
        let form = forms.find(|form| form.action.ends_with(action));
        form.unwrap_or_else(|| panic!("no form is sent to `{action}` from {self}"))
    }
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: String = self.words().chars().take(2_000).collect();
        write!(f, "{} ({})\n{shown}", self.url, self.status)
    }
}

impl Form {
    fn url(&self) -> Url {
        let url = self.page.join(&self.action);
        url.unwrap_or_else(|error| panic!("{}: {error}", self.action))
    }

    /// With another value in a field.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.retain(|(known, _)| known != name);
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With one more field of a name, as boxes have them.
    #[must_use]
    pub fn and(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Without a field.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.fields.retain(|(known, _)| known != name);
        self
    }

    /// As if it stood on another page, perhaps of another site.
    #[must_use]
    pub fn from_page(mut self, url: &str) -> Self {
        let action = self.url();
        self.page = url.parse().unwrap_or_else(|error| panic!("{url}: {error}"));
        self.action = action.into();
        self
    }

    /// The value of a field.
    pub fn value(&self, name: &str) -> Option<&str> {
        let mut fields = self.fields.iter();
        let field = fields.find(|(known, _)| known == name);
        field.map(|(_, value)| value.as_str())
    }
}

/// The tags of a page, in their order.
struct Tags<'a>(&'a str);

struct Tag<'a> {
    /// `form`, or `/form` at its end.
    name: &'a str,
    attributes: &'a str,
}

impl<'a> Tags<'a> {
    fn of(html: &'a str) -> Self {
        Self(html)
    }

    /// What stands between the last tag and the next one.
    fn text(&self) -> String {
        let text = self.0.strip_prefix('>').unwrap_or(self.0);
        let text = text.split('<').next().unwrap_or_default();
        // a line break right after the tag is not part of it
        decode(text.strip_prefix('\n').unwrap_or(text))
    }
}

impl<'a> Iterator for Tags<'a> {
    type Item = Tag<'a>;

    fn next(&mut self) -> Option<Tag<'a>> {
        let (_, after) = self.0.split_once('<')?;
        // what is quoted may have a `>` in it
        let mut quote = None;
        let end = after.find(|c| match (quote, c) {
            (Some(open), c) => {
                if open == c {
                    quote = None;
                }
                false
            }
            (None, '"' | '\'') => {
                quote = Some(c);
                false
            }
            (None, c) => c == '>',
        })?;
        let (tag, rest) = (&after[..end], &after[end..]);
        self.0 = rest;
        let tag = tag.trim_end_matches('/');
        let (name, attributes) = tag.split_once(char::is_whitespace).unwrap_or((tag, ""));
        Some(Tag { name, attributes })
    }
}

impl Tag<'_> {
    fn get(&self, name: &str) -> Option<String> {
        let mut rest = self.attributes.trim_start();
        while !rest.is_empty() {
            let end = rest.find(|c: char| c == '=' || c.is_whitespace());
            let (key, after) = rest.split_at(end.unwrap_or(rest.len()));
            let (value, after) = match after.strip_prefix('=') {
                None => ("", after),
                Some(after) => match after.chars().next() {
                    Some(quote @ ('"' | '\'')) => after[1..].split_once(quote)?,
                    _ => after.split_once(char::is_whitespace).unwrap_or((after, "")),
                },
            };
            if key == name {
                return Some(decode(value));
            }
            rest = after.trim_start();
        }
        None
    }
}

/// What stands for characters that HTML has other uses for.
fn decode(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        let entity = after.split_once(';').filter(|(name, _)| name.len() <= 8);
        let decoded = entity.and_then(|(name, after)| {
            let character = match name {
                "amp" => '&',
                "lt" => '<',
                "gt" => '>',
                "quot" => '"',
                "apos" => '\'',
                name => {
                    let digits = name.strip_prefix('#')?;
                    let number = match digits.strip_prefix(['x', 'X']) {
                        Some(digits) => u32::from_str_radix(digits, 16),
                        None => digits.parse(),
                    };
                    char::from_u32(number.ok()?)?
                }
            };
            Some((character, after))
        });
        let (character, after) = decoded.unwrap_or(('&', after));
        plain.push(character);
        rest = after;
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_read_with_their_fields() {
        let page = Page {
            url: "http://127.0.0.1:1/a?x=1".parse().unwrap(),
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            html: r#"<p title="a > b">1 &#60; 2</p><input name="stray"><form class=x method="POST" action="/b?c=1&amp;d=2">
                <input type="hidden" name="csrf" value="&quot;x&#39;" required><button name='go' value='yes'>Go</button>
                <input name="empty"/><textarea name="text">
 a&lt;b
c</textarea><select name="list"><option>one<option value="2" selected>two</select>
                <select name="first"><option value="x">X<option>Y</select></form><input name="stray">"#
                .to_owned(),
        };
        let form = page.form("d=2");
        assert_eq!(form.url().as_str(), "http://127.0.0.1:1/b?c=1&d=2");
        let fields: Vec<_> = form.fields.iter().map(|(k, v)| (&**k, &**v)).collect();
        assert_eq!(
            fields,
            [
                ("csrf", "\"x'"),
                ("go", "yes"),
                ("empty", ""),
                ("text", " a<b\nc"),
                ("list", "2"),
                ("first", "x"),
            ]
        );
        assert!(page.words().contains("1 < 2"));
    }
}
