import { objectStoreSuite } from '../../suites/objectstore.suite.js';
import { MemoryObjectStore } from '../../support/store/memory-objectstore.js';

// the store that many tests stand on has to keep what the drivers promise
objectStoreSuite(
  'in memory',
  async () => {
    const store = new MemoryObjectStore();
    return { store, close: async () => {} };
  },
  { pathPrefixes: true },
);
