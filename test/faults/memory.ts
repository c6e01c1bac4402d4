import t from 'tap';
import { faultSuite } from '../suites/faults.suite.js';

faultSuite(t, { kind: 'memory' });
