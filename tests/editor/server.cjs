// Starts the language server as the extension does, which says where its readers of languages are: the server's own
// command looks for them in one place only, where npm needn't put them.
const { dirname, join } = require('node:path');
const { startStandaloneServer } = require('@cucumber/language-server/wasm');
const { NodeFiles } = require('@cucumber/language-server/node');

const service = require.resolve('@cucumber/language-service');
const dist = service.slice(0, service.lastIndexOf(join('language-service', 'dist')) + join('language-service', 'dist').length);
startStandaloneServer(dist, (rootUri) => new NodeFiles(rootUri));
