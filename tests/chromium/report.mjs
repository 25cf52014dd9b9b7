// Opens a report in Chromium and does what is asked on standard input, a JSON array a line: ["evaluate", code],
// ["click", selector], ["fill", selector, text], ["press", key], ["scheme", "dark"], ["screenshot", file], ["quit"].
// Answers with a line of JSON each: {value} or {error}. `["errors"]` answers with what the page complained of and asked
// the network for.
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const [executablePath, url] = process.argv.slice(2);
const say = answer => process.stdout.write(JSON.stringify(answer) + '\n');
const browser = await chromium.launch({
  executablePath,
  headless: true,
  args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'],
});
const page = await browser.newPage({ viewport: { width: 1440, height: 1000 } });
const errors = [];
page.on('pageerror', error => errors.push(error.message));
page.on('console', message => { if (message.type() === 'error') errors.push(message.text()); });
page.on('request', request => { if (!/^(file|data):/.test(request.url())) errors.push(`asks the network for ${request.url()}`); });
const drawn = () => page.waitForSelector('.message, #missing:not([hidden])');
await page.goto(url);
await drawn();
say({ value: await page.locator('.message').count() });

const frame = () => page.evaluate(() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done()))));
const does = {
  evaluate: code => page.evaluate(code),
  click: selector => page.locator(selector).first().click({ timeout: 5_000 }),
  fill: (selector, text) => page.locator(selector).fill(text),
  press: key => page.keyboard.press(key),
  scheme: colorScheme => page.emulateMedia({ colorScheme }),
  screenshot: path => page.screenshot({ path }),
  reload: async () => { await page.reload(); await drawn(); },
  errors: () => errors,
};
for await (const line of createInterface({ input: process.stdin })) {
  const [what, ...arguments_] = JSON.parse(line);
  if (what === 'quit') break;
  try {
    const value = await does[what](...arguments_);
    await frame();
    say({ value: value === undefined || Buffer.isBuffer(value) ? null : value });
  } catch (error) {
    say({ error: String(error).split('\n')[0] });
  }
}
await browser.close();
process.exit(0);
