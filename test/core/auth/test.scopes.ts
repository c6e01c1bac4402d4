import t from 'tap';
import { Permissions } from '../../../ts/core/auth/classes.permissions.js';
import {
  intersectScopes,
  normalizeScopes,
  parseScope,
  parseScopes,
  resourceToParts,
  scopeMatches,
  scopeToText,
} from '../../../ts/core/auth/helpers.scopes.js';
import { cpuSince } from '../../support/cpu.js';
import { ofKind } from '../../support/expect.js';

const allows = (scope: string, resource: string, action: string): boolean => {
  const parsed = parseScope(scope);
  const parts = resourceToParts(resource);
  return parsed !== null && parts !== null && scopeMatches(parsed, parts, action);
};

t.test('what a scope grants', async (t) => {
  const table: [scope: string, resource: string, action: string, granted: boolean][] = [
    ['npm:package:express:read', 'npm:package:express', 'read', true],
    ['npm:package:express:read', 'npm:package:express', 'write', false],
    ['npm:package:express:read', 'npm:package:expres', 'read', false],
    ['npm:package:express:read', 'npm:package:express2', 'read', false],
    ['npm:package:express:read', 'npm:package:Express', 'read', false],
    ['npm:package:express:read', 'pypi:package:express', 'read', false],
    ['npm:package:express:read', 'npm:org:express', 'read', false],
    ['npm:package:*:write', 'npm:package:@scope/x', 'write', true],
    ['npm:package:*:write', 'npm:package:@scope/x', 'read', false],
    ['npm:package:*:write', 'npm:package:@scope/x', 'delete', false],
    ['npm:package:@scope/*:write', 'npm:package:@scope/x', 'write', true],
    ['npm:package:@scope/*:write', 'npm:package:@scope-evil/x', 'write', false],
    ['npm:package:@scope/*:write', 'npm:package:@scope', 'write', false],
    ['npm:package:a*b:read', 'npm:package:ab', 'read', true],
    ['npm:package:a*b:read', 'npm:package:a-b-b', 'read', true],
    ['npm:package:a*b:read', 'npm:package:a-b-c', 'read', false],
    ['npm:package:aa*aa:read', 'npm:package:aaa', 'read', false],
    ['npm:package:a*b*b:read', 'npm:package:ab', 'read', false],
    ['npm:package:*-a-*-b-*:read', 'npm:package:x-a-y-b-z', 'read', true],
    ['npm:package:*-a-*-b-*:read', 'npm:package:x-b-y-a-z', 'read', false],
    ['npm:package:*x*:read', 'npm:package:x', 'read', true],
    ['npm:package:**:read', 'npm:package:x', 'read', true],
    // a dot is a dot, not any character
    ['npm:package:a.c:read', 'npm:package:abc', 'read', false],
    ['npm:package:__proto__:read', 'npm:package:__proto__', 'read', true],
    ['npm:package:constructor:read', 'npm:package:toString', 'read', false],
    ['oci:repository:team/*:push', 'oci:repository:team/a/b', 'push', true],
    ['oci:repository:team/*:push', 'oci:repository:team/a/b', 'delete', false],
    ['oci:repository:team/*:push', 'oci:repository:team/a/b', 'pull', false],
    ['maven:artifact:com.acme:lib:read', 'maven:artifact:com.acme:lib', 'read', true],
    ['maven:artifact:com.acme:*:write', 'maven:artifact:com.acme:lib', 'write', true],
    ['maven:artifact:com.acme:*:write', 'maven:artifact:com.acme.evil:lib', 'write', false],
    ['maven:artifact:com.*:write', 'maven:artifact:com.acme:lib', 'write', true],
    ['composer:package:vendor/pkg:read', 'composer:package:vendor/pkg', 'read', true],
    ['cargo:*:*:*', 'cargo:crate:serde', 'delete', true],
    ['cargo:*:*:*', 'npm:package:serde', 'read', false],
    ['*:*:*:read', 'rubygems:gem:rails', 'read', true],
    ['*:*:*:read', 'rubygems:gem:rails', 'write', false],
    ['*:*:*:*', 'shelf:shelf:anything at all', 'delete', true],
    // these are no scopes and no resources, and grant nothing
    ['', 'npm:package:x', 'read', false],
    ['*', 'npm:package:x', 'read', false],
    ['npm:package:read', 'npm:package:x', 'read', false],
    ['npm:package::read', 'npm:package:x', 'read', false],
    ['npm:package:x:', 'npm:package:x', '', false],
    [' npm:package:x:read', 'npm:package:x', 'read', false],
    ['npm:package:x y:read', 'npm:package:x y', 'read', false],
    ['*:*:*:*', 'npm:package:', 'read', false],
    ['*:*:*:*', 'npm:package', 'read', false],
    ['*:*:*:*', 'npm::x', 'read', false],
    ['*:*:*:*', ':package:x', 'read', false],
    ['*:*:*:*', '', 'read', false],
  ];
  for (const [scope, resource, action, granted] of table) {
    t.equal(
      allows(scope, resource, action),
      granted,
      `${scope} ${granted ? 'grants' : 'does not grant'} ${action} of ${resource}`,
    );
  }
});

