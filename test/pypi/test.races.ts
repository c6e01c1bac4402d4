import { raceSuite } from '../suites/races.suite.js';
import { pypiDescription } from '../support/pypi/description.js';

raceSuite(pypiDescription);
