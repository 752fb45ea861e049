// A real browser that a test drives: a command in JSON on each line of standard input, an answer on each line of standard
// output. It ends, and the browser with it, when standard input does.
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";
import { inspect, isOfPage, survey } from "./survey.mjs";

// One step of a person: long enough for a machine that does much else. A test that hangs ends after all of it.
const STEP = 30_000;
const WHOLE = 1_800_000;

const [failures] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: [
    "--no-sandbox",
    "--disable-smooth-scrolling",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
  timeout: STEP,
});
const tabs = new Map();
setTimeout(() => end(3), WHOLE).unref();

async function end(code) {
  await browser.close().catch(() => {});
  process.exit(code);
}

// What a person points at: `link Name`, `button Name`, `field Label`, `text Words`, or `css selector`.
function at(page, what) {
  const [kind, ...words] = what.split(" ");
  const name = words.join(" ");
  switch (kind) {
    case "link":
    case "button":
    case "radio":
    case "checkbox":
    case "heading":
      return page.getByRole(kind, { name, exact: true });
    case "field":
      return page.getByLabel(name, { exact: true });
    case "text":
      return page.getByText(name);
    case "css":
      return page.locator(name);
    default:
      throw new Error(`nobody points at things so: ${what}`);
  }
}

const commands = {
  async open({ id, javascript, width, height, scheme, from }) {
    const storageState = from === undefined ? undefined : await tabs.get(from).context.storageState();
    const context = await browser.newContext({
      javaScriptEnabled: javascript,
      viewport: { width, height },
      colorScheme: scheme,
      reducedMotion: "reduce",
      locale: "en-GB",
      timezoneId: "UTC",
      storageState,
    });
    context.setDefaultTimeout(STEP);
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    const page = await context.newPage();
    const complaints = [];
    page.on("console", (message) => {
      if (message.type() === "error" && !isOfPage(message, page)) complaints.push(`${message.text()} (${message.location().url})`);
    });
    page.on("pageerror", (error) => complaints.push(String(error)));
    tabs.set(id, { context, page, complaints, size: { width, height } });
  },
  async go({ page, url }) {
    const response = await page.goto(url);
    return response?.status();
  },
  url: ({ page }) => page.url(),
  title: ({ page }) => page.title(),
  click: ({ page, what }) => at(page, what).click(),
  fill: ({ page, what, value }) => at(page, what).fill(value),
  check: ({ page, what }) => at(page, what).check(),
  choose: async ({ page, what, value }) => void (await at(page, what).selectOption(value)),
  attach: ({ page, what, path }) => at(page, what).setInputFiles(path),
  press: ({ page, keys }) => page.keyboard.press(keys),
  type: ({ page, value }) => page.keyboard.type(value),
  focus: ({ page, what }) => at(page, what).focus(),
  // in steps, as a hand does it
  async drag({ page, what, to }) {
    const middle = async (of) => {
      await at(page, of).scrollIntoViewIfNeeded();
      const { x, y, width, height } = await at(page, of).boundingBox();
      return [x + width / 2, y + height / 2];
    };
    await page.mouse.move(...(await middle(what)));
    await page.mouse.down();
    const [x, y] = await middle(to);
    await page.mouse.move(x, y, { steps: 12 });
    await page.mouse.up();
  },
  see: ({ page, what }) => at(page, what).first().waitFor(),
  count: ({ page, what }) => at(page, what).count(),
  text: ({ page, what }) => at(page, what).first().innerText(),
  texts: ({ page, what }) => at(page, what).allInnerTexts(),
  value: ({ page, what }) => at(page, what).inputValue(),
  visible: ({ page, what }) => at(page, what).first().isVisible(),
  html: ({ page }) => page.content(),
  clipboard: ({ page }) => page.evaluate("navigator.clipboard.readText()"),
  // the element that has the focus, as `tag#id` and its words
  focused: ({ page }) =>
    page.evaluate(() => {
      const it = document.activeElement;
      const words = it.getAttribute("aria-label") ?? it.labels?.[0]?.innerText ?? it.innerText ?? "";
      return `${it.tagName.toLowerCase()}${it.id ? `#${it.id}` : ""} ${words.trim().split("\n")[0]}`.trim();
    }),
  complaints: ({ tab }) => tab.complaints.splice(0),
  async picture({ page, path, scheme, full }) {
    await page.emulateMedia({ colorScheme: scheme });
    await page.screenshot({ path, fullPage: full, animations: "disabled" });
  },
  // afterwards the tab is as it was
  async inspect({ page, tab }) {
    const findings = await inspect(page);
    await page.setViewportSize(tab.size);
    await page.emulateMedia({ colorScheme: "light" });
    return findings;
  },
  async survey({ tab, pages, base }) {
    return survey(browser, await tab.context.storageState(), base, pages);
  },
};

let pictures = 0;
async function answer(line) {
  const { command, ...words } = JSON.parse(line);
  const tab = tabs.get(words.tab);
  try {
    return { answer: (await commands[command]({ ...words, tab, page: tab?.page })) ?? null };
  } catch (error) {
    const failed = { error: error.message, url: tab?.page.url() };
    if (tab) {
      // a folder of its own: several tests fail at once
      const path = join(mkdtempSync(join(failures, "supercargo-browser-")), `${(pictures += 1)}.png`);
      await tab.page.screenshot({ path, fullPage: true }).then(
        () => (failed.picture = path),
        () => {},
      );
    }
    return failed;
  }
}

console.log(JSON.stringify({ answer: browser.version() }));
const lines = createInterface({ input: process.stdin });
// also in the middle of a command: nobody waits for its answer any more
lines.on("close", () => end(0));
for await (const line of lines) {
  console.log(JSON.stringify(await answer(line)));
}
