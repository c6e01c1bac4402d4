import t from 'tap';
import { expand, minify } from '../../ts/composer/wire/wire.minifier.js';

t.test("the example of Composer's own tests", async (t) => {
  const source = [
    {
      name: 'foo/bar',
      version: '2.0.0',
      version_normalized: '2.0.0.0',
      type: 'library',
      scripts: { foo: ['bar'] },
      license: ['MIT'],
    },
    {
      name: 'foo/bar',
      version: '1.2.0',
      version_normalized: '1.2.0.0',
      type: 'library',
      license: ['GPL'],
      homepage: 'https://example.org',
    },
    { name: 'foo/bar', version: '1.0.0', version_normalized: '1.0.0.0', type: 'library', license: ['GPL'] },
    { name: 'foo/bar', version: '0.1.0', version_normalized: '0.1.0.0', type: 'library', license: ['GPL'] },
  ];
  const minified = [
    {
      name: 'foo/bar',
      version: '2.0.0',
      version_normalized: '2.0.0.0',
      type: 'library',
      scripts: { foo: ['bar'] },
      license: ['MIT'],
    },
    {
      version: '1.2.0',
      version_normalized: '1.2.0.0',
      license: ['GPL'],
      homepage: 'https://example.org',
      scripts: '__unset',
    },
    { version: '1.0.0', version_normalized: '1.0.0.0', homepage: '__unset' },
    { version: '0.1.0', version_normalized: '0.1.0.0' },
  ];
  t.same(minify(source), minified);
  t.same(expand(minified), source);
});

t.test('a null is a value: it is kept once, and not marked as absent', async (t) => {
  const source = [
    { name: 'a/b', version: '2', dist: null },
    { name: 'a/b', version: '1', dist: null },
  ];
  t.same(minify(source), [{ name: 'a/b', version: '2', dist: null }, { version: '1' }]);
  t.same(expand(minify(source)), source);
});

t.test('a value that comes back after it was gone, and names that JavaScript has for itself', async (t) => {
  const source = [
    JSON.parse('{"version":"3","a":1,"__proto__":{"x":1},"constructor":"c"}'),
    { version: '2' },
    JSON.parse('{"version":"1","a":1,"__proto__":{"x":2}}'),
  ];
  const minified = minify(source);
  t.equal(
    JSON.stringify(minified),
    '[{"version":"3","a":1,"__proto__":{"x":1},"constructor":"c"},' +
      '{"version":"2","a":"__unset","__proto__":"__unset","constructor":"__unset"},' +
      '{"version":"1","a":1,"__proto__":{"x":2}}]',
  );
  t.equal(JSON.stringify(expand(minified)), JSON.stringify(source));
});

t.test('no version', async (t) => t.same(minify([]), []));
