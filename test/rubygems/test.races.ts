import { raceSuite } from '../suites/races.suite.js';
import { rubygemsDescription } from '../support/rubygems/description.js';

raceSuite(rubygemsDescription);
