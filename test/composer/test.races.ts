import { raceSuite } from '../suites/races.suite.js';
import { composerDescription } from '../support/composer/description.js';

raceSuite(composerDescription);
