// The folder that `busyhour init` makes and the files of `busyhour steps --format vscode`, opened by the language server
// behind Cucumber's official extension: what is underlined, offered and gone to there is what an editor shows. Run by
// .ci/editor, which sets BUSYHOUR (the command).
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Editor } from './client.mjs';

const own = fileURLToPath(new URL('../../features/', import.meta.url));
const root = mkdtempSync(join(tmpdir(), 'busyhour-editor-'));
const folder = join(root, 'qa');
const editors = [];
let editor;

function busyhour(cwd, ...args) {
  const run = spawnSync(process.env.BUSYHOUR, args, { cwd, encoding: 'utf8' });
  assert.equal(run.status, 0, `busyhour ${args.join(' ')}: ${run.stderr}`);
}

/** Opens a folder in which somebody has asked for the editor's files. */
async function open(place) {
  busyhour(place, 'steps', '--format', 'vscode');
  const editor = await Editor.open(place);
  editors.push(editor);
  assert.deepEqual(editor.errors, []);
  return editor;
}

function featuresIn(place) {
  return readdirSync(place, { recursive: true }).filter((file) => file.endsWith('.feature'));
}

before(async () => {
  busyhour(root, 'init', 'qa');
  editor = await Editor.open(folder);
  editors.push(editor);
});

after(() => {
  editors.forEach((editor) => editor.close());
  rmSync(root, { recursive: true, force: true });
});

test('the extension reads every phrase and every kind of argument', async () => {
  assert.deepEqual(editor.errors, []);
  const glue = readFileSync(join(folder, '.vscode/busyhour_steps.rs'), 'utf8');
  const phrases = glue.match(/^fn step_/gm).length;
  assert.ok(editor.notes.includes(`* Found ${phrases} step definitions in those glue files`), editor.notes.join('\n'));
});

test('nothing is underlined in the features of a new folder', async () => {
  const files = featuresIn(join(folder, 'features'));
  assert.ok(files.length >= 2, `${files}`);
  for (const file of files) {
    const text = readFileSync(join(folder, 'features', file), 'utf8');
    assert.deepEqual(await editor.underlined(`features/${file}`, text), [], file);
  }
});

test('a phrase that nobody knows is underlined where it stands', async () => {
  const text = 'Feature: Calls\n  Scenario: A typo\n    Given agents alice and bob with hardphones\n    When alice cals bob\n';
  const underlined = await editor.underlined('features/typo.feature', text);
  assert.deepEqual(
    underlined.map(({ message, range }) => [message, range.start.line, range.start.character, range.end.character]),
    [['Undefined step: alice cals bob', 3, 9, 23]],
  );
});

test('a phrase that is begun is offered to its end, and its definition is its line in the glue', async () => {
  const text = 'Feature: Calls\n  Scenario: Begun\n    When alice calls bob\n    Then phone rin\n';
  await editor.underlined('features/begun.feature', text);
  const offered = await editor.offered('features/begun.feature', { line: 3, character: 18 });
  const labels = offered.map(({ label }) => label);
  assert.equal(labels[0], '{phone} ring(s){within}', labels.join('\n'));
  const [to] = await editor.definition('features/begun.feature', { line: 2, character: 12 });
  assert.match(to.targetUri, /\.vscode\/busyhour_steps\.rs$/);
  const glue = readFileSync(fileURLToPath(to.targetUri), 'utf8').split('\n');
  assert.equal(glue[to.targetSelectionRange.start.line], '#[when("{agent} call(s) {callee}")]');
});

test('phrases of one\'s own and keywords of another language are known too', async () => {
  const place = join(root, 'own-words');
  mkdirSync(join(place, 'features'), { recursive: true });
  writeFileSync(
    join(place, 'features/phrases.toml'),
    `[[phrase]]
phrase = "{caller:agent} gets through to {callee:agent}"
steps = ["When {caller} calls {callee}", "And {callee} answers"]
`,
  );
  const editor = await open(place);
  const text = `# language: de
Funktionalität: Auf Deutsch

  Szenario: Halten
    Angenommen agents alice and bob with hardphones
    Wenn alice gets through to bob
    Und bob puts the call on hold
    Dann alice hört nichts
`;
  const underlined = await editor.underlined('features/deutsch.feature', text);
  assert.deepEqual(underlined.map(({ message }) => message), ['Undefined step: alice hört nichts']);
});

test('nothing is underlined in any of the features beside this test', async () => {
  const place = join(root, 'own');
  cpSync(own, join(place, 'features'), { recursive: true });
  const editor = await open(place);
  const underlined = [];
  const files = featuresIn(own);
  assert.ok(files.length > 20, `${files}`);
  for (const file of files) {
    const text = readFileSync(join(own, file), 'utf8');
    for (const { message, range } of await editor.underlined(`features/${file}`, text)) {
      underlined.push(`${file}:${range.start.line + 1}: ${message}`);
    }
  }
  assert.deepEqual(underlined, []);
});
