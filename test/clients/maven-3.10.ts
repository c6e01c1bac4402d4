import t from 'tap';
import { mavenRing } from '../suites/mavenring.suite.js';

t.test('Maven 3.10 on a directory', { timeout: 540_000 }, (t) => mavenRing(t, 'maven-3.10', 'Maven 3.10'));
