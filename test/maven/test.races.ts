import { raceSuite } from '../suites/races.suite.js';
import { mavenDescription } from '../support/maven/description.js';

raceSuite(mavenDescription);
