// The messages of a run, made a page by Cucumber's own formatter and read there by a browser. Run by .ci/messages, which
// sets BUSYHOUR (the command) and CHROMIUM; a picture of the page stays in the folder PICTURES, if that is set.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';
import { read, render } from './render.mjs';

const folder = mkdtempSync(join(tmpdir(), 'busyhour-messages-'));
let browser;

before(async () => {
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM,
    headless: true,
    args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'],
  });
});

after(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
});

const CALLS = `@calls
Feature: Calls
  People talk.

  Background:
    Given agents alice and bob with hardphones
    And every agent's phone registers

  Scenario: Bob's phone rings
    When alice calls bob
    Then bob's phone rings

  Scenario: Bob would have to answer
    When alice calls bob
    Then bob's phone rings
    And alice and bob hear each other within 2 seconds

  Scenario Outline: <minutes> minutes pass
    When <minutes> minutes pass

    Examples:
      | minutes |
      | 3       |
      | 5       |
`;

const CHANCE = `Feature: Chance
  Scenario: A datagram is lost
    Given machines a and b
    And every network loses 0.0001% of packets
    When a sends 10 datagrams to b
`;

/// Runs features and opens the page that Cucumber makes of them.
async function opened(name, features, flags) {
  const home = join(folder, name);
  mkdirSync(join(home, 'features'), { recursive: true });
  for (const [file, text] of Object.entries(features)) {
    writeFileSync(join(home, 'features', file), text);
  }
  const run = spawnSync(process.env.BUSYHOUR, ['run', ...flags, '--format', 'messages=m.ndjson'], { cwd: home, encoding: 'utf8' });
  assert.ok(run.status === 0 || run.status === 1, `${run.stdout}${run.stderr}`);
  const messages = await read(join(home, 'm.ndjson'));
  await render(messages, join(home, 'page.html'));
  const page = await browser.newPage({ viewport: { width: 1100, height: 1400 } });
  const errors = [];
  page.on('pageerror', error => errors.push(error.message));
  await page.goto(pathToFileURL(join(home, 'page.html')).href);
  await page.waitForSelector('text=Calls');
  // What passed is folded.
  for (const folded of await page.$$('[aria-expanded="false"]')) {
    await folded.click();
  }
  await page.evaluate(() => document.querySelectorAll('details').forEach(details => { details.open = true; }));
  if (process.env.PICTURES) {
    mkdirSync(process.env.PICTURES, { recursive: true });
    await page.screenshot({ path: join(process.env.PICTURES, `${name}.png`), fullPage: true });
  }
  const text = await page.evaluate(() => document.body.innerText);
  await page.close();
  assert.deepEqual(errors, []);
  return { text, messages };
}

test('a page shows each scenario, what failed with its diagram, and how to run it again', async () => {
  const { text } = await opened('one-seed', { 'calls.feature': CALLS, 'chance.feature': CHANCE }, []);
  for (const words of [
    'features/calls.feature', "Bob's phone rings", 'Bob would have to answer', '3 minutes pass', 'alice and bob hear each other',
    'INVITE', 'replay  busyhour run features/calls.feature --name',
  ]) {
    assert.ok(text.includes(words), `the page doesn't say ${words}:\n${text}`);
  }
});

const BOOK = `[[phrase]]
phrase = "two phones"
steps = ["Given agents alice and bob with hardphones", "And every agent's phone registers"]

[[phrase]]
phrase = "{agent} is reached"
steps = ["Then {agent}'s phone rings", "And {agent}'s phone is not registered"]
`;

const COMPOSED = `Feature: Calls
  Scenario: Bob is reached
    Given two phones
    When alice calls bob
    Then bob is reached
`;

test('a step that is made of others shows them, and which of them failed', async () => {
  const { text } = await opened('composed', { 'phrases.toml': BOOK, 'calls.feature': COMPOSED }, []);
  for (const words of [
    'two phones', "✓ Given agents alice and bob with hardphones  (features/phrases.toml:3)", 'bob is reached', "✓ Then bob's phone rings",
    "✗ And bob's phone is not registered  (features/phrases.toml:7)",
  ]) {
    assert.ok(text.includes(words), `the page doesn't say ${words}:\n${text}`);
  }
  assert.ok(!/undefined/i.test(text), text);
});

test('each seed is a test of its own and none a second attempt', async () => {
  const { text, messages } = await opened('seeds', { 'calls.feature': CALLS }, ['--seeds', '0..3']);
  for (const seed of [0, 1, 2]) {
    assert.ok(text.includes(`Bob would have to answer (seed ${seed})`), text);
  }
  const started = messages.filter(message => message.testCaseStarted);
  assert.equal(started.length, 12);
  assert.ok(started.every(message => message.testCaseStarted.attempt === 0));
});
