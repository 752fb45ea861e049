// Looks at many pages, each with and without JavaScript, narrow and wide, light and dark, and says all that is wrong.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const WIDTHS = [1280, 360];
const SCHEMES = ["light", "dark"];
const HEIGHT = 900;
// own markup of a page
const MOST_BYTES = 100 * 1024;
const AT_ONCE = 3;

export async function survey(browser, storageState, base, pages) {
  const findings = [];
  const left = pages.map((page) => ({ ...page }));
  const worker = async () => {
    const lookers = [];
    for (const javascript of [true, false]) lookers.push(await looker(browser, storageState, base, javascript));
    for (let page = left.shift(); page; page = left.shift()) {
      for (const look of lookers) {
        const found = await look(page);
        findings.push(...found.map((what) => `${page.name} (${page.url.slice(base.length)}): ${what}`));
      }
    }
    for (const look of lookers) await look.close();
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return findings.sort();
}

async function looker(browser, storageState, base, javascript) {
  const context = await browser.newContext({
    javaScriptEnabled: javascript,
    reducedMotion: "reduce",
    timezoneId: "UTC",
    locale: "en-GB",
    storageState,
  });
  context.setDefaultTimeout(30_000);
  const page = await context.newPage();
  let found = [];
  const mode = javascript ? "JavaScript" : "no JavaScript";
  const say = (what, where = mode) => found.push([what, where]);
  page.on("console", (message) => {
    if (message.type() === "error" && !isOfPage(message, page)) say(`the console: ${message.text()}`);
  });
  page.on("pageerror", (error) => say(String(error)));
  page.on("request", (request) => {
    if (!request.url().startsWith(base)) say(`it asks ${request.url()}`);
  });

  const look = async ({ url, status }) => {
    found = [];
    try {
      await become(page, WIDTHS[0], SCHEMES[0]);
      const response = await page.goto(url, { waitUntil: "load" });
      if (response.status() !== status) say(`status ${response.status()} instead of ${status}`);
      await once(page, response, say);
      await inEveryWay(page, mode, javascript, say);
    } catch (error) {
      say(error.message.split("\n")[0]);
    }
    return sorted(found);
  };
  look.close = () => context.close();
  return look;
}

// The browser says so of the page itself when that answers with a refusal; its status is looked at by itself.
export function isOfPage(message, page) {
  return message.location().url === page.url() && message.text().startsWith("Failed to load resource");
}

// a page as it stands, such as a form that was refused
export async function inspect(page) {
  const found = [];
  await inEveryWay(page, "as it stands", true, (what, where) => found.push([what, where]));
  return sorted(found);
}

// Rules of axe look at what depends on the width and on what is open; on the scheme, only contrast does.
async function inEveryWay(page, mode, javascript, say) {
  if (javascript) await page.evaluate(AXE);
  const look = async (where, options) => {
    await wide(page, where, say);
    if (javascript) await axe(page, where, options, say);
  };
  const all = { runOnly: { type: "tag", values: TAGS } };
  // an open menu lies over what is below it
  const opened = { ...all, rules: { "target-size": { enabled: false } } };
  const few = { runOnly: { type: "rule", values: ["color-contrast", "target-size"] } };
  const [width, narrow] = WIDTHS;
  const [light, dark] = SCHEMES;
  await become(page, width, light);
  await look(`${mode}, ${width} px, ${light}`, all);
  await become(page, width, dark);
  // what lies in closed menus and under headings to open is a part of the page too
  const closed = await page.evaluateHandle(() => [...document.querySelectorAll("details:not([open])")]);
  await closed.evaluate((details) => details.forEach((it) => (it.open = true)));
  await look(`${mode}, ${width} px, ${dark}, all opened`, opened);
  await become(page, narrow, light);
  await look(`${mode}, ${narrow} px, ${light}, all opened`, opened);
  await closed.evaluate((details) => details.forEach((it) => (it.open = false)));
  await become(page, narrow, dark);
  await look(`${mode}, ${narrow} px, ${dark}`, few);
}

async function become(page, width, scheme) {
  await page.setViewportSize({ width, height: HEIGHT });
  await page.emulateMedia({ colorScheme: scheme });
}

// each finding once, with all the places where it was made
function sorted(found) {
  const places = new Map();
  for (const [what, where] of found) places.set(what, (places.get(what) ?? new Set()).add(where));
  return [...places].map(([what, where]) => `${what} (${[...where].join("; ")})`);
}

async function once(page, response, say) {
  const bytes = (await response.body()).length;
  if (bytes > MOST_BYTES) say(`${bytes} bytes of markup`);
  const headings = await page.locator("h1").count();
  if (headings !== 1) say(`${headings} h1`);
  const title = await page.title();
  if (!/^\S.* · supercargo$/.test(title)) say(`its title is “${title}”`);
}

async function wide(page, where, say) {
  const [over, widest] = await page.evaluate(() => {
    const root = document.documentElement;
    const over = root.scrollWidth - root.clientWidth;
    if (over <= 0) return [0, ""];
    const reaches = (it) => it.getBoundingClientRect().right > root.clientWidth + 0.5;
    const it = [...document.body.querySelectorAll("*")].filter(reaches).at(-1);
    return [over, it ? it.outerHTML.slice(0, 160) : ""];
  });
  if (over > 0) say(`scrolls sideways: ${widest}`, where);
}

async function axe(page, where, options, say) {
  const violations = await page.evaluate(async (options) => {
    const result = await window.axe.run(document, options);
    return result.violations.map((it) => ({ id: it.id, help: it.help, nodes: it.nodes.map((node) => node.html) }));
  }, { ...options, resultTypes: ["violations"], iframes: false, preload: false });
  for (const { id, help, nodes } of violations) {
    const shown = nodes.slice(0, 3).map((html) => html.slice(0, 200));
    say(`axe ${id}: ${help}: ${shown.join(" | ")}`, where);
  }
}
