// Starts the language server as the extension does, which says where its readers of languages are: the server's own
// command looks for them in one place only, where npm needn't put them.
const { join } = require('node:path');
const { startStandaloneServer } = require('@cucumber/language-server/wasm');
const { NodeFiles } = require('@cucumber/language-server/node');

const readers = join(__dirname, 'node_modules/@cucumber/language-service/dist');
startStandaloneServer(readers, (rootUri) => new NodeFiles(rootUri));
