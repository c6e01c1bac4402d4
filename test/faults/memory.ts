import t from 'tap';
import { faultSuite } from '../suites/faults.suite.js';
import { memoryBackend } from '../support/faults/backends.js';
import { models, operations } from '../support/faults/list.js';

faultSuite(t, memoryBackend(), { operations, models });
