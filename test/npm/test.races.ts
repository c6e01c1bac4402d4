import { raceSuite } from '../suites/races.suite.js';
import { npmDescription } from '../support/npm/description.js';

raceSuite(npmDescription);
