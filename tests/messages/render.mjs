// Makes the page of a run's messages: `node render.mjs messages.ndjson page.html`. Each message is held against the
// schema that the messages' own package has.
import { createReadStream, createWriteStream, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { CucumberHtmlStream } from '@cucumber/html-formatter';
import { parseEnvelope } from '@cucumber/messages';
import Ajv from 'ajv/dist/2020.js';

const schema = new URL('./node_modules/@cucumber/messages/messages.schema.json', import.meta.url);
const valid = new Ajv.default({ allErrors: true, strict: false }).compile(JSON.parse(readFileSync(schema, 'utf8')));

/// Reads the messages, each held against the schema.
export async function read(file) {
  const messages = [];
  for await (const line of createInterface({ input: createReadStream(file) })) {
    const message = parseEnvelope(line);
    if (!valid(message)) {
      throw new Error(`line ${messages.length + 1}: ${JSON.stringify(valid.errors)}\n${line}`);
    }
    messages.push(message);
  }
  return messages;
}

/// Writes the page.
export async function render(messages, file) {
  const page = createWriteStream(file);
  const formatter = new CucumberHtmlStream();
  formatter.pipe(page);
  messages.forEach(message => formatter.write(message));
  formatter.end();
  await once(page, 'finish');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [from, to] = process.argv.slice(2);
  await render(await read(from), to);
}
