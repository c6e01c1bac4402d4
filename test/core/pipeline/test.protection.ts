import t from 'tap';
import { withProtection } from '../../../ts/core/pipeline/helpers.protection.js';
import {
  BaseRegistry,
  type IProtocolConfig,
  type IRegistryServices,
  type IRoute,
  type RegistryError,
  respond,
} from '../../../ts/index.js';
import { npmWorld } from '../../support/npm/actors.js';
import { ociWorld } from '../../support/oci/actors.js';
import { content, image } from '../../support/oci/samples.js';
import { type IAnswer, send, startRegistry } from '../../support/registry.js';
import { shelf } from '../../support/shelf.js';

const POLICY = "sandbox allow-downloads; default-src 'none'";
const isProtected = ({ headers }: Pick<IAnswer, 'headers'>): boolean =>
  headers['X-Content-Type-Options'] === 'nosniff' && headers['Content-Security-Policy'] === POLICY;

t.test('npm: whatever a caller has uploaded, no browser runs it on the origin of the registry', async (t) => {
  const { writer, registry } = await npmWorld(t);
  await writer.publish('a', '1.0.0');
  const paths = ['/a', '/a/1.0.0', '/a/-/a-1.0.0.tgz', '/-/v1/search?text=a', '/-/ping', '/none', '/-/whoami'];
  for (const round of ['at first', 'again']) {
    for (const path of paths) t.ok(isProtected(await writer.get(path)), `${path} ${round}`);
  }
  t.ok(isProtected(await writer.send('HEAD', '/a')));
  const { ETag = '' } = (await writer.get('/a')).headers;
  const unchanged = await writer.get('/a', { 'if-none-match': ETag });
  t.equal(unchanged.status, 304);
  t.ok(isProtected(unchanged));
  t.ok(isProtected(await writer.publish('a', '1.0.0')), 'a refusal');
  t.ok(isProtected(await send(registry, 'GET', '/nothing')), 'below no mount');
  const { loginUrl } = (await writer.post('/-/v1/login', {})).json();
  const page = await writer.get(new URL(loginUrl as string).pathname.slice('/npm'.length));
  t.match(page.headers, { 'X-Content-Type-Options': 'nosniff', 'Content-Security-Policy': /form-action 'self'/ });
});

t.test('OCI: blobs and manifests likewise', async (t) => {
  const { writer } = await ociWorld(t);
  const html = content('<script>alert(document.domain)</script>');
  await writer.pushBlob('a', html);
  await writer.pushImage('a', 'v1', image('x'));
  for (const path of [`/a/blobs/${html.digest}`, '/a/manifests/v1', '/a/tags/list', '/_catalog', '/', '/a/blobs/x']) {
    t.ok(isProtected(await writer.get(path)), path);
  }
  t.ok(isProtected(await writer.get(`/a/blobs/${html.digest}`, { range: 'bytes=0-9' })), 'a part of it');
  t.ok(isProtected(await writer.head(`/a/blobs/${html.digest}`)));
});

t.test('a protocol of the user’s own, without doing anything for it', async (t) => {
  const registry = await startRegistry(t, { registries: [shelf] });
  t.ok(isProtected(await send(registry, 'GET', '/shelf/about')));
  t.ok(isProtected(await send(registry, 'GET', '/shelf/none/x')));
});

t.test('the message of an internal error is for the log, not for callers', async (t) => {
  const logged: [string, Record<string, unknown> | undefined][] = [];
  const logger = { info() {}, warn() {}, error: (...entry: (typeof logged)[0]) => void logged.push(entry) };
  const registry = await startRegistry(t, { registries: [shelf], logger });
  // a stored document that does not parse
  await registry.getStorage().store.put('shelf/documents/a.json', Buffer.from('{"secret detail'), {});
  for (const path of ['/shelf/a', '/shelf/a/x']) {
    const { status, text } = await send(registry, 'GET', path);
    t.equal(status, 500, path);
    t.equal(text, '{"problem":"The registry failed to answer this request"}', path);
  }
  t.equal(logged.length, 2);
  for (const [message, fields] of logged) {
    t.match(fields, { kind: 'internal', protocol: 'shelf' });
    t.not(message, 'The registry failed to answer this request', 'an operator learns what is wrong');
  }
});

t.test('what a handler says itself stays, in any spelling', async (t) => {
  const headers = { 'content-security-policy': "default-src 'self'", 'x-content-type-options': 'nosniff' };
  t.same(withProtection({ status: 200, headers: { ...headers } }).headers, headers);
  const frozen = Object.freeze({ status: 200, headers: Object.freeze({ ETag: '"x"' }) });
  t.ok(isProtected(withProtection(frozen)), 'also if the answer is frozen');
});

/** A protocol whose answer cannot be let go: `HEAD` has to give up the body of it. */
class Stubborn extends BaseRegistry {
  public readonly protocol = 'stubborn';

  protected routes(): IRoute[] {
    const cancel = () => Promise.reject(new Error('secret detail'));
    const handle = async () => ({ status: 200, headers: {}, body: new ReadableStream<Uint8Array>({ cancel }) });
    return [{ method: 'GET', path: '/x', access: 'public', handle }];
  }

  protected renderError = ({ status, message }: RegistryError) => respond(status, message);
}

t.test(
  'an answer that fails when it is made ready is an error like any other: told to the log, and protected',
  async (t) => {
    const logged: unknown[] = [];
    const logger = { info() {}, warn() {}, error: (...entry: unknown[]) => void logged.push(entry) };
    const create = (services: IRegistryServices, config: IProtocolConfig) => new Stubborn(services, config);
    const registry = await startRegistry(t, {
      registries: [{ protocol: 'stubborn', basePath: '/stubborn', create }],
      logger,
    });
    const answer = await send(registry, 'HEAD', '/stubborn/x');
    t.equal(answer.status, 500);
    t.ok(isProtected(answer));
    t.notMatch(JSON.stringify(answer), /secret detail/);
    t.equal(logged.length, 1);
  },
);
