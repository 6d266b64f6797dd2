// A browser looks at one page: node look.cjs MODULES CHROMIUM PAGE OPTIONS, all of what it saw as JSON on standard output.
// OPTIONS is a list, one look each: scheme, width, script, media; steps: what is done one after the other, as {click},
// {type}, {key} or {eval}; axe: whether axe-core judges the page after that.
"use strict";
const { createRequire } = require("node:module");
const { readFileSync } = require("node:fs");
const { join } = require("node:path");

const [modules, executablePath, page, options] = process.argv.slice(2);
const from = createRequire(join(modules, "package.json"));
const puppeteer = from("puppeteer-core");
const usual = { scheme: "light", width: 1280, script: true, media: "screen", steps: [], axe: false };

async function done(tab, step) {
  if (step.click) return tab.$eval(step.click, (it) => it.click());
  if (step.type) return tab.keyboard.type(step.type);
  if (step.key) return tab.keyboard.press(step.key);
  return tab.evaluate(step.eval);
}

async function look(browser, asked) {
  const seen = { said: [], asked: [], values: [], violations: [] };
  const tab = await browser.newPage();
  tab.on("console", (message) => seen.said.push(message.text()));
  tab.on("pageerror", (error) => seen.said.push(String(error)));
  tab.on("dialog", (dialog) => { seen.said.push(`a dialog: ${dialog.message()}`); dialog.dismiss(); });
  tab.on("request", (request) => seen.asked.push(request.url()));
  await tab.setViewport({ width: asked.width, height: 900 });
  await tab.setJavaScriptEnabled(asked.script);
  await tab.emulateMediaFeatures([{ name: "prefers-color-scheme", value: asked.scheme }]);
  await tab.emulateMediaType(asked.media);
  await tab.goto(`file://${page}`, { waitUntil: "load" });
  const { TaskDuration, Nodes } = await tab.metrics();
  Object.assign(seen, { cpu_s: TaskDuration, nodes: Nodes });
  for (const step of asked.steps) {
    seen.values.push((await done(tab, step)) ?? null);
    if (step.type || step.key) await tab.evaluate(() => new Promise((then) => setTimeout(then, 200)));
  }
  seen.overflow = await tab.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  if (asked.axe) {
    await tab.evaluate(readFileSync(from.resolve("axe-core/axe.min.js"), "utf8"));
    const found = await tab.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
    seen.violations = found.violations.map((it) => `${it.id} at ${it.nodes.length}: ${it.nodes[0].html.slice(0, 200)}`);
    seen.passes = found.passes.length;
  }
  await tab.close();
  return seen;
}

(async () => {
  const browser = await puppeteer.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
  try {
    const looks = [];
    for (const asked of JSON.parse(options)) looks.push(await look(browser, { ...usual, ...asked }));
    process.stdout.write(JSON.stringify(looks));
  } finally {
    await browser.close();
  }
})();
