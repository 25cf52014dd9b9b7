// An editor's side of the language server: it opens a folder and its documents, and answers as the editor would.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import rpc from 'vscode-jsonrpc/node.js';

const server = fileURLToPath(new URL('./server.cjs', import.meta.url));

export class Editor {
  #process;
  #connection;
  #folder;
  #settings;
  #diagnostics = new Map();
  #waiting = [];
  /** What the server says it could not read, and what it did. */
  errors = [];
  notes = [];

  /** Opens a folder with the settings that lie in it, and waits until the server has read the glue. */
  static async open(folder) {
    const editor = new Editor();
    editor.#folder = folder;
    editor.#settings = JSON.parse(readFileSync(join(folder, '.vscode/settings.json'), 'utf8'));
    editor.#process = spawn(process.execPath, [server, '--stdio'], { cwd: folder, stdio: ['pipe', 'pipe', 'inherit'] });
    const { stdout, stdin } = editor.#process;
    const connection = rpc.createMessageConnection(new rpc.StreamMessageReader(stdout), new rpc.StreamMessageWriter(stdin));
    editor.#connection = connection;
    connection.onRequest('workspace/configuration', ({ items }) => items.map(({ section }) => editor.#section(section)));
    connection.onRequest('client/registerCapability', () => null);
    const indexed = new Promise((resolve) => connection.onRequest('workspace/semanticTokens/refresh', () => resolve(null)));
    connection.onNotification('window/logMessage', ({ type, message }) => {
      (type === 1 ? editor.errors : editor.notes).push(message);
    });
    connection.onNotification('textDocument/publishDiagnostics', ({ uri, diagnostics }) => {
      editor.#diagnostics.set(uri, diagnostics);
      editor.#waiting = editor.#waiting.filter((look) => !look());
    });
    connection.listen();
    await connection.sendRequest('initialize', {
      processId: process.pid,
      rootUri: pathToFileURL(folder).href,
      capabilities: {
        workspace: { configuration: true, semanticTokens: { refreshSupport: true } },
        textDocument: {
          completion: { completionItem: { snippetSupport: true } },
          definition: {},
          semanticTokens: { requests: {}, tokenTypes: [], tokenModifiers: [], formats: [] },
        },
      },
    });
    await connection.sendNotification('initialized', {});
    await indexed;
    return editor;
  }

  /** The settings of one name, as the editor hands them out: `cucumber.glue` is `glue` of `cucumber`. */
  #section(section) {
    const of = Object.entries(this.#settings).filter(([name]) => name.startsWith(`${section}.`));
    return Object.fromEntries(of.map(([name, value]) => [name.slice(section.length + 1), value]));
  }

  #uri(file) {
    return pathToFileURL(join(this.#folder, file)).href;
  }

  /** Opens a document with this text, and gives what is underlined in it. */
  async underlined(file, text) {
    const uri = this.#uri(file);
    this.#diagnostics.delete(uri);
    const told = new Promise((resolve) => {
      this.#waiting.push(() => {
        const there = this.#diagnostics.has(uri);
        if (there) resolve(this.#diagnostics.get(uri));
        return there;
      });
    });
    await this.#connection.sendNotification('textDocument/didOpen', {
      textDocument: { uri, languageId: 'cucumber', version: 1, text },
    });
    return told;
  }

  /** What it offers where the cursor stands in an open document. */
  offered(file, position) {
    return this.#connection.sendRequest('textDocument/completion', { textDocument: { uri: this.#uri(file) }, position });
  }

  /** Where it goes from there: to the step's definition. */
  definition(file, position) {
    return this.#connection.sendRequest('textDocument/definition', { textDocument: { uri: this.#uri(file) }, position });
  }

  close() {
    this.#connection.dispose();
    this.#process.kill();
  }
}
