// Opens the page in Chromium and does what is asked on standard input, a command a line: `call NUMBER`, `stats`,
// `hang up`, `hold`, `resume`, `digits 12`, `close` (the tab), `quit`. Answers with a line of JSON each.
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { dirname, join } from 'node:path';
import esbuild from 'esbuild';
import { chromium } from 'playwright-core';

const [executablePath, url, user, password, domain] = process.argv.slice(2);
const here = dirname(fileURLToPath(import.meta.url));
const say = answer => process.stdout.write(JSON.stringify(answer) + '\n');

const bundle = await esbuild.build({
  entryPoints: [join(here, 'node_modules/jssip/lib/JsSIP.js')],
  bundle: true, format: 'iife', globalName: 'JsSIP', write: false, logLevel: 'silent',
});
const server = createServer(async (request, response) => {
  if (request.url === '/jssip.js') {
    response.writeHead(200, { 'content-type': 'text/javascript' }).end(bundle.outputFiles[0].text);
  } else {
    response.writeHead(200, { 'content-type': 'text/html' }).end(await readFile(join(here, 'phone.html')));
  }
});
await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));

const browser = await chromium.launch({
  executablePath,
  headless: true,
  args: [
    '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream',
    '--autoplay-policy=no-user-gesture-required',
    // Without it a page on loopback has no candidates, and says nothing of it.
    '--allow-loopback-in-peer-connection',
  ],
});
const page = await browser.newPage();
await page.goto(`http://127.0.0.1:${server.address().port}/`);
await page.evaluate(account => open(account), { url, user, password, domain });
try {
  await page.waitForFunction(() => phone.isRegistered(), null, { timeout: 10_000 });
  say({ registered: true });
} catch {
  say({ registered: false, seen: await page.evaluate(() => seen) });
}

for await (const line of createInterface({ input: process.stdin })) {
  const [command, argument] = line.trim().split(/ (.*)/s);
  try {
    switch (command) {
      case 'call': await page.evaluate(number => { dial(number); }, argument); say({}); break;
      case 'stats': say(await page.evaluate(() => stats())); break;
      case 'hold': await page.evaluate(() => { session.hold(); }); say({}); break;
      case 'resume': await page.evaluate(() => { session.unhold(); }); say({}); break;
      case 'digits': await page.evaluate(tones => { session.sendDTMF(tones, { transportType: 'RFC2833' }); }, argument); say({}); break;
      case 'hang': await page.evaluate(() => { session.terminate(); }); say({}); break;
      case 'close': await page.close(); say({}); break;
      case 'quit': await browser.close(); server.close(); say({}); process.exit(0); break;
      default: say({ error: `no such command: ${command}` });
    }
  } catch (error) {
    say({ error: String(error).split('\n')[0] });
  }
}
await browser.close();
process.exit(0);
