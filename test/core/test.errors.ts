import t from 'tap';
import { ConfigError } from '../../ts/core/classes.configerror.js';
import { RegistryError, type TErrorKind } from '../../ts/core/classes.registryerror.js';

t.test('each kind of error has its HTTP status', async (t) => {
  const table: Record<TErrorKind, number> = {
    invalid: 400,
    digestMismatch: 400,
    unauthenticated: 401,
    forbidden: 403,
    notFound: 404,
    methodNotAllowed: 405,
    notAcceptable: 406,
    timeout: 408,
    alreadyExists: 409,
    conflict: 409,
    lengthRequired: 411,
    preconditionFailed: 412,
    tooLarge: 413,
    rangeInvalid: 416,
    unprocessable: 422,
    rateLimited: 429,
    unsupported: 501,
    upstreamFailed: 502,
    unavailable: 503,
    outcomeUnknown: 503,
    internal: 500,
  };
  for (const [kind, status] of Object.entries(table)) {
    t.equal(new RegistryError(kind as TErrorKind, 'x').status, status, kind);
  }
});

t.test('an error keeps what it was made with', async (t) => {
  const cause = new Error('why');
  const options = { wireCode: 'CODE', status: 415, headers: { Allow: 'GET' }, detail: { a: 1 }, cause };
  const error = new RegistryError('invalid', 'a sentence', options);
  t.match(error, { ...options, kind: 'invalid', message: 'a sentence', name: 'RegistryError' });
  const plain = new RegistryError('notFound', 'gone');
  t.same([plain.wireCode, plain.detail, plain.headers], [undefined, undefined, {}]);
  t.notOk('cause' in plain, 'no cause is not a cause that is undefined');
});

t.test('every 503 says when to try again', async (t) => {
  t.same(new RegistryError('unavailable', 'x').headers, { 'Retry-After': '5' });
  t.same(new RegistryError('outcomeUnknown', 'x').headers, { 'Retry-After': '5' });
  const own = new RegistryError('unavailable', 'x', { headers: { 'Retry-After': '1', Allow: 'GET' } });
  t.same(own.headers, { 'Retry-After': '1', Allow: 'GET' });
  t.same(new RegistryError('unavailable', 'x', { status: 409 }).headers, {});
});

t.test('whatever is thrown becomes an error of the registry', async (t) => {
  const own = new RegistryError('conflict', 'x');
  t.equal(RegistryError.from(own), own);
  for (const name of ['AbortError', 'TimeoutError']) {
    const thrown = Object.assign(new Error('secret'), { name });
    const error = RegistryError.from(thrown);
    t.match(error, { kind: 'timeout', status: 408, cause: thrown }, name);
    t.notMatch(error.message, /secret/);
  }
  for (const thrown of [new Error('secret'), 'secret', undefined, { name: 'AbortError' }]) {
    const error = RegistryError.from(thrown);
    t.match(error, { kind: 'internal', status: 500 });
    t.equal(error.cause, thrown);
    t.notMatch(error.message, /secret/);
  }
  t.ok(RegistryError.is(own, 'conflict'));
  t.notOk(RegistryError.is(own, 'invalid'));
  t.notOk(RegistryError.is({ kind: 'conflict' }, 'conflict'));
});

t.test('a wrong configuration is named by the path of its field', async (t) => {
  const error = new ConfigError('auth.jwtSecret', 'is missing');
  t.match(error, { name: 'ConfigError', field: 'auth.jwtSecret', message: 'config.auth.jwtSecret is missing' });
  t.same(error.problems, [error.message]);
  const whole = new ConfigError('', 'must be an object');
  t.equal(whole.message, 'config must be an object');
  t.equal(whole.among([whole, error]), whole);
  t.same(whole.problems, [whole.message, error.message]);
});
