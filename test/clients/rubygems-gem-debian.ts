import t from 'tap';
import { gemRing } from '../suites/rubygemsring.gem.js';

t.test('every command of gem that talks to a registry', (t) => gemRing(t, 'debian'));
