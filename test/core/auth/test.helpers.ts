import { createHash } from 'node:crypto';
import t from 'tap';
import { isOperator, operatorToken } from '../../../ts/core/auth/helpers.operator.js';
import { globMatcher, isReadAction } from '../../../ts/core/auth/helpers.scopes.js';
import { areTokensEnabled, checkTokenOptions, tokenSettings } from '../../../ts/core/auth/helpers.tokenoptions.js';
import {
  hashToken,
  isTokenId,
  looksLikeOpaqueToken,
  newTokenSecret,
  tokenHint,
} from '../../../ts/core/auth/helpers.tokens.js';
import { encodeUserName, requireUserName, toUserName } from '../../../ts/core/auth/helpers.usernames.js';
import { keyedHash, requirePassword } from '../../../ts/core/auth/passwords/helpers.passwords.js';
import { plainFormatOf, plainSessionFormat } from '../../../ts/core/auth/sessions/helpers.sessionformat.js';
import type { IAuthConfig } from '../../../ts/index.js';
import { ofKind } from '../../support/expect.js';

t.test('the secrets of tokens, and what is taken for one', async (t) => {
  const npm = newTokenSecret('npm');
  t.match(npm, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  const oci = newTokenSecret('oci');
  t.match(oci, /^srt_oci_[0-9A-Za-z]{43}$/);
  t.not(newTokenSecret('oci'), oci);
  t.match(newTokenSecret('My.Own Protocol'), /^srt_my-own-protocol_[0-9A-Za-z]{43}$/);
  const characters = new Set(Array.from({ length: 60 }, () => newTokenSecret('x').slice(6)).join(''));
  t.equal(characters.size, 62, 'all characters occur');
  for (const secret of [npm, oci, newTokenSecret('a_b'), newTokenSecret('v2')]) {
    t.equal(looksLikeOpaqueToken(secret), true, secret);
    for (const other of [`${secret}0`, secret.slice(0, -1), ` ${secret}`, `${secret}\n`, secret.replace(/^./, '')]) {
      t.equal(looksLikeOpaqueToken(other), false, other);
    }
  }
  t.equal(looksLikeOpaqueToken(npm.toUpperCase()), /^[0-9-]*$/.test(npm), 'we write small letters');
  t.equal(hashToken('abc'), createHash('sha256').update('abc').digest('hex'));
  const id = hashToken('abc');
  t.equal(isTokenId(id), true);
  for (const other of [id.slice(1), `${id}0`, id.toUpperCase(), npm, '']) t.equal(isTokenId(other), false, other);
  t.equal(tokenHint('0123456789'), '012345');
  t.equal(tokenHint('srt_oci_abcdefgh'), 'srt_oci_abcd');
});

t.test('the name of a user, and its segment of a key', async (t) => {
  t.equal(toUserName('x'.repeat(200)), 'x'.repeat(200));
  t.equal(toUserName('ü'.repeat(100)), 'ü'.repeat(100));
  t.equal(toUserName('u\u0308'), '\u00fc', 'normalised');
  for (const name of [
    'x'.repeat(201),
    `x${'ü'.repeat(100)}`,
    '',
    ' a',
    'a ',
    'a:b',
    'a/b',
    'a\u2029b',
    7,
    null,
    undefined,
  ]) {
    t.equal(toUserName(name), null, encodeURI(String(name)));
    t.throws(() => requireUserName(name), { kind: 'invalid', message: /1 to 200 bytes/ } as never);
  }
  t.equal(requireUserName('ann'), 'ann');
  t.equal(encodeUserName('Ann_b-9'), 'Ann_b-9');
  t.equal(encodeUserName('..'), '%2E%2E');
  t.equal(encodeUserName('a b%ü\u0001'), 'a%20b%25%C3%BC%01');
});

t.test('options of a new token', async (t) => {
  t.same(checkTokenOptions({}, 'npm'), {}, 'only what is given');
  const all = { scopes: ['npm:a:b:read,write', '*:*:*:*'], readonly: false, expiresIn: 60, sliding: true, name: 'ci' };
  t.same(checkTokenOptions(all, 'npm'), { ...all, scopes: ['npm:a:b:read', 'npm:a:b:write', '*:*:*:*'] });
  t.same(checkTokenOptions({ sliding: true }, 'npm'), {}, 'nothing slides without an end');
  t.same(checkTokenOptions({ name: 'x'.repeat(201) }, 'npm'), { name: 'x'.repeat(200) });
  const century = 100 * 365 * 24 * 60 * 60;
  t.same(checkTokenOptions({ expiresIn: century }, 'npm'), { expiresIn: century });
  for (const expiresIn of [century + 1, 0, -1, Number.NaN]) {
    t.throws(() => checkTokenOptions({ expiresIn }, 'npm'), ofKind('invalid'), String(expiresIn));
  }
  t.throws(() => checkTokenOptions({ scopes: ['npm:a:b:read', 'oci:a:b:pull'] }, 'npm'), {
    message: 'scopes: oci:a:b:pull has no effect in a token for npm',
  });
});

t.test('the block of the configuration for tokens of a protocol', async (t) => {
  const config = { npmTokens: { enabled: false, defaultReadOnly: true }, ociTokens: { enabled: true } } as unknown;
  const blocks = config as IAuthConfig;
  t.same(tokenSettings(blocks, 'npm'), { enabled: false, defaultReadOnly: true });
  t.same(tokenSettings(blocks, 'pypi'), {});
  t.same(tokenSettings(Object.create({ mavenTokens: { enabled: false } }), 'maven'), {}, 'only its own');
  t.equal(areTokensEnabled(blocks, 'npm'), false);
  t.equal(areTokensEnabled(blocks, 'oci'), true);
  t.equal(areTokensEnabled(blocks, 'pypi'), true, 'a block that is missing means enabled');
});

t.test('the operator is known by the object, not by what is in it', async (t) => {
  const token = operatorToken('import');
  t.same(token, { userId: 'import', scopes: ['*:*:*:*'] });
  t.ok(Object.isFrozen(token) && Object.isFrozen(token.scopes));
  t.equal(isOperator(token), true);
  t.equal(isOperator({ ...token }), false);
  t.equal(isOperator(null), false);
});

t.test('which actions read, and globs for texts', async (t) => {
  for (const action of ['read', 'pull']) t.equal(isReadAction(action), true, action);
  for (const action of ['write', 'push', 'delete', '*', '']) t.equal(isReadAction(action), false, action);
  const matches = globMatcher(['v*', 'release']);
  for (const text of ['v', 'v1', 'release']) t.equal(matches(text), true, text);
  for (const text of ['', 'x', 'release1', 'xv']) t.equal(matches(text), false, text);
  t.equal(globMatcher([])('x'), false);
});

t.test('which passwords can be', async (t) => {
  for (const password of ['x', 'x'.repeat(1024)]) t.doesNotThrow(() => requirePassword(password));
  for (const password of ['', 'x'.repeat(1025), 7, undefined]) {
    t.throws(() => requirePassword(password), { kind: 'invalid', message: /1 to 1024/ } as never);
  }
});

t.test('a keyed hash tells its parts apart', async (t) => {
  const key = Buffer.from('key');
  const one = keyedHash(key, 'a', 'b', undefined).toString('hex');
  t.equal(keyedHash(key, 'a', 'b', undefined).toString('hex'), one);
  for (const parts of [
    ['ab', ''],
    ['a', 'b'],
    ['a', 'b', ''],
    ['b', 'a', undefined],
    ['a', 'b', undefined, 'c'],
  ]) {
    t.not(keyedHash(key, ...parts).toString('hex'), one, JSON.stringify(parts));
  }
  t.not(keyedHash(Buffer.from('other'), 'a', 'b', undefined).toString('hex'), one);
});

t.test('the plain format of session tokens', async (t) => {
  const format = plainSessionFormat('shelf');
  t.match(format, {
    protocol: 'shelf',
    issuer: 'smartregistry',
    issuers: ['smartregistry'],
    audience: 'smartregistry/shelf',
    trustsOthers: false,
    actions: ['read', 'write', 'delete'],
  });
  t.same(format.toClaims(['a:b:c:d', 'e:f:g:h']), { scope: 'a:b:c:d e:f:g:h' });
  t.same(format.toScopes({ scope: 'a:b:c:d nonsense a:b:c:d  e:f:g:h' }), ['a:b:c:d', 'e:f:g:h']);
  for (const scope of [undefined, 7, ['a:b:c:d'], '']) t.same(format.toScopes({ scope }), []);
  t.equal(plainFormatOf('smartregistry/shelf')?.protocol, 'shelf');
  for (const audience of ['smartregistry/', 'smartregistry', 'other/shelf', '']) {
    t.equal(plainFormatOf(audience), undefined, audience);
  }
});
