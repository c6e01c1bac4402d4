import t from 'tap';
import { mavenRing } from '../suites/mavenring.suite.js';

t.test('Maven 3.8 on a directory', { timeout: 540_000 }, (t) => mavenRing(t, 'mvn', 'Maven 3.8'));
