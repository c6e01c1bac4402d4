import t from 'tap';
import { faultSuite } from '../suites/faults.suite.js';

// Fewer of the cases that test/faults/memory.ts takes; a prime, so that it is not always the same interferer.
faultSuite(t, { kind: 'memory' }, { oneOf: 41 });
