// Loaded into npm by `--require`. `npm audit signatures` asks Sigstore's repository on the internet whether it knows keys of
// the registry, and the registry itself if it does not. Here it never does, so that the test needs no internet.
const Module = require('node:module');

const load = Module._load;
const unknown = () => Promise.reject(Object.assign(new Error('no such target'), { code: 'TUF_FIND_TARGET_ERROR' }));

Module._load = (request, ...rest) => {
  const loaded = load(request, ...rest);
  return request === '@sigstore/tuf' ? { ...loaded, initTUF: async () => ({ getTarget: unknown }) } : loaded;
};