t.test('a hostile pattern costs no more than a kind one', async (t) => {
  const scope = parseScope(`npm:package:${'*a'.repeat(2000)}*b*:read`)!;
  const started = process.cpuUsage();
  t.notOk(scopeMatches(scope, { protocol: 'npm', type: 'package', name: 'a'.repeat(20_000) }, 'read'));
  t.ok(cpuSince(started) < 100, 'a regular expression would still be at it');
});

t.test('what two scopes grant together', async (t) => {
  const table: [a: string, b: string, both: string | null][] = [
    ['npm:*:*:*', '*:*:*:read', 'npm:*:*:read'],
    ['npm:package:@a/*:*', 'npm:package:@a/x:write', 'npm:package:@a/x:write'],
    ['npm:package:@a/*:write', 'npm:package:@b/*:write', null],
    ['oci:repository:*:push', 'oci:repository:team/*:*', 'oci:repository:team/*:push'],
    ['npm:*:*:*', 'oci:*:*:*', null],
    ['npm:package:a*:read', 'npm:package:*b:read', null],
    ['npm:package:x:read', 'npm:package:x:write', null],
  ];
  for (const [a, b, both] of table) {
    for (const [left, right] of [
      [a, b],
      [b, a],
    ] as const) {
      const result = intersectScopes(parseScope(left)!, parseScope(right)!);
      t.equal(result && scopeToText(result), both, `${left} and ${right}`);
    }
  }
});

t.test('a list of scopes', async (t) => {
  t.same(normalizeScopes(['oci:repository:a:pull,push', 'oci:repository:a:pull'], 'scopes'), [
    'oci:repository:a:pull',
    'oci:repository:a:push',
  ]);
  for (const wrong of ['npm', 'npm:package:x', 'npm:package:x:read,', 'npm:package:x:re ad', '']) {
    t.throws(() => normalizeScopes([wrong], 'auth.anonymousScopes'), {
      kind: 'invalid',
      message: /^auth\.anonymousScopes: /,
    });
  }
  t.throws(() => normalizeScopes([7 as unknown as string], 'scopes'), ofKind('invalid'));

  const changing = ['npm:package:a:read'];
  parseScopes(changing);
  changing.push('npm:package:b:read');
  t.equal(parseScopes(changing).length, 2, 'a list that can change is not remembered');
});

t.test('permissions are what all layers share, and what anybody may', async (t) => {
  const permissions = new Permissions({
    layers: [['npm:package:@a/*:*'], ['*:*:*:read', '*:*:*:write']],
    anybody: ['npm:package:open:read'],
  });
  t.ok(permissions.allows('npm:package:@a/x', 'write'));
  t.notOk(permissions.allows('npm:package:@a/x', 'delete'), 'the second layer has no delete');
  t.notOk(permissions.allows('npm:package:@b/x', 'write'), 'the first layer has no @b');
  t.ok(permissions.allows('npm:package:open', 'read'));
  t.notOk(permissions.allows('npm:package:open', 'write'));
  t.ok(permissions.allowsSome('npm', 'package', 'write'));
  t.notOk(permissions.allowsSome('npm', 'package', 'delete'));
  t.notOk(permissions.allowsSome('pypi', 'package', 'write'));
  t.notOk(permissions.allowsAll('npm', 'package', 'write'));
  t.same(permissions.narrow(['*:*:*:*']), ['npm:package:@a/*:read', 'npm:package:@a/*:write', 'npm:package:open:read']);

  const readOnly = new Permissions({ layers: [['*:*:*:*']], anybody: ['npm:*:*:write'], readonly: true });
  t.ok(readOnly.allows('oci:repository:x', 'pull'));
  for (const action of ['write', 'push', 'delete', '*']) t.notOk(readOnly.allows('npm:package:x', action), action);
  t.notOk(readOnly.allowsSome('npm', 'package', 'write'));
  t.notOk(readOnly.allowsAll('npm', 'package', 'write'));
  t.ok(readOnly.allowsAll('npm', 'package', 'read'));
  t.same(readOnly.narrow(['oci:repository:x:*']).sort(), ['oci:repository:x:pull', 'oci:repository:x:read']);

  t.notOk(
    new Permissions({ layers: [], anybody: [] }).allows('npm:package:x', 'read'),
    'no layer is no right, not every right',
  );
});
