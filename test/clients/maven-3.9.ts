import t from 'tap';
import { mavenRing } from '../suites/mavenring.suite.js';

t.test('Maven 3.9 on a directory', { timeout: 540_000 }, (t) => mavenRing(t, 'maven-3.9', 'Maven 3.9'));
