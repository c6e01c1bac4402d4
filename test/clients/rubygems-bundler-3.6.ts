import t from 'tap';
import { bundlerRing } from '../suites/rubygemsring.bundler.js';

t.test('Bundler with the compact index', (t) => bundlerRing(t, '3.6'));
